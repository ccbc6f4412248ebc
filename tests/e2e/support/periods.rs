//! The truth of what Gong counts by period: asked of the simulator's world month by month, as the program must have asked.

use chrono::{DateTime, Datelike, Months, NaiveDate, Utc};
use gong_sim::World;
use serde_json::{Value, json};

/// Records of the four entities by period, with the period's first day and the fan-out's ids beside them.
pub fn truth(world: &World, start: NaiveDate, now: DateTime<Utc>) -> Vec<(&'static str, Vec<Value>)> {
    let zone = world.spec.zone;
    let today = now.with_timezone(&zone).date_naive();
    let (mut aggregate, mut interaction, mut coaching) = (Vec::new(), Vec::new(), Vec::new());
    let mut month = start.with_day(1).expect("a first day");
    while month <= today {
        let end = month + Months::new(1);
        let days = (month, end.min(today));
        if days.0 < days.1 {
            aggregate.extend(marked(world.truth_aggregate(days, now), &[("_from", month.to_string())]));
            interaction.extend(marked(world.truth_interaction(days, now), &[("_from", month.to_string())]));
        }
        coaching.extend(coached(world, month, end, now));
        month = end;
    }
    let daily = world.truth_day_by_day((start, today), now);
    vec![
        ("stats_activity_aggregate", aggregate),
        ("stats_interaction", interaction),
        ("stats_activity_day_by_day", daily),
        ("coaching", coaching),
    ]
}

fn coached(world: &World, from: NaiveDate, to: NaiveDate, now: DateTime<Utc>) -> Vec<Value> {
    let zone = world.spec.zone;
    let midnight = |day: NaiveDate| day.and_hms_opt(0, 0, 0).expect("midnight").and_local_timezone(zone).earliest();
    let instant = |day| midnight(day).expect("an instant").with_timezone(&Utc);
    let users = world.truth("users", now);
    let managers: std::collections::BTreeSet<&str> = users.iter().filter_map(|u| u["managerId"].as_str()).collect();
    let mut records = Vec::new();
    for workspace in world.truth("workspaces", now) {
        let workspace = workspace["id"].as_str().expect("an id").to_owned();
        for manager in &managers {
            let found = world.truth_coaching(&workspace, manager, instant(from), instant(to).min(now), now);
            let marks =
                [("_from", from.to_string()), ("_workspace", workspace.clone()), ("_manager", (*manager).to_owned())];
            records.extend(marked(found, &marks));
        }
    }
    records
}

fn marked(records: Vec<Value>, marks: &[(&str, String)]) -> Vec<Value> {
    let mark = |mut record: Value| {
        for (name, value) in marks {
            record[*name] = json!(value);
        }
        record
    };
    records.into_iter().map(mark).collect()
}

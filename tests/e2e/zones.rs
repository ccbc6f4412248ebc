//! The company's zone is learned late, set wrongly or changed: what was cut by other days is read again in the right ones.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use gong_elt::sink::{Cell, read_columns};
use gong_sim::{Fault, Matcher, ServerOptions, World, WorldSpec};

use crate::support::Rig;
use crate::support::look::go_to;
use crate::support::refusal::replaced;
use crate::support::rig::end;
use crate::support::truth::assert_conserved;

const ZONE: &str = "Pacific/Auckland";
const COUNTED: &str = "entities = [\"stats_activity_scorecards\", \"stats_activity_day_by_day\", \"stats_activity_aggregate\", \
    \"stats_interaction\", \"coaching\"]";

fn rig(zone: &str) -> Rig {
    let spec = WorldSpec { zone: zone.parse().expect("a zone"), ..WorldSpec::small(3) };
    let rig = Rig::new(World::generate(spec), ServerOptions::unlimited());
    rig.configure(COUNTED);
    rig
}

/// The zones that the rows of all tables name.
fn zones(rig: &Rig) -> BTreeSet<String> {
    let dated = ["stats_activity_day_by_day", "stats_activity_aggregate", "stats_interaction", "coaching"];
    let mut found = BTreeSet::new();
    for (path, _) in rig.objects().iter().filter(|(path, _)| dated.iter().any(|entity| path.starts_with(entity))) {
        let bytes = std::fs::read(rig.data().join(path)).expect("an object").into();
        for cells in read_columns(bytes, &["time_zone"]).expect("a table") {
            found.extend(cells.into_iter().filter_map(Cell::text));
        }
    }
    found
}

#[track_caller]
fn assert_right(rig: &Rig, context: &str) {
    assert_conserved(rig, context);
    assert_eq!(zones(rig), BTreeSet::from([ZONE.to_owned()]), "{context}");
    let left = "SELECT count(*) FROM unit WHERE time_zone <> ?1";
    let left: u64 = rig.ledger().query_row(left, [ZONE], |row| row.get(0)).expect("a count");
    assert_eq!(left, 0, "{context}: units of other days");
}

/// Statistics, which tell the zone, are refused.
fn hide(rig: &Rig) {
    for path in ["/v2/stats/activity/aggregate", "/v2/stats/activity/day-by-day", "/v2/stats/interaction"] {
        let refused = Fault::Status { status: 403, text: "Access denied".to_owned() };
        rig.server.faults().always(Matcher::path(path), refused);
    }
}

#[test]
fn a_zone_that_is_learned_late_makes_what_was_cut_by_utc_days_due() {
    // GIVEN a company whose statistics were refused, so that its coaching was read by UTC's months
    let rig = rig(ZONE);
    hide(&rig);
    let report = rig.sync_to(1);
    let warned = "the company's time zone could not be learned from its statistics: days are taken as UTC's";
    assert!(report["warnings"].to_string().contains(warned), "{report}");
    assert_eq!(zones(&rig), BTreeSet::from(["UTC".to_owned()]));
    // WHEN they are no longer
    rig.server.faults().clear();
    let plan = rig.run(&["plan", "--format", "json"]).expect(0).json();
    rig.sync();
    // THEN everything is in the company's days, what had settled long ago too
    assert_right(&rig, "once the zone is known");
    // AND it is read again once
    assert_eq!(rig.sync()["requests"], 0, "the plan before: {plan}");
}

#[test]
fn killed_while_the_zone_was_unknown_nothing_staged_of_utc_days_is_used() {
    for place in ["staged:12", "before-object:9", "object:4"] {
        // GIVEN a run killed in the midst of UTC days
        let rig = rig(ZONE);
        hide(&rig);
        let killed = end(rig.command(&["sync"]).env("GONG_ELT_FAILPOINT", place));
        assert_eq!(killed.code, -1, "{place}: {}", killed.stderr);
        // WHEN the zone is known THEN all days are the company's
        rig.server.faults().clear();
        rig.sync();
        assert_right(&rig, place);
    }
}

#[test]
fn a_zone_that_is_set_wrongly_is_told_of_and_mended_when_it_is_set_right() {
    // GIVEN a wrong zone in the settings
    let rig = rig(ZONE);
    let set = |old: &str, new: &str| replaced(&rig, old, &format!("{new}access_key ="));
    set("access_key =", "time_zone = \"Europe/Berlin\"\n");
    // WHEN the account is read THEN the answers tell
    let report = rig.sync();
    let told = format!("source.time_zone is Europe/Berlin, but Gong counts days in {ZONE}: set it right, or remove it");
    assert_eq!(report["warnings"], serde_json::json!([told]));
    // WHEN it is set right THEN all is read again in those days
    set("time_zone = \"Europe/Berlin\"\naccess_key =", &format!("time_zone = \"{ZONE}\"\n"));
    rig.server.clock().advance(TimeDelta::hours(1));
    assert_eq!(rig.sync()["warnings"], serde_json::json!([]));
    assert_right(&rig, "set right");
}

#[test]
fn a_company_that_moves_is_followed_by_the_run_after() {
    // GIVEN an account that was read in one zone
    let rig = rig("America/Los_Angeles");
    rig.sync();
    assert_eq!(zones(&rig), BTreeSet::from(["US/Pacific".to_owned()]));
    // WHEN the company sets another one in Gong
    rig.server.world().spec.zone = ZONE.parse().expect("a zone");
    rig.server.clock().advance(TimeDelta::days(1));
    // THEN the run that sees it says so
    let report = rig.sync();
    let told = format!("the company's time zone is {ZONE} now: the next run reads again");
    assert!(report["warnings"].to_string().contains(&told), "{}", report["warnings"]);
    // AND the next one reads all again in the new days, and is then content
    rig.sync();
    assert_right(&rig, "after the move");
    assert_eq!(rig.sync()["requests"], 0);
}

#[test]
fn what_was_begun_of_a_day_that_has_not_begun_in_the_new_zone_waits_for_it() {
    const REVIEWS: &str = "stats_activity_scorecards";
    // GIVEN reviews of a running day in Auckland, and a run that was killed while it read them again
    let spec = WorldSpec { zone: ZONE.parse().expect("a zone"), calls: 600, days: 40, ..WorldSpec::small(3) };
    let rig = Rig::new(World::generate(spec), ServerOptions::unlimited());
    rig.configure(&format!("entities = [\"{REVIEWS}\"]"));
    let set = |old: &str, new: &str| replaced(&rig, old, &format!("{new}access_key ="));
    let named = |zone: &str| format!("time_zone = \"{zone}\"\n");
    set("access_key =", &named(ZONE));
    let day = || {
        let query = "SELECT rows, object IS NOT NULL FROM unit WHERE entity = ?1 AND from_day = '2026-05-02'";
        let found = rig.ledger().query_row(query, [REVIEWS], |row| Ok((row.get::<_, u64>(0)?, row.get::<_, bool>(1)?)));
        found.expect("a unit")
    };
    go_to(&rig, "2026-05-02T03:00:00Z");
    rig.sync();
    let before = day();
    assert!((1..20).contains(&before.0) && before.1, "{before:?}");
    go_to(&rig, "2026-05-02T05:00:00Z");
    let killed = end(rig.command(&["sync"]).env("GONG_ELT_FAILPOINT", "encoding:1"));
    assert_eq!(killed.code, -1, "{}", killed.stderr);
    let open = "SELECT count(*) FROM open_unit WHERE entity = ?1 AND from_day = '2026-05-02'";
    let open = |rig: &Rig| rig.ledger().query_row(open, [REVIEWS], |row| row.get::<_, u64>(0)).expect("a count");
    assert_eq!(open(&rig), 1, "the day is begun");
    // WHEN the company's zone becomes one where it is still the day before
    let other = "America/Los_Angeles";
    rig.server.world().spec.zone = other.parse().expect("a zone");
    set(&format!("{}access_key =", named(ZONE)), &named(other));
    rig.sync();
    // THEN what is there of the day stays
    assert_eq!(day(), before);
    // AND the day is read once it has begun
    go_to(&rig, "2026-05-02T10:00:00Z");
    rig.sync();
    assert_eq!(open(&rig), 0);
    assert_conserved(&rig, "in the new zone");
}

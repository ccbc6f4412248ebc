//! Answers that are held in memory, because media links are in them: none is ever served to another unit.

use std::time::Duration;

use chrono::TimeDelta;
use gong_sim::{Fault, Matcher};

use crate::support::Rig;
use crate::support::look::{ask, bare, call_at};
use crate::support::rig::{DAILY, FIVE};

/// Days of the account. The newest are read first, eight side by side.
const DAYS: std::ops::RangeInclusive<u32> = 6..=16;
/// The day that is not believed: the ninth.
const DISBELIEVED: u32 = 8;
/// The day that is read when that one has ended.
const NEXT: u32 = 7;

fn date(day: u32) -> String {
    format!("2026-05-{day:02}")
}

/// Lets the listing of a day wait.
fn hold(rig: &Rig, day: u32) {
    let listing = Matcher::path("/v2/calls/extensive").containing(&format!("\"fromDateTime\":\"{}", date(day)));
    rig.server.faults().once(listing, Fault::Hold { name: date(day) });
}

fn assert_held(rig: &Rig, day: u32) {
    assert!(rig.server.faults().wait_held(&date(day), Duration::from_secs(60)), "{day} is asked for");
}

#[test]
fn a_window_that_begins_after_a_disbelieved_one_is_asked_for() {
    // GIVEN windows that are listed through their details, with media links, one of which loses nearly all its calls
    let rig = bare();
    let through = "[entities.calls]\ncalls_from = \"details\"\n[entities.calls_extensive]\ninclude_media_urls = true";
    rig.configure(&format!("{DAILY}\nwindow = \"day\"\n{FIVE}\n{through}"));
    let calls = |day: u32| if day == DISBELIEVED { 30 } else { 2 };
    let start = |day: u32, n: u32| format!("{}T10:{n:02}:00Z", date(day));
    let ids: Vec<(u32, String)> = DAYS
        .flat_map(|day| (0..calls(day)).map(move |n| (day, n)))
        .map(|(day, n)| (day, call_at(&rig, &start(day, n))))
        .collect();
    rig.sync();
    for (_, id) in ids.iter().filter(|(day, _)| *day == DISBELIEVED).skip(1) {
        rig.server.world().delete_call(id, rig.now());
    }
    rig.server.clock().advance(TimeDelta::days(1));
    // WHEN it is read beside others that wait, and the next window begins when it has ended
    let others = DISBELIEVED + 1..=*DAYS.end();
    others.clone().for_each(|day| hold(&rig, day));
    hold(&rig, *DAYS.start());
    let mut sync = rig.spawn(&["sync"]);
    others.clone().for_each(|day| assert_held(&rig, day));
    rig.server.faults().release(&date(*DAYS.end()));
    assert_held(&rig, *DAYS.start());
    DAYS.filter(|day| *day != DISBELIEVED && *day != NEXT).for_each(|day| rig.server.faults().release(&date(day)));
    assert_eq!(sync.wait().expect("a child").code(), Some(1));
    // THEN it keeps its calls, and the next window has its own
    for (table, key) in [("calls", "id"), ("calls_extensive", "call_id"), ("call_transcripts", "call_id")] {
        let of_day = |day: u32| {
            let day = date(day);
            format!(
                "SELECT string_agg(DISTINCT {key}, ' ' ORDER BY {key}) FROM TABLE WHERE split_part(_object, '/', 3)[1:10] = '{day}'"
            )
        };
        for day in [DISBELIEVED, NEXT] {
            let mut expected: Vec<&str> = ids.iter().filter(|(of, _)| *of == day).map(|(_, id)| id.as_str()).collect();
            expected.sort_unstable();
            assert_eq!(ask(&rig, table, &of_day(day)), format!("[('{}',)]", expected.join(" ")), "{table}");
        }
    }
}

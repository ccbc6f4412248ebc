//! Window edges and keys: a call near midnight lands once, with its details and transcript (T-14, T-32), and one that moved has one window.

use chrono::{DateTime, TimeDelta, Utc};
use gong_sim::NewCall;

use crate::support::Rig;
use crate::support::ledger::assert_whole;
use crate::support::look::{ask, bare, go_to, instant, objects_of, rows, status};
use crate::support::truth::assert_conserved;

/// Adds a web meeting with a planned and a real start.
fn meeting(rig: &Rig, scheduled: &str, started: &str) -> String {
    let (scheduled, started) = (instant(scheduled), instant(started));
    let ended: DateTime<Utc> = started + TimeDelta::minutes(35);
    rig.server.world().add_call(NewCall { scheduled, started, ..NewCall::at(started).visible_at(ended) })
}

/// The files of a table in which a call is, by their last step.
fn files(rig: &Rig, table: &str, key: &str, id: &str) -> String {
    ask(rig, table, &format!("SELECT split_part(_object, '/', 3) FROM TABLE WHERE {key} = '{id}'"))
}

#[test]
fn t14_a_meeting_planned_before_midnight_and_begun_after_it_lands_once_in_all_three_tables() {
    // GIVEN one planned at 23:55 that began at 00:07, and one planned at 00:05 that began at 23:58
    let rig = bare();
    meeting(&rig, "2026-04-02T10:00:00Z", "2026-04-02T10:00:00Z");
    let late = meeting(&rig, "2026-05-12T23:55:00Z", "2026-05-13T00:07:00Z");
    let early = meeting(&rig, "2026-05-14T00:05:00Z", "2026-05-13T23:58:00Z");
    let edge = meeting(&rig, "2026-05-16T00:00:00Z", "2026-05-16T00:00:00Z");
    // WHEN the account is read night after night over both edges
    for at in [
        "2026-05-13T00:01:00Z",
        "2026-05-13T02:00:00Z",
        "2026-05-14T00:06:00Z",
        "2026-05-14T02:00:00Z",
        "2026-05-17T02:00:00Z",
    ] {
        go_to(&rig, at);
        rig.sync();
    }
    // THEN each is in the window of its plan, with its details and transcript, and nowhere else
    for (id, file) in
        [(&late, "2026-05-12_2026-05-13"), (&early, "2026-05-14_2026-05-15"), (&edge, "2026-05-16_2026-05-17")]
    {
        for (table, key) in [("calls", "id"), ("calls_extensive", "call_id"), ("call_transcripts", "call_id")] {
            assert_eq!(files(&rig, table, key, id), format!("[('{file}.parquet',)]"), "{table}");
        }
    }
    assert_conserved(&rig, "over both edges");
}

#[test]
fn t32_each_transcript_of_three_days_lands_in_its_own_day() {
    // GIVEN calls of three days
    let rig = bare();
    let days = ["2026-05-15", "2026-05-16", "2026-05-17"];
    let ids = days.map(|day| meeting(&rig, &format!("{day}T10:00:00Z"), &format!("{day}T10:02:00Z")));
    rig.sync();
    // THEN each transcript is in the object of its day, with its own start
    for (id, day) in ids.iter().zip(days) {
        let query = format!(
            "SELECT split_part(_object, '/', 3)[1:10], strftime(call_started, '%Y-%m-%d %H:%M') FROM TABLE WHERE call_id = '{id}'"
        );
        assert_eq!(ask(&rig, "call_transcripts", &query), format!("[('{day}', '{day} 10:02')]"));
        assert_eq!(ask(&rig, "calls_extensive", &query), format!("[('{day}', '{day} 10:02')]"));
    }
    assert_eq!(objects_of(&rig, "call_transcripts").len(), 3);
}

#[test]
fn a_call_that_turns_up_in_another_window_leaves_its_old_one_in_the_same_run() {
    // GIVEN a settled call that is listed under another day from some night on
    let rig = bare();
    let id = meeting(&rig, "2026-05-02T10:00:00Z", "2026-05-02T10:00:00Z");
    meeting(&rig, "2026-05-02T12:00:00Z", "2026-05-02T12:00:00Z");
    rig.sync();
    rig.server.world().hide(&id);
    let moved = NewCall { id: Some(id.clone()), ..NewCall::at(instant("2026-05-19T10:00:00Z")) };
    rig.server.world().add_call(moved);
    // WHEN its new window is read
    rig.server.clock().advance(TimeDelta::days(1));
    let report = rig.sync();
    // THEN it is in the new window only, in all tables
    assert_eq!((rows(&report, "calls", "new"), rows(&report, "calls", "gone")), (1, 1));
    for (table, key) in [("calls", "id"), ("calls_extensive", "call_id"), ("call_transcripts", "call_id")] {
        assert_eq!(files(&rig, table, key, &id), "[('2026-05-19_2026-05-20.parquet',)]", "{table}");
    }
    assert_eq!(status(&rig, "calls")["rows"], 2);
    assert_whole(&rig, "after the move");
    assert_conserved(&rig, "after the move");
}

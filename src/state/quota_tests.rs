use super::*;

const PACE: Pace = Pace { spacing: Duration::milliseconds(100), slack: Duration::milliseconds(10) };

/// A ledger in a folder that lives as long as the test.
fn ledger() -> (tempfile::TempDir, Ledger) {
    let folder = tempfile::tempdir().expect("a folder");
    let ledger = Ledger::open(&folder.path().join("l.db")).expect("a ledger");
    (folder, ledger)
}

fn at(text: &str) -> DateTime<Utc> {
    text.parse().expect("an instant")
}

fn pass(ledger: &Ledger, now: DateTime<Utc>, budget: u32) -> Gate {
    ledger.pass(|| now, PACE, budget).expect("a gate")
}

#[test]
fn a_late_request_is_made_up_for_within_the_slack() {
    let (_folder, ledger) = ledger();
    let start = at("2026-05-01T10:00:00Z");
    let ms = |ms: i64| start + Duration::milliseconds(ms);
    // The first one after a pause is as late as can be.
    assert_eq!(pass(&ledger, start, 100), Gate::Go);
    assert_eq!(pass(&ledger, ms(50), 100), Gate::Wait(ms(90)));
    assert_eq!(pass(&ledger, ms(97), 100), Gate::Go, "7 ms late");
    assert_eq!(pass(&ledger, ms(185), 100), Gate::Wait(ms(190)), "and made up for");
    // WHATEVER the delays, so many requests never leave in less than their spacings less the slack.
    let mut left = vec![start];
    let mut now = ms(190);
    for delay in [0, 3, 40, 0, 12, 0, 1, 9, 0, 0, 25, 0] {
        now += Duration::milliseconds(delay);
        match pass(&ledger, now, 100) {
            Gate::Go => left.push(now),
            Gate::Wait(until) => now = until,
            other => panic!("{other:?}"),
        }
    }
    for (n, first) in left.iter().enumerate() {
        for (gaps, later) in left[n + 1..].iter().enumerate() {
            let least = PACE.spacing * i32::try_from(gaps + 1).expect("few") - PACE.slack;
            assert!(*later - *first >= least, "{left:?}");
        }
    }
}

#[test]
fn the_days_count_begins_when_the_vendors_day_does() {
    let (_folder, ledger) = ledger();
    // GIVEN a budget of three, used before noon
    for minute in [1, 2, 3] {
        assert_eq!(pass(&ledger, at("2026-05-01T09:00:00Z") + Duration::minutes(minute), 3), Gate::Go);
    }
    let noon = at("2026-05-01T12:00:00Z");
    assert_eq!(pass(&ledger, noon, 3), Gate::Spent(at("2026-05-02T00:00:00Z")));
    // WHEN the vendor says that its quota comes back in 19 hours less a second
    ledger.close_gate(noon, at("2026-05-02T06:59:59Z")).expect("a gate");
    // THEN our day ends then, too
    let (used, resets) = ledger.requests_today(noon).expect("a count");
    assert_eq!((used, resets), (3, at("2026-05-02T07:00:00Z")));
    let next = at("2026-05-02T07:00:00Z");
    assert_eq!(ledger.requests_today(next).expect("a count").0, 0);
    assert_eq!(pass(&ledger, next, 3), Gate::Go);
    assert_eq!(ledger.requests_today(next).expect("a count"), (1, next + Duration::days(1)));
}

#[test]
fn a_short_wait_says_nothing_of_the_day() {
    let (_folder, ledger) = ledger();
    let now = at("2026-05-01T12:00:00Z");
    ledger.close_gate(now, now + Duration::minutes(20)).expect("a gate");
    assert_eq!(ledger.requests_today(now).expect("a count").1, at("2026-05-02T00:00:00Z"));
}

/// Time until the gate lets the next request pass after one at `now`.
fn gap(ledger: &Ledger, now: DateTime<Utc>) -> Duration {
    assert_eq!(pass(ledger, now, 100), Gate::Go);
    match pass(ledger, now, 100) {
        Gate::Wait(until) => until - now + PACE.slack,
        other => panic!("{other:?}"),
    }
}

#[test]
fn repeated_429s_slow_down_and_time_without_one_speeds_up_again() {
    let (_folder, ledger) = ledger();
    let seconds = Duration::seconds;
    let start = at("2026-05-01T12:00:00Z");
    // GIVEN one 429, with the answers to what was under way behind it
    for late in [0, 100, 200] {
        let now = start + Duration::milliseconds(late);
        ledger.close_gate(now, now + seconds(1)).expect("a gate");
    }
    assert_eq!(gap(&ledger, start + seconds(2)), PACE.spacing, "one may be chance");
    // WHEN the next one follows soon, and another one after it
    ledger.close_gate(start + seconds(3), start + seconds(4)).expect("a gate");
    assert_eq!(gap(&ledger, start + seconds(5)), PACE.spacing * 3 / 2);
    ledger.close_gate(start + seconds(6), start + seconds(7)).expect("a gate");
    assert_eq!(gap(&ledger, start + seconds(8)), PACE.spacing * 9 / 4);
    // THEN each minute without one is a step back, to the rate and not above it
    assert_eq!(gap(&ledger, start + seconds(68)), PACE.spacing * 3 / 2);
    assert_eq!(gap(&ledger, start + seconds(128)), PACE.spacing);
    assert_eq!(gap(&ledger, start + seconds(1000)), PACE.spacing);
    // AND it never gets slower than an eleventh
    let mut now = start + seconds(2000);
    for _ in 0..20 {
        ledger.close_gate(now, now + seconds(1)).expect("a gate");
        now += seconds(2);
    }
    assert!(gap(&ledger, now) < PACE.spacing * 12);
}

use super::*;

const PACE: Pace = Pace { most: 1, within: Duration::milliseconds(100) };

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

fn goes(gate: Gate) -> bool {
    matches!(gate, Gate::Go(_))
}

#[test]
fn what_was_late_is_made_up_for_and_no_second_holds_more_than_its_share() {
    let pace = Pace { most: 3, within: Duration::milliseconds(1000) };
    let (_folder, ledger) = ledger();
    let start = at("2026-05-01T10:00:00Z");
    let ask = |now| ledger.pass(|| now, pace, 100).expect("a gate");
    // GIVEN requests that come as fast as they may, with a delay now and then
    let (mut now, mut left) = (start, Vec::new());
    for delay in [0, 0, 0, 0, 700, 0, 0, 0, 30, 0, 999, 0, 0, 400, 0, 0, 0, 0, 0, 0] {
        now += Duration::milliseconds(delay);
        if let Gate::Wait(until) = ask(now) {
            assert!(!goes(ask(until - Duration::microseconds(1))), "it may not leave earlier");
            now = until;
            assert!(goes(ask(now)));
        }
        left.push(now);
    }
    // THEN any four of them take the time, and a delay shorter than it costs nothing
    assert!(left.windows(4).all(|four| four[3] - four[0] >= pace.within), "{left:?}");
    assert_eq!(left[19] - start, Duration::milliseconds(6 * 1000 + 700 + 999 - 700), "{left:?}");
}

#[test]
fn a_request_that_was_held_up_counts_from_when_it_left() {
    let pace = Pace { most: 2, within: Duration::milliseconds(1000) };
    let (_folder, ledger) = ledger();
    let start = at("2026-05-01T10:00:00Z");
    let ask = |now| ledger.pass(|| now, pace, 100).expect("a gate");
    // GIVEN two that were counted at once, of which the second left later
    assert_eq!([ask(start), ask(start)], [Gate::Go(1), Gate::Go(2)]);
    let late = start + Duration::milliseconds(300);
    ledger.left_late(2, late).expect("a ledger");
    // THEN the third follows the first, and the fourth what left, not what was counted
    let now = start + Duration::seconds(1);
    assert_eq!(ask(now), Gate::Go(3));
    assert_eq!(ask(now), Gate::Wait(late + Duration::seconds(1)));
    // AND a note of an earlier time takes nothing back
    ledger.left_late(2, start).expect("a ledger");
    assert_eq!(ask(now), Gate::Wait(late + Duration::seconds(1)));
    assert_eq!(ask(late + Duration::seconds(1)), Gate::Go(4));
    assert_eq!(ask(late + Duration::seconds(1)), Gate::Wait(now + Duration::seconds(1)));
}

#[test]
fn a_process_with_a_higher_rate_counts_what_the_others_sent() {
    let (_folder, ledger) = ledger();
    let start = at("2026-05-01T10:00:00Z");
    let pass =
        |most: u32, now| ledger.pass(|| now, Pace { most, within: Duration::milliseconds(1000) }, 100).expect("a gate");
    // GIVEN one that may send three in a second, and has
    for _ in 0..3 {
        assert!(goes(pass(3, start)));
    }
    assert_eq!(pass(3, start), Gate::Wait(start + Duration::seconds(1)));
    // THEN one that may send five has two left
    assert!(goes(pass(5, start)) && goes(pass(5, start)));
    assert_eq!(pass(5, start), Gate::Wait(start + Duration::seconds(1)));
    // AND a clock that was set back far does not stop anybody
    assert!(goes(pass(3, start - Duration::days(1))));
}

#[test]
fn an_hour_to_the_second_is_not_the_end_of_a_day() {
    let (_folder, ledger) = ledger();
    let now = at("2026-05-01T12:00:00.250Z");
    ledger.close_gate(now, now + Duration::hours(1)).expect("a gate");
    assert_eq!(ledger.requests_today(now).expect("a count").1, at("2026-05-02T00:00:00Z"));
}

#[test]
fn the_days_count_begins_when_the_vendors_day_does() {
    let (_folder, ledger) = ledger();
    // GIVEN a budget of three, used before noon
    for minute in [1, 2, 3] {
        assert!(goes(pass(&ledger, at("2026-05-01T09:00:00Z") + Duration::minutes(minute), 3)));
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
    assert!(goes(pass(&ledger, next, 3)));
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
    assert!(goes(pass(ledger, now, 100)));
    match pass(ledger, now, 100) {
        Gate::Wait(until) => until - now,
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
    assert_eq!(gap(&ledger, start + seconds(2)), PACE.within, "one may be chance");
    // WHEN the next one follows soon, and another one after it
    ledger.close_gate(start + seconds(3), start + seconds(4)).expect("a gate");
    assert_eq!(gap(&ledger, start + seconds(5)), PACE.within * 3 / 2);
    ledger.close_gate(start + seconds(6), start + seconds(7)).expect("a gate");
    assert_eq!(gap(&ledger, start + seconds(8)), PACE.within * 9 / 4);
    // THEN each minute without one is a step back, to the rate and not above it
    assert_eq!(gap(&ledger, start + seconds(68)), PACE.within * 3 / 2);
    assert_eq!(gap(&ledger, start + seconds(128)), PACE.within);
    assert_eq!(gap(&ledger, start + seconds(1000)), PACE.within);
    // AND it never gets slower than an eleventh
    let mut now = start + seconds(2000);
    for _ in 0..20 {
        ledger.close_gate(now, now + seconds(1)).expect("a gate");
        now += seconds(2);
    }
    assert!(gap(&ledger, now) < PACE.within * 12);
}

#[test]
fn a_connection_that_stands_late_puts_no_request_too_many_into_a_second() {
    let pace = Pace { most: 3, within: Duration::milliseconds(1045) };
    for (slow, delay) in [(vec![4], 400), (vec![2, 3], 800), (vec![4], 1100), (vec![4], 1500), (vec![4, 5], 1500)] {
        // GIVEN requests that come as fast as they may, some of which wait for their connections
        let (_folder, ledger) = ledger();
        let start = at("2026-05-01T10:00:00Z");
        let (mut now, mut left, mut waiting) = (start, Vec::new(), Vec::new());
        while now < start + Duration::seconds(8) {
            waiting.retain(|(stands, number)| {
                let waits = *stands > now || ledger.leave_again(*number, now, pace).expect("a gate").is_some();
                left.extend((!waits).then_some(now));
                waits
            });
            match ledger.pass(|| now, pace, 1000).expect("a gate") {
                Gate::Go(number) if slow.contains(&number) => {
                    waiting.push((now + Duration::milliseconds(delay), number))
                }
                Gate::Go(_) => left.push(now),
                _ => {}
            }
            now += Duration::milliseconds(1);
        }
        // THEN they leave in the end, and no second has more than its share
        assert!(waiting.is_empty() && left.len() > 18, "{slow:?}: {left:?}");
        left.sort();
        for few in left.windows(4) {
            assert!(few[3] - few[0] >= Duration::milliseconds(1000), "{slow:?}, {delay} ms: {few:?}");
        }
    }
}

#[test]
fn what_a_clock_counted_that_was_ahead_holds_up_nothing_once_it_is_right() {
    // GIVEN a clock that was a year ahead, with the day used up and a silence to come
    let (_folder, ledger) = ledger();
    let (now, ahead) = (at("2026-05-01T10:00:00Z"), at("2027-05-01T10:00:00Z"));
    assert!(goes(pass(&ledger, ahead, 1)));
    ledger.close_gate(ahead, ahead + Duration::minutes(20)).expect("a gate");
    // WHEN it is right again THEN requests go, and are counted
    assert!(goes(pass(&ledger, now, 1)));
    assert_eq!(ledger.requests_today(now).expect("a count").0, 1);
    // AND a silence of now holds
    let until = now + Duration::minutes(5);
    ledger.close_gate(now, until).expect("a gate");
    assert_eq!(pass(&ledger, now + Duration::minutes(4), 100), Gate::Closed(until));
    assert!(goes(pass(&ledger, until, 100)));
}

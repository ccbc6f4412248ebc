//! Settlement: when a committed window is read again. Counted from the window's end, whatever days the job ran. Pure.

use chrono::{DateTime, Duration, Utc};

/// Why a window is read again by its age.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Age {
    /// It was read before it was over.
    Unfinished,
    /// It has passed this age since it was read.
    Passed(Duration),
}

/// Whether a window that ended (or ends) at `end` and was read at `read_at` is due at `now`.
pub fn by_age(end: DateTime<Utc>, read_at: DateTime<Utc>, now: DateTime<Utc>, ages: &[Duration]) -> Option<Age> {
    if now <= read_at {
        return None;
    }
    let passed = ages.iter().rev().find(|age| {
        let at = end + **age;
        at <= now && read_at < at
    });
    match passed {
        Some(age) => Some(Age::Passed(*age)),
        None if read_at < end => Some(Age::Unfinished),
        None => None,
    }
}

/// Whether a window that ended at `end` was read late enough to be settled.
pub fn settled(end: DateTime<Utc>, read_at: DateTime<Utc>, ages: &[Duration]) -> bool {
    ages.last().is_none_or(|age| read_at >= end + *age)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn days(n: i64) -> Duration {
        Duration::days(n)
    }

    #[test]
    fn a_window_is_due_once_per_age_whatever_days_the_job_runs() {
        let ages = [days(1), days(2), days(3), days(7), days(14)];
        let end = DateTime::<Utc>::default();
        let at = |hours: i64| end + Duration::hours(hours);
        assert_eq!(by_age(end, at(-5), at(-5), &ages), None, "the same now");
        assert_eq!(by_age(end, at(-5), at(-1), &ages), Some(Age::Unfinished));
        assert_eq!(by_age(end, at(-5), at(2), &ages), Some(Age::Unfinished));
        assert_eq!(by_age(end, at(2), at(23), &ages), None);
        assert_eq!(by_age(end, at(2), at(24), &ages), Some(Age::Passed(days(1))));
        assert_eq!(by_age(end, at(2), at(24 * 10), &ages), Some(Age::Passed(days(7))), "one reading after a pause");
        assert_eq!(by_age(end, at(24 * 10), at(24 * 13), &ages), None);
        assert_eq!(by_age(end, at(24 * 10), at(24 * 400), &ages), Some(Age::Passed(days(14))));
        assert_eq!(by_age(end, at(24 * 14), at(24 * 400), &ages), None, "settled");
        assert!(settled(end, at(24 * 14), &ages));
        assert!(!settled(end, at(24 * 14 - 1), &ages));
        assert_eq!(by_age(end, at(24 * 9), at(24 * 8), &ages), None, "an earlier now never replaces a later one");
    }

    proptest::proptest! {
        /// Whatever days a job runs, no age is paid for twice, and waiting takes nothing from what is due.
        #[test]
        fn each_age_causes_one_reading_and_none_follows_the_last(
            ages in proptest::collection::btree_set(1i64..500, 0..7),
            first in -100i64..600,
            waits in proptest::collection::vec(0i64..200, 1..30),
        ) {
            let ages: Vec<Duration> = ages.into_iter().map(Duration::hours).collect();
            let end = DateTime::<Utc>::default();
            let mut read_at = end + Duration::hours(first);
            let (mut now, mut used) = (read_at, Vec::new());
            for wait in waits {
                let before = by_age(end, read_at, now, &ages);
                now += Duration::hours(wait);
                let due = by_age(end, read_at, now, &ages);
                proptest::prop_assert!(before.is_none() || due.is_some(), "a later now makes less due");
                proptest::prop_assert!(!settled(end, read_at, &ages) || read_at < end || due.is_none(), "settled");
                if let Some(Age::Passed(age)) = due {
                    proptest::prop_assert!(!used.contains(&age), "{age} twice");
                    used.push(age);
                }
                proptest::prop_assert!(!matches!(due, Some(Age::Unfinished)) || read_at < end);
                // The job reads what is due, most days.
                if due.is_some() && wait % 3 > 0 {
                    read_at = now;
                } else if let Some(Age::Passed(age)) = due {
                    used.retain(|one| *one != age);
                }
            }
            let rests = ages.last().map_or(end, |age| end + *age);
            proptest::prop_assert_eq!(by_age(end, rests, rests + Duration::days(9999), &ages), None);
        }
    }
}

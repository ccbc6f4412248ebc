//! Which calls a request matches, page by page.
//!
//! Order and keyset are (scheduled, a number that is not the id). Pages are cut before calls that are still being
//! processed are taken out, so a page can be short, or empty, and still have a successor (API reference, E.1, E.2).

use chrono::{DateTime, TimeDelta, Utc};

use super::{Call, World};

/// A place in the order of calls.
pub(crate) type Key = (DateTime<Utc>, u64);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Slot {
    pub(super) key: Key,
    pub(super) call: usize,
}

/// The filter of a request.
#[derive(Clone, Debug, Default)]
pub(crate) struct Matching {
    pub(crate) from: Option<DateTime<Utc>>,
    pub(crate) to: Option<DateTime<Utc>>,
    pub(crate) workspace: Option<String>,
    pub(crate) ids: Option<Vec<String>>,
    pub(crate) hosts: Option<Vec<String>>,
    /// Dates are compared with the real start, not with the planned one.
    pub(crate) by_start: bool,
}

/// Which part of a call must be there for the call to be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum View {
    List,
    Detail,
    Transcript,
}

impl View {
    pub(crate) fn shows(self, call: &Call, now: DateTime<Utc>) -> bool {
        match self {
            Self::List => call.listed(now),
            Self::Detail => call.detailed(now),
            Self::Transcript => call.transcribed(now),
        }
    }
}

/// A page of calls, by number.
pub(crate) struct Page {
    pub(crate) calls: Vec<usize>,
    /// The time and number of the last call, if more follow.
    pub(crate) next: Option<(DateTime<Utc>, usize)>,
}

impl World {
    /// How many calls match, those still being processed included.
    pub(crate) fn total(&self, matching: &Matching, now: DateTime<Utc>) -> usize {
        self.slots(matching, None).filter(|slot| self.matches(slot, matching, now)).count()
    }

    /// The page behind a place.
    pub(crate) fn page(
        &self,
        matching: &Matching,
        view: View,
        now: DateTime<Utc>,
        after: Option<Key>,
        size: usize,
    ) -> Page {
        let mut found = self.slots(matching, after).filter(|slot| self.matches(slot, matching, now));
        let mut last = None;
        let mut calls = Vec::with_capacity(size);
        for slot in found.by_ref().take(size) {
            last = Some((slot.key.0, slot.call));
            if view.shows(&self.calls[slot.call], now) {
                calls.push(slot.call);
            }
        }
        let next = last.filter(|_| found.next().is_some());
        Page { calls, next }
    }

    /// The calls that a filter can match, in order, behind a place.
    fn slots(&self, matching: &Matching, after: Option<Key>) -> Box<dyn Iterator<Item = Slot> + '_> {
        if let Some(ids) = &matching.ids {
            let numbers = ids.iter().filter_map(|id| self.number_of(id));
            let mut slots: Vec<Slot> = numbers.map(|number| self.slot(&self.calls[number], number)).collect();
            slots.sort_unstable();
            slots.dedup();
            return Box::new(slots.into_iter().filter(move |slot| after.is_none_or(|after| slot.key > after)));
        }
        // Real and planned start are less than a day apart.
        let slack = TimeDelta::days(i64::from(matching.by_start));
        let low = matching.from.map_or(0, |from| self.order.partition_point(|slot| slot.key.0 < from - slack));
        let high =
            matching.to.map_or(self.order.len(), |to| self.order.partition_point(|slot| slot.key.0 < to + slack));
        let seen = after.map_or(0, |after| self.order.partition_point(|slot| slot.key <= after));
        let low = low.max(seen).min(high);
        Box::new(self.order[low..high].iter().copied())
    }

    fn matches(&self, slot: &Slot, matching: &Matching, now: DateTime<Utc>) -> bool {
        let call = &self.calls[slot.call];
        let time = if matching.by_start { call.started } else { call.scheduled };
        call.counted(now)
            && matching.from.is_none_or(|from| from <= time)
            && matching.to.is_none_or(|to| time < to)
            && matching.workspace.as_ref().is_none_or(|workspace| *workspace == call.workspace)
            && matching.hosts.as_ref().is_none_or(|hosts| {
                let host = self.users.get(call.host).map(|user| &user.row.id);
                host.is_some_and(|host| hosts.contains(host))
            })
    }
}

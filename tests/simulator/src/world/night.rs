//! One night in the life of the account, for the demo and for tests of a second run.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::{Call, NewCall, World};

impl World {
    /// Between `now` and a day later: one call of an earlier day comes to light, one visible call gets another title,
    /// one is deleted, one turns private. What the world holds for that day happens too. The answer says what was done,
    /// ids included; the clock is the caller's to move.
    pub fn night(&mut self, now: DateTime<Utc>) -> Value {
        let next = now + TimeDelta::days(1);
        let midnight = now + TimeDelta::hours(12);
        let chosen = self.quiet_calls(now);
        let pick = |n: usize| chosen.get(n).cloned();
        if let Some(id) = pick(0) {
            self.edit_call(&id, midnight, json!({"metaData": {"title": "Title corrected overnight"}}));
        }
        if let Some(id) = pick(1) {
            self.delete_call(&id, midnight);
        }
        if let Some(id) = pick(2) {
            self.set_private(&id, true, midnight);
        }
        let start = now - TimeDelta::hours(50);
        let late = self.add_call(NewCall::at(start).visible_at(midnight));
        let appear = |call: &&Call| !call.listed(now) && call.listed(next) && call.id != late;
        json!({
            "from": now,
            "to": next,
            "late": late,
            "late_scheduled": start,
            "edited": pick(0),
            "edited_title": "Title corrected overnight",
            "deleted": pick(1),
            "private": pick(2),
            "new_calls": self.calls.iter().filter(appear).count(),
        })
    }

    /// Visible calls to which nothing else happens: those with everything first, newest first.
    fn quiet_calls(&self, now: DateTime<Utc>) -> Vec<String> {
        let quiet = |call: &&Call| {
            call.listed(now) && call.edits.is_empty() && call.privacy.is_empty() && call.deleted_at.is_none()
        };
        let complete = |call: &&Call| call.detailed(now) && call.transcribed(now) && call.analysed(now);
        let newest = || self.order.iter().rev().map(|slot| &self.calls[slot.call]).filter(quiet);
        let rest = newest().filter(|call| !complete(call));
        newest().filter(complete).chain(rest).take(3).map(|call| call.id.clone()).collect()
    }
}

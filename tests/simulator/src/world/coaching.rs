//! Coaching: what managers did with the calls of their reports (API reference, section 15).

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::{User, World};

/// The names of the metrics, and the activities that they are made of.
const METRICS: [(&str, usize); 5] = [
    ("callsListenedTo", 6),
    ("callsManagerAttended", 1),
    ("callsWithFeedback", 2),
    ("callsManagerCommentedOn", 11),
    ("callsWithScorecardFilled", 9),
];

impl World {
    /// `coaching` of one manager in one workspace; nothing for somebody without reports.
    pub fn truth_coaching(
        &self,
        workspace: &str,
        manager: &str,
        from: DateTime<Utc>,
        to: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Vec<Value> {
        let Some(number) = self.users.iter().position(|user| user.row.id == manager) else {
            return Vec::new();
        };
        let acts: Vec<_> = self.acts(from, to, now).filter(|act| act.user == number).collect();
        let mut reports = Vec::new();
        for (report, user) in self.users.iter().enumerate() {
            if user.manager != Some(number) || user.avatar || user.row.at(now).is_none() {
                continue;
            }
            let mut metrics = json!({});
            for (name, metric) in METRICS {
                let own = acts.iter().filter(|act| act.metric == metric && self.calls[act.call].host == report);
                let here = own.filter(|act| self.calls[act.call].workspace == workspace);
                let calls: BTreeSet<&str> = here.map(|act| self.calls[act.call].id.as_str()).collect();
                metrics[name] = json!(calls);
            }
            reports.push(json!({"report": person(user), "metrics": metrics}));
        }
        if reports.is_empty() {
            return Vec::new();
        }
        vec![json!({"manager": person(&self.users[number]), "directReportsMetrics": reports})]
    }

    /// Every manager's coaching in every workspace, from the beginning until now.
    pub(super) fn all_coaching(&self, now: DateTime<Utc>) -> Vec<Value> {
        let managers: BTreeSet<usize> = self.users.iter().filter_map(|user| user.manager).collect();
        let mut all = Vec::new();
        for workspace in self.workspaces.iter().filter(|row| row.at(now).is_some()) {
            for manager in &managers {
                let id = &self.users[*manager].row.id;
                all.extend(self.truth_coaching(&workspace.id, id, DateTime::UNIX_EPOCH, now, now));
            }
        }
        all
    }
}

fn person(user: &User) -> Value {
    json!({
        "id": user.row.id,
        "emailAddress": user.email,
        "firstName": user.name.0,
        "lastName": user.name.1,
        "title": user.title,
    })
}

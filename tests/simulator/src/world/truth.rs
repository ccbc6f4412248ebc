//! What the API would serve at an instant, to compare an extract with.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::{Days, World};
use crate::record::{Selector, Timing, exact};
use crate::stamp;

/// What [`World::truth`] knows.
pub const ENTITIES: &[&str] = &[
    "users",
    "avatars",
    "workspaces",
    "calls",
    "calls_extensive",
    "call_transcripts",
    "settings_scorecards",
    "settings_trackers",
    "library_folders",
    "library_folder_content",
    "coaching",
    "stats_activity_aggregate",
    "stats_activity_day_by_day",
    "stats_interaction",
    "stats_activity_scorecards",
];

impl World {
    /// The complete records of an entity as the API would serve them at `at` with everything selected, private ones
    /// included. Calls are in the order of their lists.
    ///
    /// `calls_extensive` shows CRM objects with both timings, and media urls without their signature;
    /// `library_folder_content` carries its `folderId` beside the record; statistics are over all days until yesterday,
    /// `coaching` over all managers and workspaces until now.
    pub fn truth(&self, entity: &str, at: DateTime<Utc>) -> Vec<Value> {
        self.truth_text(entity, at).iter().map(|text| exact(text)).collect()
    }

    /// The same as JSON text, with the literal digits of numbers beyond 64 bits, which a [`Value`] cannot hold.
    pub fn truth_text(&self, entity: &str, at: DateTime<Utc>) -> Vec<String> {
        match entity {
            "calls" => self.ordered(|call| call.listed(at), |n| self.basic_text(n, at).to_string()),
            "calls_extensive" => self.truth_extensive(Selector::everything(Timing::Both), at),
            "call_transcripts" => {
                self.ordered(|call| call.transcribed(at), |n| self.transcript_text(n, at).to_string())
            }
            "users" => texts(self.users.iter().filter(|user| !user.avatar).filter_map(|user| user.row.at(at))),
            "avatars" => texts(self.users.iter().filter(|user| user.avatar).filter_map(|user| user.row.at(at))),
            "workspaces" => texts(self.workspaces.iter().filter_map(|row| row.at(at))),
            "settings_scorecards" => texts(self.scorecards.iter().filter_map(|row| row.at(at))),
            "settings_trackers" => texts(self.trackers.iter().filter_map(|row| row.at(at))),
            "library_folders" => texts(self.folders.iter().filter_map(|folder| folder.row.at(at))),
            "library_folder_content" => texts(self.all_folder_content(at).into_iter()),
            "coaching" => texts(self.all_coaching(at).into_iter()),
            "stats_activity_aggregate" => texts(self.truth_aggregate(self.all_days(at), at).into_iter()),
            "stats_activity_day_by_day" => texts(self.truth_day_by_day(self.all_days(at), at).into_iter()),
            "stats_interaction" => texts(self.truth_interaction(self.all_days(at), at).into_iter()),
            "stats_activity_scorecards" => texts(self.reviews.iter().filter_map(|review| review.row.at(at))),
            other => panic!("no entity {other}"),
        }
    }

    fn all_folder_content(&self, at: DateTime<Utc>) -> Vec<Value> {
        let mut all = Vec::new();
        for folder in self.folders.iter().filter(|folder| folder.row.at(at).is_some()) {
            for mut item in self.folder_content(&folder.row.id, at) {
                item["folderId"] = json!(folder.row.id);
                all.push(item);
            }
        }
        all
    }

    /// From the first call's day until today, which is not included.
    fn all_days(&self, at: DateTime<Utc>) -> Days {
        let zone = self.spec.zone;
        let first = self.order.first().map_or(at, |slot| slot.key.0 - TimeDelta::days(1));
        (stamp::day_of(first, zone), stamp::day_of(at, zone))
    }

    fn truth_extensive(&self, selector: Selector, at: DateTime<Utc>) -> Vec<String> {
        self.ordered(
            |call| call.detailed(at),
            |n| {
                let media = self.media_block(n, |url| url.to_owned());
                format!("{},\"media\":{media}}}", self.extensive_text(n, selector, at))
            },
        )
    }

    /// A call's media block; `sign` makes the url that is served from the plain one.
    pub(crate) fn media_block(&self, number: usize, sign: impl Fn(&str) -> String) -> Value {
        let call = &self.calls[number];
        let mut media = json!({});
        if call.has_media {
            media["audioUrl"] = json!(sign(&format!("{}/calls/{}/audio.mp3", self.media_url, call.id)));
        }
        if call.has_media && call.video {
            media["videoUrl"] = json!(sign(&format!("{}/calls/{}/video.mp4", self.media_url, call.id)));
        }
        media
    }

    fn ordered(&self, shown: impl Fn(&super::Call) -> bool, text: impl Fn(usize) -> String) -> Vec<String> {
        let numbers = self.order.iter().map(|slot| slot.call);
        numbers.filter(|number| shown(&self.calls[*number])).map(text).collect()
    }
}

fn texts(rows: impl Iterator<Item = Value>) -> Vec<String> {
    rows.map(|row| crate::record::literal(row.to_string())).collect()
}

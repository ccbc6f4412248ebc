//! Changes that a test makes by hand.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::timed::{Edit, push};
use super::{Call, NewCall, Origin, Timed, World};
use crate::random::{id, mix, stream};

impl World {
    /// Adds a call and gives back its id.
    pub fn add_call(&mut self, new: NewCall) -> String {
        // A number that no generated call has, so that its texts are its own.
        let number = mix(self.calls.len() as u64, 0xadd) | 1 << 63;
        let mut rng = stream(self.spec.seed, "call", number);
        let id = new.id.unwrap_or_else(|| id(&mut rng));
        let call = Call {
            id: id.clone(),
            number,
            workspace: new.workspace.unwrap_or_else(|| self.workspaces[0].id.clone()),
            origin: new.origin,
            scheduled: new.scheduled,
            started: new.started,
            duration: new.duration,
            host: new.host,
            attendees: Vec::new(),
            video: new.origin == Origin::Conference,
            has_media: true,
            listed_at: new.listed_at,
            detailed_at: new.detailed_at,
            analysed_at: new.analysed_at,
            transcribed_at: new.transcribed_at,
            deleted_at: None,
            privacy: if new.private { vec![(DateTime::UNIX_EPOCH, true)] } else { Vec::new() },
            edits: Vec::new(),
            hidden: false,
            recorded: None,
        };
        let slot = self.slot(&call, self.calls.len());
        let place = self.order.partition_point(|other| *other < slot);
        self.order.insert(place, slot);
        self.by_id.insert(id.clone(), self.calls.len());
        self.calls.push(call);
        self.forget_activity();
        if new.patch.is_object() {
            self.edit_call(&id, DateTime::UNIX_EPOCH, new.patch);
        }
        id
    }

    /// Changes a call's record from `at` on. The patch names blocks as the record does (`{"metaData": {"title": "x"}}`,
    /// `{"content": {"brief": null}}`), or `transcript` for the list of monologues; objects are merged, anything else
    /// replaces, [`REMOVE`](crate::REMOVE) removes.
    pub fn edit_call(&mut self, id: &str, at: DateTime<Utc>, patch: Value) {
        self.change(id, |call| push(&mut call.edits, Edit { at, patch }));
    }

    /// Lets a call vanish from `at` on.
    pub fn delete_call(&mut self, id: &str, at: DateTime<Utc>) {
        self.change(id, |call| call.deleted_at = Some(at));
    }

    /// Makes a call private or public from `at` on.
    pub fn set_private(&mut self, id: &str, private: bool, at: DateTime<Utc>) {
        self.change(id, |call| {
            let place = call.privacy.partition_point(|(other, _)| *other <= at);
            call.privacy.insert(place, (at, private));
        });
    }

    /// Lets nothing of a call be visible before `at`; what would come later still does.
    pub fn delay_call(&mut self, id: &str, at: DateTime<Utc>) {
        self.change(id, |call| {
            call.listed_at = call.listed_at.max(at);
            call.detailed_at = call.detailed_at.max(at);
            call.analysed_at = call.analysed_at.map(|before| before.max(at));
            call.transcribed_at = call.transcribed_at.map(|before| before.max(at));
        });
    }

    /// Lets calls/extensive know a call only from `at` on.
    pub fn delay_details(&mut self, id: &str, at: DateTime<Utc>) {
        self.change(id, |call| call.detailed_at = at);
    }

    /// Lets the AI content come only at `at`.
    pub fn delay_content(&mut self, id: &str, at: DateTime<Utc>) {
        self.change(id, |call| call.analysed_at = Some(at));
    }

    /// Lets the transcript come only at `at`; `None`: never.
    pub fn delay_transcript(&mut self, id: &str, at: Option<DateTime<Utc>>) {
        self.change(id, |call| call.transcribed_at = at);
    }

    /// Takes a call out of every answer at once.
    pub fn hide(&mut self, id: &str) {
        self.change(id, |call| call.hidden = true);
    }

    /// Brings a hidden or deleted call back.
    pub fn restore(&mut self, id: &str) {
        self.change(id, |call| {
            call.hidden = false;
            call.deleted_at = None;
        });
    }

    /// Adds a workspace and gives back its id.
    pub fn add_workspace(&mut self, id: &str, name: &str, at: DateTime<Utc>) {
        let record = json!({"id": id, "name": name, "description": null});
        self.workspaces.push(Timed::new(id.to_owned(), record, at));
    }

    /// Adds an endpoint that the reference does not have: what a new entity is tried with.
    pub fn add_list(&mut self, list: super::PlainList) {
        self.lists.push(list);
    }

    /// Changes a user's record from `at` on.
    pub fn edit_user(&mut self, id: &str, at: DateTime<Utc>, patch: Value) {
        self.row("users", id).edit(at, patch);
    }

    /// A record of an entity that is not a call, to edit or delete: `users`, `workspaces`, `settings_scorecards`,
    /// `settings_trackers`, `library_folders`, `stats_activity_scorecards`.
    ///
    /// # Panics
    /// If there is none with the id.
    pub fn row(&mut self, entity: &str, id: &str) -> &mut Timed {
        let rows: Vec<&mut Timed> = match entity {
            "users" => self.users.iter_mut().map(|user| &mut user.row).collect(),
            "workspaces" => self.workspaces.iter_mut().collect(),
            "settings_scorecards" => self.scorecards.iter_mut().collect(),
            "settings_trackers" => self.trackers.iter_mut().collect(),
            "library_folders" => self.folders.iter_mut().map(|folder| &mut folder.row).collect(),
            "stats_activity_scorecards" => self.reviews.iter_mut().map(|review| &mut review.row).collect(),
            other => panic!("no entity {other} with rows"),
        };
        let found = rows.into_iter().find(|row| row.id == id);
        found.unwrap_or_else(|| panic!("no {entity} {id}"))
    }

    /// Adds a user, with the record of another and a new id, and gives back the id.
    pub fn add_user(&mut self, at: DateTime<Utc>, patch: Value) -> String {
        let mut rng = stream(self.spec.seed, "added user", self.users.len() as u64);
        let mut user = self.users[0].clone();
        let id = id(&mut rng);
        user.created = at;
        user.manager = None;
        user.row = Timed::new(id.clone(), user.row.base.clone(), at);
        let zone = self.spec.zone;
        user.row.edit(at, json!({"id": id, "created": crate::stamp::millis(at, zone), "managerId": null}));
        if patch.is_object() {
            user.row.edit(at, patch);
        }
        self.users.push(user);
        id
    }

    fn change(&mut self, id: &str, change: impl FnOnce(&mut Call)) {
        let number = self.number_of(id).unwrap_or_else(|| panic!("no call {id}"));
        change(&mut self.calls[number]);
        self.forget(number);
    }
}

//! Pages: reading the cursor, cutting the page, writing the envelope (API reference, section E).

use serde_json::json;

use super::{Context, Refusal};
use crate::random::hash;
use crate::server::Answer;
use crate::server::cursor::{self, After, Position};
use crate::world::{Key, Matching, View};

impl Context<'_> {
    /// Where the page begins. `total` counts the whole match; it is asked once per sequence.
    pub(super) fn position(&self, total: impl FnOnce() -> usize) -> Result<Position, Refusal> {
        let Some(text) = super::cursor_of(self.request, self.body.as_ref()) else {
            let first = cursor::first(self.now, self.shared.options.cursor_life, &self.inputs());
            return Ok(Position { total: total(), ..first });
        };
        cursor::verify(&text, &self.shared.secret, self.now).map_err(Refusal::bad)
    }

    /// The envelope of a page whose records are at hand as text.
    pub(super) fn page<'t>(
        &self,
        position: &Position,
        key: &str,
        records: impl Iterator<Item = &'t str>,
        next: Option<After>,
    ) -> Answer {
        let mut next = next;
        let mut list = String::from("[");
        let mut rows = 0;
        if self.effects.empty_page {
            next = position.after.clone();
        } else {
            for record in records {
                if rows > 0 {
                    list.push(',');
                }
                list.push_str(record);
                rows += 1;
            }
        }
        list.push(']');
        let more = next.is_some() || self.effects.empty_page;
        let cursor = more.then(|| {
            let position = Position { page: position.page + 1, after: next, ..position.clone() };
            cursor::sign(&position, &self.shared.secret)
        });
        let mut envelope = json!({
            "totalRecords": position.total,
            "currentPageSize": rows,
            "currentPageNumber": position.page,
        });
        if let Some(cursor) = cursor {
            envelope["cursor"] = json!(cursor);
        }
        let answer = self.ok(&[("records", &envelope.to_string()), (key, &list)], rows);
        if position.filter == hash(&self.inputs()) { answer } else { answer.violating("inputs changed between pages") }
    }

    /// A page of records that are already filtered and sorted, keyed by a text each.
    pub(super) fn page_of(&self, key: &str, records: &[(String, String)], nothing: &str) -> Result<Answer, Refusal> {
        let position = self.position(|| records.len())?;
        let start = match &position.after {
            Some(After::User(last)) => records.partition_point(|(id, _)| numeric(id) <= numeric(last)),
            Some(After::Count(count)) => *count,
            _ => 0,
        };
        let rest = &records[start.min(records.len())..];
        if rest.is_empty() {
            return Err(Refusal::missing(nothing));
        }
        let page = &rest[..rest.len().min(self.shared.options.page_size)];
        let last = page.last().filter(|_| page.len() < rest.len());
        let next = last.map(|(id, _)| match id.is_empty() {
            true => After::Count(start + page.len()),
            false => After::User(id.clone()),
        });
        Ok(self.page(&position, key, page.iter().map(|(_, text)| text.as_str()), next))
    }

    /// The calls of the page that is asked for.
    pub(super) fn calls(
        &self,
        matching: &Matching,
        view: View,
    ) -> Result<(Position, Vec<usize>, Option<After>), Refusal> {
        let mut matching = matching.clone();
        if let (Some(ids), Some(omit)) = (&mut matching.ids, &self.effects.omit) {
            let omitted = omit.clone().unwrap_or_else(|| ids[0].clone());
            ids.retain(|id| *id != omitted);
        }
        let world = self.shared.world();
        let position = self.position(|| world.total(&matching, self.now))?;
        let after: Option<Key> = match &position.after {
            Some(After::Call(time, id)) => Some(world.place(*time, id)),
            _ => None,
        };
        let page = world.page(&matching, view, self.now, after, self.shared.options.page_size);
        if page.calls.is_empty() && page.next.is_none() {
            return Err(Refusal::missing(super::NO_CALLS));
        }
        let next = page.next.map(|(time, call)| After::Call(time, world.calls()[call].id.clone()));
        Ok((position, page.calls, next))
    }

    /// Notes what a careful client would not send.
    pub(super) fn check_ids(&self, matching: &Matching, mut answer: Answer) -> Answer {
        let Some(ids) = &matching.ids else {
            return answer;
        };
        if ids.len() > self.shared.options.unknowns.ids_in_request {
            answer = answer.violating(format!("{} ids in one request", ids.len()));
        }
        let mut unique = ids.clone();
        unique.sort_unstable();
        unique.dedup();
        if unique.len() < ids.len() {
            answer = answer.violating("an id twice in one request");
        }
        answer
    }

    /// Everything of the request that must stay the same from page to page.
    fn inputs(&self) -> String {
        let mut query = self.request.query.clone();
        query.retain(|(key, _)| key != "cursor");
        match &self.body {
            Some(body) => format!("{} {}", body["filter"], body["contentSelector"]),
            None => format!("{query:?}"),
        }
    }
}

/// Numeric order of ids of any length.
pub(super) fn numeric(id: &str) -> (usize, &str) {
    (id.len(), id)
}

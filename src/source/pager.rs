//! The cursor loop: only a missing cursor ends a listing (API reference, E.1 to E.7).

use std::collections::HashSet;

use super::Source;
use super::classify::Page;
use super::classify::Told;
use super::request::{Inputs, build};
use super::retry::{Failure, Reply};
use crate::entity::Entity;

/// So many pages without a record, each with a cursor, are no listing.
const MOST_EMPTY_PAGES: u32 = 1000;

/// Walks the pages of one listing, one by one, so that the caller can stage each before the next is asked.
pub struct Pager<'s> {
    source: &'s Source,
    entity: &'static Entity,
    inputs: Inputs,
    cursor: Option<String>,
    next: u32,
    seen: HashSet<[u8; 16]>,
    cursors: HashSet<String>,
    empty: u32,
    ended: bool,
}

/// One step of a listing.
#[derive(Debug)]
pub enum Step {
    /// A page, with its number from 0.
    Page(u32, Page),
    /// There are no more.
    End,
    /// The cursor died; the listing must start again from its first page.
    Restart(Told),
    /// The vendor repeats itself: a page or a cursor came twice, so that going on would never end.
    Repeated(&'static str),
}

impl<'s> Pager<'s> {
    /// A listing from its first page, or from page `next` with its stored cursor.
    pub fn new(source: &'s Source, entity: &'static Entity, inputs: Inputs, next: u32, cursor: Option<String>) -> Self {
        Pager {
            source,
            entity,
            inputs,
            cursor,
            next,
            seen: HashSet::new(),
            cursors: HashSet::new(),
            empty: 0,
            ended: false,
        }
    }

    /// The number of the page that comes next.
    pub fn position(&self) -> u32 {
        self.next
    }

    /// Asks for the next page.
    ///
    /// # Errors
    /// The request's failure, after all its attempts.
    pub async fn step(&mut self) -> Result<Step, Failure> {
        if self.ended {
            return Ok(Step::End);
        }
        let request = build(self.entity, &self.inputs, self.cursor.as_deref());
        let page = match self.source.ask(self.entity, &request, self.cursor.is_some()).await? {
            Reply::Empty => {
                self.ended = true;
                return Ok(Step::End);
            }
            Reply::CursorDead(told) => return Ok(Step::Restart(told)),
            Reply::Page(page) => page,
        };
        if page.rows > 0 && !self.seen.insert(page.records) {
            return Ok(Step::Repeated("a page came twice"));
        }
        self.empty = if page.rows == 0 { self.empty + 1 } else { 0 };
        match &page.cursor {
            None => self.ended = true,
            Some(_) if self.empty > MOST_EMPTY_PAGES => {
                return Ok(Step::Repeated("a thousand pages without a record came in a row"));
            }
            Some(cursor) if !self.cursors.insert(cursor.clone()) => {
                return Ok(Step::Repeated("a cursor came twice"));
            }
            Some(_) => {}
        }
        self.cursor.clone_from(&page.cursor);
        self.next += 1;
        Ok(Step::Page(self.next - 1, page))
    }
}

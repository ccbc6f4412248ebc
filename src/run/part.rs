//! One listing of a unit, staged page by page with its cursor, so that an interrupted one goes on where it stopped.

use chrono::{DateTime, Duration, Utc};

use super::session::Session;
use super::staging;
use super::trouble::{Trouble, judge, repeated, restarted};
use super::zone;
use crate::failpoint;
use crate::source::{Inputs, Page, Pager, Step, Told};
use crate::state::{OpenUnit, StagedPage};
use crate::unit::Unit;

/// Name of the part of units that are one listing.
pub const LIST: &str = "list";

/// A cursor sequence lives about an hour from its first page (API reference, E.5). The vendor's clock may not be ours, so the
/// time is counted from when we received the first page.
const CURSOR_LIFE_MINUTES: i64 = 59;

/// So often a listing starts again before its unit fails: a window takes far less than an hour.
pub const MOST_RESTARTS: u32 = 3;

/// How a listing ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listed {
    /// It is staged to its last page.
    Whole,
    /// It was given up, because of the vendor's count.
    TooMany(u64),
}

/// One part of a unit: where it is staged and what is asked for it.
pub struct Part<'a> {
    /// The run.
    pub session: &'a Session,
    /// The unit.
    pub unit: Unit,
    /// Its row in the ledger.
    pub open: &'a OpenUnit,
    /// The part's name.
    pub name: String,
    /// What is asked.
    pub inputs: Inputs,
}

enum Ended {
    Whole(Listed),
    CursorDied(Told),
}

impl Part<'_> {
    /// Fetches what is missing of the part and stages it. `most` bounds the vendor's count of a listing that can be cut.
    pub async fn fetch(&self, most: Option<u64>) -> Result<Listed, Trouble> {
        let mut resume = self.staged()?;
        if resume.complete {
            return Ok(Listed::Whole);
        }
        for _ in 0..MOST_RESTARTS {
            match self.walk(resume, most).await? {
                Ended::Whole(listed) => return Ok(listed),
                Ended::CursorDied(told) => {
                    tracing::info!(unit = %self.unit, "{told}: the listing starts again");
                    staging::unstage(self.session, self.open, &self.name)?;
                    resume = Resume::default();
                }
            }
        }
        match self.walk(resume, most).await? {
            Ended::Whole(listed) => Ok(listed),
            Ended::CursorDied(told) => Err(restarted(self.unit, &told)),
        }
    }

    /// Walks the listing from where `resume` says to its end.
    async fn walk(&self, resume: Resume, most: Option<u64>) -> Result<Ended, Trouble> {
        let session = self.session;
        let mut expires = resume.expires;
        let mut pager = Pager::new(&session.source, self.unit.entity, self.inputs.clone(), resume.next, resume.cursor);
        loop {
            let step = match pager.step().await {
                Ok(step) => step,
                Err(failure) => return Err(judge(session, self.unit, failure).await),
            };
            session.progress.show(session.source.requests(), &self.unit.to_string());
            match step {
                Step::Page(number, page) => {
                    zone::compare(session, self.unit.entity, &page)?;
                    let life =
                        *expires.get_or_insert_with(|| session.clock.now() + Duration::minutes(CURSOR_LIFE_MINUTES));
                    if let (Some(most), Some(total)) = (most, page.total)
                        && total > most
                    {
                        return Ok(Ended::Whole(Listed::TooMany(total)));
                    }
                    let last = page.cursor.is_none();
                    self.stage(number, Some(page), life)?;
                    if last {
                        return Ok(Ended::Whole(Listed::Whole));
                    }
                }
                Step::End => {
                    // An empty listing, or one whose remaining records vanished: an empty page ends the part.
                    self.stage(pager.position(), None, session.clock.now())?;
                    return Ok(Ended::Whole(Listed::Whole));
                }
                Step::Restart(told) => return Ok(Ended::CursorDied(told)),
                Step::Repeated(what) => {
                    staging::unstage(session, self.open, &self.name)?;
                    return Err(repeated(self.unit, what));
                }
            }
        }
    }

    fn stage(&self, number: u32, page: Option<Page>, expires: DateTime<Utc>) -> Result<(), Trouble> {
        let ids = (!self.inputs.ids.is_empty()).then(|| self.inputs.ids.clone());
        let records = Some(page.as_ref().map_or(0, |page| page.rows as u64));
        let (body, cursor, total) =
            page.map(|page| (page.body.into_bytes(), page.cursor, page.total)).unwrap_or_default();
        let part = self.name.clone();
        let (expires, sighted) = (Some(expires), self.session.sight.sees());
        let staged = StagedPage { part, page: number, body, cursor, expires, ids, total, records, sighted };
        staging::stage(self.session, self.open, staged)?;
        failpoint::reached(failpoint::STAGED);
        Ok(())
    }

    /// Where the part stands.
    fn staged(&self) -> Result<Resume, Trouble> {
        let pages = staging::index(self.session, self.open)?;
        let Some(last) = pages.into_iter().rfind(|page| page.part == self.name) else { return Ok(Resume::default()) };
        if last.cursor.is_none() {
            return Ok(Resume { complete: true, ..Resume::default() });
        }
        if last.expires.is_none_or(|at| at <= self.session.clock.now()) {
            staging::unstage(self.session, self.open, &self.name)?;
            return Ok(Resume::default());
        }
        Ok(Resume { complete: false, next: last.page + 1, cursor: last.cursor, expires: last.expires })
    }
}

/// Where a part stands.
#[derive(Debug, Default)]
struct Resume {
    complete: bool,
    next: u32,
    cursor: Option<String>,
    expires: Option<DateTime<Utc>>,
}

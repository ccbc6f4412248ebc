//! What is asked by ids and used at once, staged nowhere: whether calls are private, and the addresses of files.
//!
//! An id that the answer does not name means something here, so an answer that was cut off must not pass for a whole one.

use super::part::MOST_RESTARTS;
use super::session::Session;
use super::trouble::{Trouble, judge, repeated, restarted};
use crate::source::{Inputs, Page, Pager, Step, Told};
use crate::unit::Unit;

/// Every page that came for some ids.
#[derive(Debug)]
pub struct Answer {
    /// The pages.
    pub pages: Vec<Page>,
    /// "Nothing found" came in place of a later page: what would have stood there vanished in between, or was not given.
    pub cut: bool,
}

enum Ended {
    Told(Answer),
    CursorDied(Told),
}

/// Asks for the ids of `inputs` to the last page. A dead cursor starts the answer again, as it does a listing.
pub async fn ask(session: &Session, unit: Unit, inputs: &Inputs) -> Result<Answer, Trouble> {
    let mut restarts = 0;
    loop {
        match walk(session, unit, inputs).await? {
            Ended::Told(answer) => return Ok(answer),
            Ended::CursorDied(told) if restarts == MOST_RESTARTS => return Err(restarted(unit, &told)),
            Ended::CursorDied(told) => {
                tracing::info!(unit = %unit, "{told}: the answer starts again");
                restarts += 1;
            }
        }
    }
}

async fn walk(session: &Session, unit: Unit, inputs: &Inputs) -> Result<Ended, Trouble> {
    let mut pager = Pager::new(&session.source, unit.entity, inputs.clone(), 0, None);
    let mut pages: Vec<Page> = Vec::new();
    loop {
        match pager.step().await {
            Ok(Step::Page(_, page)) => {
                let last = page.cursor.is_none();
                pages.push(page);
                if last {
                    return Ok(Ended::Told(Answer { pages, cut: false }));
                }
            }
            Ok(Step::End) => return Ok(Ended::Told(Answer { cut: !pages.is_empty(), pages })),
            Ok(Step::Restart(told)) => return Ok(Ended::CursorDied(told)),
            Ok(Step::Repeated(what)) => return Err(repeated(unit, what)),
            Err(failure) => return Err(judge(session, unit, failure).await),
        }
    }
}

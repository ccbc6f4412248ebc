//! The ids in a batch on which the vendor fails, found by halving it: all parts of one size are asked before smaller ones.
//!
//! A few bad ids may lie anywhere in the batch, so the fault is said not to be an id's only when all quarters have failed. An id is
//! blamed only when it was asked alone, to the end of its attempts, and the endpoint answers something else.

use super::batches::NO_CALL;
use super::session::{Session, selector};
use super::trouble::{Trouble, judge};
use crate::error::Error;
use crate::source::{Inputs, build};
use crate::unit::Unit;

/// So often a batch is halved before something must have passed.
const BLIND_LEVELS: u32 = 2;
/// Parts that are asked for one batch. Three bad ids of a hundred take 36 at most.
const MOST_PARTS: usize = 64;
/// Attempts beyond the first at a part of several ids: a vendor's 500 comes to the end of its attempts each time. What fails by
/// chance is halved once more, and passes.
const RETRIES: u32 = 1;
/// A part that failed, and with what.
type Suspect = (Vec<String>, Error);

/// Finds the ids that spoil a batch of `unit` which failed with `error`, and what each failed with. `ask` asks for some ids, with so many
/// attempts beyond the first, and keeps what comes; in the end it has for all the others.
///
/// # Errors
/// [`Trouble::Failed`] if the fault is not an id's, or too many are bad.
pub async fn find(
    session: &Session,
    unit: Unit,
    ids: Vec<String>,
    error: Error,
    ask: impl AsyncFn(&[String], Option<u32>) -> Result<(), Trouble>,
) -> Result<Vec<(String, Error)>, Trouble> {
    let (mut alone, mut larger) = split(vec![(ids, error)]);
    // Without another answer to compare with, a fault of the endpoint must not pass for one of an id.
    let mut works = false;
    if !alone.is_empty() {
        confirm(session, unit, &alone).await?;
    }
    let (mut level, mut asked) = (0, 0);
    while let Some((_, error)) = larger.first() {
        let halves: Vec<Vec<String>> = larger.iter().flat_map(|(ids, _)| halve(ids)).collect();
        level += 1;
        asked += halves.len();
        if asked > MOST_PARTS || (level > BLIND_LEVELS && !works) {
            return Err(Trouble::Failed(again(error)));
        }
        if !works && halves.iter().any(|ids| ids.len() == 1) {
            confirm(session, unit, &larger).await?;
            works = true;
        }
        let failed = level_of(&ask, halves, &mut works).await?;
        let (single, several) = split(failed);
        alone.extend(single);
        larger = several;
    }
    Ok(alone.into_iter().flat_map(|(ids, error)| Some((ids.into_iter().next()?, error))).collect())
}

/// Asks all parts at once; returns those that failed, and notes if one passed.
async fn level_of(
    ask: &impl AsyncFn(&[String], Option<u32>) -> Result<(), Trouble>,
    parts: Vec<Vec<String>>,
    works: &mut bool,
) -> Result<Vec<Suspect>, Trouble> {
    let retries = |ids: &[String]| (ids.len() > 1).then_some(RETRIES);
    let asks = parts.iter().map(|ids| ask(ids, retries(ids)));
    let answers = futures::future::join_all(asks).await;
    let mut failed = Vec::new();
    for (ids, answer) in parts.into_iter().zip(answers) {
        match answer {
            Ok(()) => *works = true,
            Err(Trouble::Failed(error)) => failed.push((ids, error)),
            Err(other) => return Err(other),
        }
    }
    Ok(failed)
}

/// Single ids, and parts that can be halved.
fn split(suspects: Vec<Suspect>) -> (Vec<Suspect>, Vec<Suspect>) {
    suspects.into_iter().partition(|(ids, _)| ids.len() == 1)
}

fn halve(ids: &[String]) -> [Vec<String>; 2] {
    let (left, right) = ids.split_at(ids.len() / 2);
    [left.to_vec(), right.to_vec()]
}

/// Fails with what `suspects` failed with, unless the endpoint answers at all: asked for a call that cannot exist, it says "nothing found".
async fn confirm(session: &Session, unit: Unit, suspects: &[Suspect]) -> Result<(), Trouble> {
    let inputs = Inputs {
        ids: vec![NO_CALL.to_owned()],
        selector: selector(&session.config, unit.entity),
        subject: format!("{unit}, no call"),
        retries: Some(RETRIES),
        ..Inputs::default()
    };
    let answer = session.source.ask(unit.entity, &build(unit.entity, &inputs, None), false).await;
    let Err(failure) = answer else { return Ok(()) };
    match (judge(session, unit, failure).await, suspects.first()) {
        (Trouble::Failed(_), Some((_, error))) => Err(Trouble::Failed(again(error))),
        (other, _) => Err(other),
    }
}

/// The same failure once more.
fn again(error: &Error) -> Error {
    let copy = Error::new(error.kind(), error.to_string());
    match error.advice() {
        Some(hint) => copy.hint(hint),
        None => copy,
    }
}

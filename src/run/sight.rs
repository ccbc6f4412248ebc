//! Whether the credentials still see calls. A key that lost its rights is answered exactly like an empty range (API reference, F.3), so
//! a run that sees no call at all believes none of its empty listings until one window that is known to hold calls was asked again.
//!
//! An empty listing is held back, open in the ledger with nothing written, until a call was seen in this run. What a kill leaves of it
//! is asked again by the next run, because an empty answer to a run that saw no call proves nothing about the key of today.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use super::family::Family;
use super::session::Session;
use super::source_check;
use super::trouble::Trouble;
use crate::entity::Entity;
use crate::error::Result;
use crate::state::UnitRow;
use crate::unit::{Unit, Window};

/// Windows that are asked before a key counts as blind: one may have been emptied for good.
const WITNESSES: usize = 3;
/// One call that is gone, and no other window that could tell: not worth a question.
const SMALLEST_LOSS: u64 = 1;
/// So many windows are held back before one is asked without waiting for the end: what a kill asks again has a bound.
const MOST_HELD: usize = 16;

/// An empty listing that waits.
pub struct HeldBack {
    /// Its window and what follows from it.
    pub family: Family,
    /// The listing.
    pub unit: Unit,
    /// Its row of open units, and the one of the child that it came through.
    pub open_ids: Vec<i64>,
    /// Calls that the reading before had.
    pub lost: u64,
    /// An earlier run held it back, too: it may have had no request left for a witness.
    pub again: bool,
}

/// What a run has seen of calls.
#[derive(Default)]
pub struct Sight {
    seen: AtomicBool,
    asked: AtomicBool,
    /// The ledger knew calls when the run began to read.
    known: OnceLock<bool>,
    held: Mutex<Vec<HeldBack>>,
}

/// What is to become of held listings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The key sees calls: what is empty is empty.
    Believed,
    /// Nothing shows a call any more: neither these windows, with the calls that they had, nor those that were held back.
    Blind(Vec<(Window, u64)>),
}

/// What the windows say that were asked beside those of the plan.
enum Witness {
    /// One shows a call.
    Sees,
    /// There is no other window with calls, or none of these shows one.
    Silent(Vec<(Window, u64)>),
}

impl Sight {
    /// A call was listed in this run.
    pub fn saw(&self) {
        self.seen.store(true, Ordering::Relaxed);
    }

    /// True if a call was listed in this run.
    pub fn sees(&self) -> bool {
        self.seen.load(Ordering::Relaxed)
    }

    /// Holds a listing back.
    pub fn hold(&self, held: HeldBack) {
        self.lock().push(held);
    }

    /// Everything that was held back.
    pub fn take(&self) -> Vec<HeldBack> {
        std::mem::take(&mut *self.lock())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<HeldBack>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How many calls an empty listing would drop, if it has to wait; `None` if it can be believed at once.
pub fn doubted(session: &Session, unit: Unit) -> Result<Option<u64>> {
    if session.accept_shrink || session.sight.sees() {
        return Ok(None);
    }
    let known = match session.sight.known.get() {
        Some(known) => *known,
        None => {
            let any = session.ledger.units()?.iter().any(|row| row.entity == unit.entity.name && calls(row) > 0);
            *session.sight.known.get_or_init(|| any)
        }
    };
    // Who never saw a call cannot have lost sight of them.
    Ok(if known { Some(session.ledger.unit(unit)?.as_ref().map_or(0, calls)) } else { None })
}

/// Asks early if much is held back.
pub async fn relieve(session: &Session) -> std::result::Result<(), Trouble> {
    let (much, entity) = {
        let held = session.sight.lock();
        (held.len() >= MOST_HELD || held.iter().any(|one| one.again), held.first().map(|one| one.unit.entity))
    };
    let Some(entity) = entity.filter(|_| much && !session.sight.sees()) else { return Ok(()) };
    if session.sight.asked.swap(true, Ordering::Relaxed) {
        return Ok(());
    }
    let spans = session.sight.lock().iter().filter_map(|one| one.unit.span.window()).collect::<Vec<_>>();
    ask(session, entity, &spans).await.map(|_| ())
}

/// Decides about listings that were held back to the end.
pub async fn decide(session: &Session, held: &[HeldBack]) -> std::result::Result<Verdict, Trouble> {
    let Some(first) = held.first().filter(|_| !session.sight.sees()) else { return Ok(Verdict::Believed) };
    let windows: Vec<Window> = held.iter().filter_map(|one| one.unit.span.window()).collect();
    let lost: u64 = held.iter().map(|one| one.lost).sum();
    Ok(match ask(session, first.unit.entity, &windows).await? {
        Witness::Sees => Verdict::Believed,
        Witness::Silent(asked) if asked.is_empty() && lost <= SMALLEST_LOSS => Verdict::Believed,
        Witness::Silent(asked) => Verdict::Blind(asked),
    })
}

/// Asks for the newest windows that are known to hold calls, until one shows a call.
async fn ask(session: &Session, entity: &'static Entity, but: &[Window]) -> std::result::Result<Witness, Trouble> {
    let units = session.ledger.units()?;
    let own = units.iter().filter(|row| row.entity == entity.name && calls(row) > 0);
    let others = own.filter_map(|row| Some((row.span.window()?, calls(row)))).filter(|(w, _)| !but.contains(w));
    let mut windows: Vec<(Window, u64)> = others.collect();
    windows.sort_by_key(|(window, _)| std::cmp::Reverse(window.to));
    windows.truncate(WITNESSES);
    for (window, _) in &windows {
        let total = source_check::total(session, entity, *window).await?;
        if total.is_none_or(|total| total > 0) {
            session.sight.saw();
            return Ok(Witness::Sees);
        }
    }
    Ok(Witness::Silent(windows))
}

fn calls(row: &UnitRow) -> u64 {
    row.rows + row.private
}

/// What a person should read when nothing shows a call any more.
pub fn told(held: &[HeldBack], asked: &[(Window, u64)]) -> String {
    let lost = held.iter().filter(|one| one.lost > 0).filter_map(|one| Some((one.unit.span.window()?, one.lost)));
    let windows: Vec<(Window, u64)> = lost.chain(asked.iter().copied()).collect();
    let count: u64 = windows.iter().map(|(_, lost)| lost).sum();
    let range = windows.iter().map(|(w, _)| w.from).min().zip(windows.iter().map(|(w, _)| w.to).max());
    let doubt = "Gong shows no call any more, also where there were some: these credentials may have lost their rights";
    match range {
        None => format!("{doubt}; nothing empty was taken over"),
        Some((from, to)) => format!(
            "{doubt}; the old files stay ({count} calls of {} windows). If they are really gone: \
             `gong-elt backfill --from {from} --to {to} --force --accept-shrink`",
            windows.len()
        ),
    }
}

//! Which rows of a reading belong on disk.

use std::collections::{HashMap, HashSet};

use arrow::array::Array;

use super::land::Landing;
use super::session::Session;
use crate::decode::Decoded;
use crate::state::Digest;
use crate::unit::Unit;

/// The rows of a reading that belong on disk.
pub struct Chosen {
    /// Page and row.
    pub keep: Vec<(usize, usize)>,
    /// Of their keys and contents.
    pub digests: Vec<(Digest, Digest)>,
    /// Rows left out as private.
    pub private: u64,
    /// Keys of those.
    pub private_keys: HashSet<Digest>,
}

/// Private rows, rows that nobody asked for and repeated keys stay out.
pub fn choose(session: &Session, unit: Unit, pages: &[Decoded], landing: &Landing) -> Chosen {
    let mut chosen =
        Chosen { keep: Vec::new(), digests: Vec::new(), private: landing.unasked, private_keys: HashSet::new() };
    let mut place: HashMap<Digest, usize> = HashMap::new();
    chosen.private_keys.extend(landing.private.iter().map(|id| crate::decode::key_digest(id)));
    for (page, decoded) in pages.iter().enumerate() {
        let calls = landing.hidden.and_then(|hidden| decoded.text_column(&hidden.column));
        for (row, facts) in decoded.rows.iter().enumerate() {
            let id = facts.id.as_ref();
            let call = calls.filter(|c| c.is_valid(row)).map(|c| c.value(row));
            if landing.asked.is_some_and(|asked| id.is_none_or(|id| !asked.contains(id))) {
                session
                    .tally
                    .warn(format!("{}: Gong gave a record that was not asked for; it was left out", unit.entity.name));
                continue;
            }
            let hidden = landing.hidden.is_some_and(|hidden| call.is_some_and(|call| hidden.private.contains(call)));
            let private = hidden || facts.private || id.is_some_and(|id| landing.private.contains(id));
            if private && !session.config.sync.include_private {
                chosen.private += 1;
                chosen.private_keys.insert(facts.key);
                continue;
            }
            match place.get(&facts.key) {
                // The later reading of the two is the fresher one.
                Some(&at) => (chosen.keep[at], chosen.digests[at].1) = ((page, row), facts.digest),
                None => {
                    place.insert(facts.key, chosen.keep.len());
                    chosen.keep.push((page, row));
                    chosen.digests.push((facts.key, facts.digest));
                }
            }
        }
    }
    chosen
}

//! Refused without a word of why: are the credentials bad, or is it only this entity that they may not read?
//!
//! "Not in the plan" comes as 401 or 403 (API reference, F.2 and 17), and so do wrong credentials. Another entity is asked before it is judged.

use std::collections::BTreeSet;

use chrono::{DateTime, Duration, Utc};

use super::session::Session;
use crate::entity::{Catalog, Entity};
use crate::source::{Failure, Inputs, Refusal, Source, build};

/// Attempts beyond the first at each other entity: the next one decides as well.
const RETRIES: u32 = 1;
/// Calls are looked for in so many hours.
const HOURS: i64 = 24;
/// The entity with dates that is asked too: credentials for calls alone are usual.
const DATED: &str = "calls";

/// Whose refusal it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// The entity's: others are answered.
    Entity,
    /// The credentials': whatever was asked was refused.
    Credentials,
    /// Nothing else was answered or refused.
    Unknown,
}

/// What was judged in a run, so that each refused entity is judged once.
#[derive(Default)]
pub struct Doubts(tokio::sync::Mutex<Judged>);

#[derive(Default)]
struct Judged {
    entities: BTreeSet<String>,
    credentials: bool,
}

impl Doubts {
    /// Judges the refusal of an entity; those that come meanwhile wait for it.
    ///
    /// # Errors
    /// As for [`whose`].
    pub async fn whose(&self, session: &Session, entity: &Entity) -> Result<Whose, Failure> {
        let mut judged = self.0.lock().await;
        if judged.credentials {
            return Ok(Whose::Credentials);
        }
        if judged.entities.contains(&entity.name) {
            return Ok(Whose::Entity);
        }
        let whose = whose(&session.source, session.catalog, &entity.name, session.clock.now()).await?;
        match whose {
            Whose::Entity => drop(judged.entities.insert(entity.name.clone())),
            Whose::Credentials => judged.credentials = true,
            Whose::Unknown => {}
        }
        Ok(whose)
    }
}

/// Asks other entities, at most five, until one is answered. What was answered before proves nothing: a key can be revoked at any time.
///
/// # Errors
/// The run stops, or the ledger failed.
pub async fn whose(source: &Source, catalog: &Catalog, refused: &str, now: DateTime<Utc>) -> Result<Whose, Failure> {
    let plain = |e: &&Entity| e.name == DATED || (e.is_snapshot() && e.each().is_empty());
    let mut others: Vec<&Entity> = catalog.all().filter(plain).filter(|e| e.name != refused).collect();
    let answered = source.answered();
    others.sort_by_key(|e| !answered.contains(&e.name));
    let mut whose = Whose::Unknown;
    for entity in others {
        let inputs = Inputs {
            instants: Some((now - Duration::hours(HOURS), now)),
            subject: format!("{}, because {refused} was refused", entity.name),
            retries: Some(RETRIES),
            ..Inputs::default()
        };
        match source.ask(entity, &build(entity, &inputs, None), false).await {
            // Who is told which scope is missing, or what was wrong with the question, is known.
            Ok(_) | Err(Failure::Refused(Refusal::Scope(_) | Refusal::BadRequest, _)) => return Ok(Whose::Entity),
            Err(Failure::Refused(Refusal::Credentials | Refusal::Forbidden, _)) => whose = Whose::Credentials,
            Err(Failure::Refused(..) | Failure::Exhausted(_)) => {}
            Err(stopped) => return Err(stopped),
        }
    }
    Ok(whose)
}

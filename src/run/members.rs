//! What fan-outs go over: workspaces, managers and folders, as the newest reading of their entity gave them.

use std::collections::{BTreeMap, BTreeSet};

use super::land::TOO_FEW;
use super::session::Session;
use super::trouble::Trouble;
use super::workspaces;
use crate::config::Config;
use crate::decode::{Decoded, Decoder, StampValue, Stamps};
use crate::entity::spec::Stamp;
use crate::entity::{Catalog, Entity};
use crate::error::{Error, Kind, Result};
use crate::state::Ledger;
use crate::unit::{Span, Unit};

/// One request of a fan-out: the inputs that name its member, and the stamps of its rows.
#[derive(Debug, Clone, Default)]
pub struct Member {
    /// By the vendor's names of the inputs.
    pub inputs: BTreeMap<String, serde_json::Value>,
    /// On each row.
    pub stamps: Vec<(Stamp, StampValue)>,
    /// The ids, for the part's name.
    pub name: String,
}

/// Where the ids of a fan-out come from: entity, column, and the stamp of the rows.
const FANS: [(&str, &str, &str, Stamp); 3] = [
    ("workspaces", "workspaces", "id", Stamp::WorkspaceId),
    ("managers", "users", "manager_id", Stamp::ManagerId),
    ("library_folders", "library_folders", "id", Stamp::FolderId),
];

/// The entity that gives the ids of a fan-out.
pub fn source_of(fan: &str) -> &'static str {
    FANS.iter().find(|(name, ..)| *name == fan).map_or("workspaces", |(_, entity, ..)| entity)
}

fn fact(fan: &str) -> String {
    format!("ids of {fan}")
}

/// Fan-outs that go over an entity, with the columns of their ids.
pub fn columns_of(entity: &str) -> Vec<(&'static str, &'static str)> {
    FANS.iter().filter(|(_, source, ..)| *source == entity).map(|(fan, _, column, _)| (*fan, *column)).collect()
}

/// The fact that keeps the ids of a fan-out.
pub fn remembered(fan: &str, ids: impl Iterator<Item = String>) -> (String, String) {
    (fact(fan), serde_json::json!(ids.collect::<BTreeSet<String>>()).to_string())
}

/// One id for each fan-out that goes over `entity`, from a page of it: enough to ask for a permission.
pub fn first(entity: &'static Entity, body: &str) -> Vec<(&'static str, String)> {
    let decoded = Decoder::new(entity).page(body, &Stamps::default());
    let fans = FANS.iter().filter(|(_, source, ..)| *source == entity.name);
    let id = |column: &str| {
        let values = decoded.as_ref()?.text_column(column)?;
        values.iter().flatten().next().map(str::to_owned)
    };
    fans.filter_map(|(fan, _, column, _)| Some((*fan, id(column)?))).collect()
}

/// The ids of a snapshot that others fan out over, as facts for the ledger.
pub fn told(unit: Unit, pages: &[Decoded]) -> Vec<(String, String)> {
    let ids = |column: &'static str| {
        let values = pages.iter().filter_map(move |page| page.text_column(column));
        values.flat_map(|values| values.iter().flatten().map(str::to_owned).collect::<Vec<_>>())
    };
    columns_of(&unit.entity.name).into_iter().map(|(fan, column)| remembered(fan, ids(column))).collect()
}

/// Of these facts the ones that the ledger takes: a reading that lacks something does not replace what a whole one told.
pub fn to_keep(session: &Session, due: Option<&str>, facts: Vec<(String, String)>) -> Result<Vec<(String, String)>> {
    let mut kept = Vec::new();
    for (name, value) in facts {
        if due != Some(TOO_FEW) || session.ledger.fact(&name)?.is_none() {
            kept.push((name, value));
        }
    }
    Ok(kept)
}

/// True if the newest reading of a list that an entity fans out over was not believed, or lacked something.
pub fn are_doubtful(session: &Session, entity: &Entity) -> std::result::Result<bool, Trouble> {
    for source in entity.each().iter().map(|fan| source_of(fan)) {
        let Some(source) = session.catalog.get(source) else { continue };
        let row = session.ledger.unit(Unit { entity: source, span: Span::Snapshot })?;
        if row.is_some_and(|row| row.suspect.is_some() || row.due.as_deref() == Some(TOO_FEW)) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Requests that one unit of each fan-out takes, as far as its sources were read.
pub fn counts(ledger: &Ledger, config: &Config, catalog: &Catalog) -> Result<BTreeMap<String, u64>> {
    let mut counts = BTreeMap::new();
    for entity in catalog.all().filter(|e| !e.each().is_empty()) {
        let mut product = Some(1);
        let narrowed = config.entity(&entity.name).workspace_id.is_some();
        for fan in entity.each().iter().filter(|fan| !narrowed || *fan != "workspaces") {
            let ids: Option<Vec<String>> = ledger.fact(&fact(fan))?.and_then(|text| serde_json::from_str(&text).ok());
            product = product.zip(ids).map(|(product, ids)| product * ids.len() as u64);
        }
        counts.extend(product.map(|product| (entity.name.clone(), product)));
    }
    Ok(counts)
}

/// Every request of an entity's fan-out; a single one without inputs for an entity that has none.
pub fn of(session: &Session, entity: &Entity) -> std::result::Result<Vec<Member>, Trouble> {
    let mut members = vec![Member::default()];
    for fan in entity.each() {
        let Some((_, source, _, stamp)) = FANS.iter().find(|(name, ..)| name == fan) else { continue };
        let Some(text) = session.ledger.fact(&fact(fan))? else {
            let what =
                format!("{}: {source} has not been read, and it is asked once for each of its rows", entity.name);
            return Err(Trouble::Failed(Error::new(Kind::Vendor, what).hint(format!("see why {source} failed"))));
        };
        let ids: Vec<String> = serde_json::from_str(&text).unwrap_or_default();
        let ids = workspaces::only(session, entity, fan)?.map_or(ids, |only| vec![only]);
        let input = entity.request.each.get(fan).cloned().unwrap_or_default();
        let with = |id: String| members.iter().map(|member| extend(member, &input, &id, *stamp)).collect::<Vec<_>>();
        members = ids.into_iter().flat_map(with).collect();
    }
    Ok(members)
}

fn extend(member: &Member, input: &str, id: &str, stamp: Stamp) -> Member {
    let mut member = member.clone();
    member.inputs.insert(input.to_owned(), id.into());
    member.stamps.push((stamp, StampValue::Text(id.to_owned())));
    member.name = format!("{}/{id}", member.name);
    member
}

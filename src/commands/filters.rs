//! The filters of `list`: what was written becomes requests, and tests for what the vendor cannot filter. Pure.

use std::collections::{BTreeMap, HashSet};

use chrono::{DateTime, Days, NaiveDate, SecondsFormat, TimeDelta, Utc};
use chrono_tz::Tz;
use serde_json::Value;
use serde_json::value::RawValue;

use super::direct::digits;
use crate::cli::Filters;
use crate::entity::Entity;
use crate::entity::direct::{Always, FilterKind, FilterSpec, flag};
use crate::error::{Error, Kind, Result};
use crate::source::Inputs;
use crate::unit::midnight;

/// Ids in one request (API reference, section D).
const MOST_IDS: usize = 100;

/// What `list` asks and prints.
pub struct Wanted {
    /// The entity as it is asked for.
    pub entity: &'static Entity,
    /// One listing each.
    pub listings: Vec<Inputs>,
    /// What a record must pass to be printed.
    pub tests: Vec<Test>,
}

/// What a record must pass to be printed.
#[derive(Debug)]
pub struct Test {
    field: String,
    or_null: bool,
    rule: Rule,
}

#[derive(Debug)]
enum Rule {
    OneOf(HashSet<String>),
    From(DateTime<Utc>),
    Before(DateTime<Utc>),
}

impl Test {
    /// True if the record passes.
    pub fn passes(&self, record: &RawValue) -> bool {
        let fields: BTreeMap<String, &RawValue> = serde_json::from_str(record.get()).unwrap_or_default();
        let value = fields.get(&self.field).map(|raw| raw.get()).filter(|text| *text != "null");
        let Some(value) = value else { return self.or_null };
        // An id may come as a number: its literal digits count.
        let text: String = serde_json::from_str(value).unwrap_or_else(|_| value.to_owned());
        let at = || DateTime::parse_from_rfc3339(&text).ok();
        match &self.rule {
            Rule::OneOf(known) => known.contains(&text),
            Rule::From(from) => at().is_some_and(|at| at >= *from),
            Rule::Before(end) => at().is_some_and(|at| at < *end),
        }
    }
}

/// What is being put together.
#[derive(Default)]
struct Draft {
    inputs: Inputs,
    lists: BTreeMap<String, Vec<String>>,
    tests: Vec<Test>,
    moments: BTreeMap<String, DateTime<Utc>>,
}

/// Reads the options of `list`; dates where instants are meant are first instants in `zone`.
///
/// # Errors
/// [`Kind::Config`] naming the option: one that the entity does not take, one that is missing, one with a bad value.
pub fn read(entity: &'static Entity, given: &Filters, zone: Tz, now: DateTime<Utc>) -> Result<Wanted> {
    let taken: BTreeMap<String, &String> = entity.filters.keys().map(|name| (flag(name), name)).collect();
    if let Some(option) = given.0.keys().find(|option| !taken.contains_key(*option)) {
        return Err(not_taken(entity, option, &taken));
    }
    let missing = entity.required.iter().map(|name| flag(name)).filter(|option| !given.0.contains_key(option));
    let missing: Vec<String> = missing.map(|option| format!("--{option}")).collect();
    if !missing.is_empty() {
        let what = format!("list {} needs {}", entity.name, missing.join(", "));
        return Err(Error::new(Kind::Config, what).hint("without it Gong may refuse, or answer with less than all"));
    }
    let mut draft = Draft::default();
    for (option, values) in &given.0 {
        let name = taken[option];
        one(&mut draft, option, name, &entity.filters[name], values, zone)?;
    }
    in_order(&draft.moments)?;
    for (name, always) in entity.filters.iter().filter_map(|(name, spec)| Some((name, spec.always?))) {
        let latest_given = draft.moments.values().max().copied();
        draft
            .inputs
            .named
            .entry(name.clone())
            .or_insert_with(|| vendors(standing_for(always, now, latest_given)).into());
    }
    let listings = batches(draft.inputs, draft.lists, entity)?;
    let other = entity.spec.filtered.as_ref().filter(|f| f.by.iter().any(|name| given.0.contains_key(&flag(name))));
    let asked = match other.and_then(|_| entity.filtered()) {
        // One for the life of the process.
        Some(other) => Box::leak(Box::new(other)),
        None => entity,
    };
    Ok(Wanted { entity: asked, listings, tests: draft.tests })
}

/// The instant of a filter that was not given; the latest is behind what was.
fn standing_for(always: Always, now: DateTime<Utc>, given: Option<DateTime<Utc>>) -> DateTime<Utc> {
    let last = given.map_or(now, |given| given.max(now)).date_naive();
    let tomorrow = last.checked_add_days(Days::new(1)).unwrap_or(last);
    match always {
        // 2000-01-01: Gong was founded in 2015.
        Always::Earliest => DateTime::UNIX_EPOCH + TimeDelta::seconds(946_684_800),
        Always::Latest => midnight(tomorrow, Tz::UTC),
    }
}

fn vendors(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

fn not_taken(entity: &Entity, option: &str, taken: &BTreeMap<String, &String>) -> Error {
    let own: Vec<String> = taken.keys().map(|own| format!("--{own}")).collect();
    let error = Error::new(Kind::Config, format!("list {} takes no --{option}", entity.name));
    match own.is_empty() {
        true => error.hint(format!("it takes no filter; `gong-elt list --help` shows who takes --{option}")),
        false => error.hint(format!("it takes {}", own.join(", "))),
    }
}

fn one(draft: &mut Draft, option: &str, name: &str, spec: &FilterSpec, values: &[String], zone: Tz) -> Result<()> {
    let text = values.first().map_or("", String::as_str);
    let bad = |rule: &str| Error::new(Kind::Config, format!("--{option}: {text:?} {rule}"));
    let named = &mut draft.inputs.named;
    match spec.kind {
        FilterKind::Id | FilterKind::Ids => {
            values.iter().try_for_each(|id| digits(&format!("--{option}"), id))?;
            let rule = || Rule::OneOf(values.iter().cloned().collect());
            match &spec.field {
                Some(field) => draft.tests.push(Test { field: field.clone(), or_null: spec.or_null, rule: rule() }),
                None if spec.kind == FilterKind::Id => drop(named.insert(name.to_owned(), text.into())),
                None => drop(draft.lists.insert(name.to_owned(), unique(values))),
            }
        }
        FilterKind::Instant => {
            let at = instant(text, zone).ok_or_else(|| {
                bad("is neither an instant such as 2024-06-01T00:00:00Z nor a date such as 2024-06-01")
            })?;
            draft.moments.insert(option.to_owned(), at);
            match &spec.field {
                Some(field) => aside(draft, option, spec, field, at)?,
                None => drop(named.insert(name.to_owned(), vendors(at).into())),
            }
        }
        FilterKind::Date => {
            let day = date(text).ok_or_else(|| bad("is not a date such as 2024-06-01"))?;
            draft.moments.insert(option.to_owned(), midnight(day, Tz::UTC));
            if named.insert(name.to_owned(), day.to_string().into()).is_some() {
                return Err(two_ways(option));
            }
        }
        FilterKind::Bool => {
            let value: bool = text.parse().map_err(|_| bad("is neither true nor false"))?;
            named.insert(name.to_owned(), value.into());
        }
        FilterKind::Text => {
            if !spec.one_of.is_empty() && !spec.one_of.iter().any(|known| known == text) {
                return Err(bad(&format!("is none of {}", spec.one_of.join(", "))));
            }
            named.insert(name.to_owned(), text.into());
        }
        FilterKind::Selector => {
            let selector: Value = serde_json::from_str(text)
                .map_err(|e| Error::new(Kind::Config, format!("--{option}: is not JSON")).caused_by(e))?;
            if !selector.is_object() {
                return Err(Error::new(Kind::Config, format!("--{option}: must be a JSON object")));
            }
            draft.inputs.selector = Some(selector);
        }
    }
    Ok(())
}

/// An instant that the vendor cannot filter by: its day, one wider whatever the company's zone, and a test.
fn aside(draft: &mut Draft, option: &str, spec: &FilterSpec, field: &str, at: DateTime<Utc>) -> Result<()> {
    let day = at.date_naive();
    let (name, day, rule) = match (&spec.from_day, &spec.to_day) {
        (Some(name), _) => (name, day.checked_sub_days(Days::new(1)), Rule::From(at)),
        // The end is exclusive, so two days further is one wider.
        (_, Some(name)) => (name, day.checked_add_days(Days::new(2)), Rule::Before(at)),
        (None, None) => return Ok(()),
    };
    let day = day.unwrap_or(at.date_naive()).to_string();
    if draft.inputs.named.insert(name.clone(), day.into()).is_some() {
        return Err(two_ways(option));
    }
    draft.tests.push(Test { field: field.to_owned(), or_null: spec.or_null, rule });
    Ok(())
}

fn two_ways(option: &str) -> Error {
    Error::new(Kind::Config, format!("--{option}: another option says the same; give one of the two"))
}

/// Starts come before ends: `from-date-time` and `to-date-time`, `from` and `to`.
fn in_order(moments: &BTreeMap<String, DateTime<Utc>>) -> Result<()> {
    for (option, from) in moments {
        let other: Vec<&str> = option.split('-').map(|word| if word == "from" { "to" } else { word }).collect();
        let other = other.join("-");
        if other != *option && moments.get(&other).is_some_and(|to| to <= from) {
            let what = format!("--{other} must be after --{option}: it is the end, which is left out");
            return Err(Error::new(Kind::Config, what));
        }
    }
    Ok(())
}

/// One listing for each hundred ids.
fn batches(inputs: Inputs, mut lists: BTreeMap<String, Vec<String>>, entity: &Entity) -> Result<Vec<Inputs>> {
    let mut inputs = Inputs { subject: format!("list {}", entity.name), ..inputs };
    let longest = lists.iter().max_by_key(|(_, ids)| ids.len()).map(|(name, _)| name.clone());
    let Some((name, ids)) = longest.and_then(|name| lists.remove_entry(&name)) else { return Ok(vec![inputs]) };
    for (other, ids) in lists {
        if ids.len() > MOST_IDS {
            let what = format!("--{}: more than {MOST_IDS} ids in two options; give fewer in one", flag(&other));
            return Err(Error::new(Kind::Config, what));
        }
        inputs.named.insert(other, ids.into());
    }
    let batch = |ids: &[String]| {
        let mut inputs = inputs.clone();
        inputs.named.insert(name.clone(), ids.to_vec().into());
        inputs
    };
    Ok(ids.chunks(MOST_IDS).map(batch).collect())
}

fn unique(ids: &[String]) -> Vec<String> {
    let mut seen = HashSet::new();
    ids.iter().filter(|id| seen.insert(*id)).cloned().collect()
}

fn instant(text: &str, zone: Tz) -> Option<DateTime<Utc>> {
    let at = DateTime::parse_from_rfc3339(text).ok().map(|at| at.with_timezone(&Utc));
    at.or_else(|| date(text).map(|day| midnight(day, zone)))
}

fn date(text: &str) -> Option<NaiveDate> {
    text.parse().ok().filter(|_| text.len() == 10)
}

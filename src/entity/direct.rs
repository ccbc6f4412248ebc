//! What the direct verbs need of an entity file: the filters of `list`, another endpoint for some of them, and `get`.

use std::collections::BTreeMap;

use serde::de::value::{MapAccessDeserializer, StrDeserializer};
use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};

use super::catalog::Entity;
use super::naming::snake_case;
use super::spec::{EmptyRule, EntitySpec, Method, Read};
use super::validate::wrong;
use crate::error::Result;

/// Options that `list` has anyway.
const RESERVED: [&str; 9] = ["config", "as-of", "log-format", "verbose", "quiet", "help", "version", "limit", "cursor"];

/// One filter of `list`: a word for its type, or a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilterSpec {
    /// How its value is written.
    pub kind: FilterKind,
    /// The vendor has no such filter: records whose field has another value are left out here.
    pub field: Option<String>,
    /// Records whose `field` is null stay.
    pub or_null: bool,
    /// The vendor's date filter that is asked as well, a day earlier, so that less comes.
    pub from_day: Option<String>,
    /// The same for the end, a day later.
    pub to_day: Option<String>,
    /// The only values; any if empty.
    pub one_of: Vec<String>,
    /// Sent if it is not given, for an instant that the vendor may insist on.
    pub always: Option<Always>,
}

/// The instant that stands for a filter that is not given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Always {
    /// Before any record.
    Earliest,
    /// The end of the day in progress: the same for all pages of a listing that is asked page by page.
    Latest,
}

/// How a filter's value is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FilterKind {
    /// Digits.
    Id,
    /// Several of them.
    Ids,
    /// An instant, or a date for its first instant.
    Instant,
    /// A date.
    Date,
    /// true or false.
    Bool,
    /// Any text.
    Text,
    /// The `contentSelector` of the body, as JSON.
    Selector,
}

/// Another endpoint with the same records, for filters that the usual one lacks.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FilteredSpec {
    /// Path below the base URL; inputs go in the body of a POST.
    pub path: String,
    /// The filters for which it is asked.
    pub by: Vec<String>,
    /// Which 404 means "no rows" there.
    #[serde(default)]
    pub empty: EmptyRule,
}

/// One record by its id.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GetSpec {
    /// Path below the base URL, with `{id}` in it.
    pub path: String,
    /// The record's key in the answer.
    pub record: String,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct FilterForm {
    #[serde(rename = "type")]
    kind: FilterKind,
    field: Option<String>,
    #[serde(default)]
    or_null: bool,
    from_day: Option<String>,
    to_day: Option<String>,
    #[serde(default)]
    one_of: Vec<String>,
    always: Option<Always>,
}

// By hand, because an untagged enum would hide what is wrong.
impl<'de> Deserialize<'de> for FilterSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Form;
        impl<'de> Visitor<'de> for Form {
            type Value = FilterForm;

            fn expecting(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
                f.write_str("a filter's type, or a table with its type")
            }

            fn visit_str<E: de::Error>(self, word: &str) -> Result<FilterForm, E> {
                let kind = FilterKind::deserialize(StrDeserializer::new(word))?;
                Ok(FilterForm {
                    kind,
                    field: None,
                    or_null: false,
                    from_day: None,
                    to_day: None,
                    one_of: Vec::new(),
                    always: None,
                })
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<FilterForm, A::Error> {
                FilterForm::deserialize(MapAccessDeserializer::new(map))
            }
        }
        let FilterForm { kind, field, or_null, from_day, to_day, one_of, always } =
            deserializer.deserialize_any(Form)?;
        Ok(FilterSpec { kind, field, or_null, from_day, to_day, one_of, always })
    }
}

/// The option of a filter: the vendor's name in kebab-case.
pub fn flag(name: &str) -> String {
    snake_case(name).replace('_', "-")
}

impl Entity {
    /// True if `list` prints its records: everything but media.
    pub fn is_list(&self) -> bool {
        !matches!(self.read, Read::Media { .. })
    }

    /// The same entity as its other endpoint gives it.
    pub fn filtered(&self) -> Option<Entity> {
        let other = self.spec.filtered.as_ref()?;
        let mut spec = self.spec.clone();
        spec.request.method = Method::Post;
        spec.request.path.clone_from(&other.path);
        spec.empty = other.empty.clone();
        Some(Entity { spec, fields: Vec::new() })
    }

    /// One record of the entity as a listing of its own; `id` must be fit for a path.
    pub fn one(&self, id: &str) -> Option<Entity> {
        let get = self.spec.get.as_ref()?;
        let mut spec = self.spec.clone();
        spec.request.method = Method::Get;
        spec.request.path = get.path.replace("{id}", id);
        spec.request.fixed.clear();
        spec.page.rows.clone_from(&get.record);
        spec.page.single = true;
        spec.page.cursor = None;
        spec.empty = EmptyRule::Never;
        Some(Entity { spec, fields: Vec::new() })
    }
}

/// Checks the keys of the direct verbs.
pub fn check(file: &str, spec: &EntitySpec) -> Result<()> {
    if matches!(spec.read, Read::Media { .. }) && (!spec.filters.is_empty() || spec.get.is_some()) {
        return Err(wrong(file, "filters", "media are downloaded, not listed"));
    }
    let mut flags = BTreeMap::new();
    for (name, filter) in &spec.filters {
        let key = format!("filters.{name}");
        let flag = flag(name);
        let good = |c: char| c.is_ascii_alphanumeric() || c == '-';
        if flag.starts_with('-') || flag.is_empty() || !name.chars().all(good) {
            return Err(wrong(file, &key, "is not a name of the vendor's, such as fromDateTime"));
        }
        if RESERVED.contains(&flag.as_str()) {
            return Err(wrong(file, &key, format!("--{flag} is an option of its own")));
        }
        if let Some(other) = flags.insert(flag.clone(), name) {
            return Err(wrong(file, &key, format!("--{flag} is already {other}'s")));
        }
        one_filter(file, &key, spec, name, filter)?;
    }
    if let Some(name) = spec.required.iter().find(|name| !spec.filters.contains_key(*name)) {
        return Err(wrong(file, "required", format!("there is no filter {name}")));
    }
    if let Some(other) = &spec.filtered {
        if !other.path.starts_with("/v2/") {
            return Err(wrong(file, "filtered.path", "must start with /v2/"));
        }
        if other.path == "/v2/calls" {
            return Err(wrong(file, "filtered.path", "POST /v2/calls writes to Gong and must never be sent"));
        }
        if let Some(name) = other.by.iter().find(|name| !spec.filters.contains_key(*name)) {
            return Err(wrong(file, "filtered.by", format!("there is no filter {name}")));
        }
    }
    match &spec.get {
        Some(get) if !get.path.starts_with("/v2/") || get.path.matches("{id}").count() != 1 => {
            Err(wrong(file, "get.path", "must start with /v2/ and hold {id} once"))
        }
        _ => Ok(()),
    }
}

fn one_filter(file: &str, key: &str, spec: &EntitySpec, name: &str, filter: &FilterSpec) -> Result<()> {
    let broken = |rule: String| Err(wrong(file, key, rule));
    let posted =
        spec.request.method == Method::Post || spec.filtered.as_ref().is_some_and(|f| f.by.iter().any(|n| n == name));
    match filter.kind {
        FilterKind::Selector if name != "contentSelector" || spec.request.method != Method::Post => {
            return broken("type selector is for the contentSelector of a POST".to_owned());
        }
        FilterKind::Ids if !posted && filter.field.is_none() => {
            return broken("a GET takes no list of ids".to_owned());
        }
        FilterKind::Selector | FilterKind::Bool | FilterKind::Date | FilterKind::Text if filter.field.is_some() => {
            return broken("field goes with the types id, ids and instant".to_owned());
        }
        FilterKind::Instant if filter.field.is_some() != (filter.from_day.is_some() != filter.to_day.is_some()) => {
            return broken("an instant's field goes with from_day or to_day, one of them".to_owned());
        }
        _ => {}
    }
    let days = [&filter.from_day, &filter.to_day];
    if filter.kind != FilterKind::Instant && days.iter().any(|day| day.is_some()) {
        return broken("from_day and to_day go with the type instant".to_owned());
    }
    for day in days.into_iter().flatten() {
        if spec.filters.get(day).is_none_or(|other| other.kind != FilterKind::Date) {
            return broken(format!("there is no filter {day} of type date"));
        }
    }
    if filter.or_null && filter.field.is_none() {
        return broken("or_null goes with field".to_owned());
    }
    if filter.kind != FilterKind::Text && !filter.one_of.is_empty() {
        return broken("one_of goes with the type text".to_owned());
    }
    if filter.always.is_some() && (filter.kind != FilterKind::Instant || filter.field.is_some()) {
        return broken("always goes with an instant that the vendor filters by".to_owned());
    }
    Ok(())
}

#[cfg(test)]
#[path = "direct_tests.rs"]
mod tests;

//! Which requests a fault is for.

use serde::{Deserialize, Serialize};

/// Which requests a fault is for. What is not said fits every request.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Matcher {
    /// `GET` or `POST`.
    pub method: Option<String>,
    /// The path; with `*` at its end, every path that begins so.
    pub path: Option<String>,
    /// The page asked for, from 0.
    pub page: Option<u64>,
    /// Only from the nth request on that fits the rest, from 1.
    pub nth: Option<u64>,
    /// A text in the body or the query, for example an id.
    pub contains: Option<String>,
}

impl Matcher {
    /// Every request.
    pub fn any() -> Self {
        Self::default()
    }

    /// The requests of a path.
    pub fn path(path: &str) -> Self {
        Self { path: Some(path.to_owned()), ..Self::default() }
    }

    /// Only a page of it, from 0.
    pub fn page(self, page: u64) -> Self {
        Self { page: Some(page), ..self }
    }

    /// Only from the nth on, from 1.
    pub fn nth(self, nth: u64) -> Self {
        Self { nth: Some(nth), ..self }
    }

    /// Only with a text in the body or the query.
    pub fn containing(self, text: &str) -> Self {
        Self { contains: Some(text.to_owned()), ..self }
    }

    pub(super) fn fits(&self, facts: &Facts<'_>) -> bool {
        let path = |path: &String| match path.strip_suffix('*') {
            Some(start) => facts.path.starts_with(start),
            None => facts.path == path,
        };
        self.method.as_ref().is_none_or(|method| method == facts.method)
            && self.path.as_ref().is_none_or(path)
            && self.page.is_none_or(|page| page == facts.page)
            && self.contains.as_ref().is_none_or(|text| facts.text.contains(text.as_str()))
    }
}

/// What a matcher looks at.
pub(crate) struct Facts<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) page: u64,
    /// Query and body.
    pub(crate) text: &'a str,
}

//! The vocabulary of an entity file (`schemas/README.md` explains it to people).
//!
//! Plain data with closed enums: a new behaviour is a new variant, and the compiler then lists the places to fill.

use serde::Deserialize;

pub use super::columns::{ColumnKind, ColumnSpec, Stamp};

use super::direct::{FilterSpec, FilteredSpec, GetSpec};

/// One entity: what is asked of the vendor and what becomes of the answer.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EntitySpec {
    /// Table, folder and `--entities` value.
    pub name: String,
    /// Raised with every change of the columns.
    pub version: u32,
    /// What a row is.
    pub about: String,
    /// The OAuth scope that reads it.
    pub scope: String,
    /// How the entity is walked.
    pub read: Read,
    /// How one request is built.
    pub request: RequestSpec,
    /// Where the parts of an answer are.
    pub page: PageSpec,
    /// Which 404 means "no rows".
    #[serde(default)]
    pub empty: EmptyRule,
    /// How private calls are kept out of records that carry no flag.
    pub private: Option<PrivateRule>,
    /// Filters of `list`, by the vendor's names.
    #[serde(default)]
    pub filters: std::collections::BTreeMap<String, FilterSpec>,
    /// Filters without which the vendor does not answer.
    #[serde(default)]
    pub required: Vec<String>,
    /// Another endpoint, for filters that the usual one lacks.
    pub filtered: Option<FilteredSpec>,
    /// One record by its id.
    pub get: Option<GetSpec>,
    /// Columns that identify a row.
    pub key: Vec<String>,
    /// Columns that order the file.
    pub sort: Vec<String>,
    /// The table.
    pub columns: Vec<ColumnSpec>,
}

/// How private calls are kept out of records that carry no flag (API reference, section 18).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PrivateRule {
    /// Column that names the call.
    pub call: String,
    /// What becomes of rows whose call the vendor does not show.
    pub unknown: Unknown,
}

/// What becomes of rows whose call the vendor does not show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unknown {
    /// Kept: they hold nothing of the call.
    Keep,
    /// Left out.
    Drop,
}

/// How an entity is walked; the unit follows from it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Read {
    /// The whole list at once, once per row of each entity in `each`.
    Snapshot {
        /// Entities that are fanned out over.
        #[serde(default)]
        each: Vec<String>,
    },
    /// A window of days, listed by cursor.
    Window {
        /// Whose days.
        days: Days,
        /// The vendor gives finished days only.
        #[serde(default)]
        finished: bool,
    },
    /// The windows of `of`, read by its ids in batches of 100.
    ById {
        /// The entity that lists the ids.
        of: String,
    },
    /// A period (day, week, month) of company days.
    Period {
        /// Entities that are fanned out over.
        #[serde(default)]
        each: Vec<String>,
        /// The vendor gives finished days only.
        #[serde(default)]
        finished: bool,
    },
    /// One media file per call of the windows of `of`.
    Media {
        /// The entity that lists the calls.
        of: String,
        /// Which file.
        media: Media,
    },
}

/// Whose midnight cuts the days.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Days {
    /// UTC days.
    Utc,
    /// Days in the company's time zone.
    Company,
}

/// Which media file of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Media {
    /// `media.audioUrl`.
    Audio,
    /// `media.videoUrl`.
    Video,
}

/// How one request is built.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequestSpec {
    /// GET sends inputs in the query, POST in the body (API reference, E.3).
    pub method: Method,
    /// Path below the base URL.
    pub path: String,
    /// Input that takes the window's start.
    pub from: Option<String>,
    /// Input that takes the window's exclusive end.
    pub to: Option<String>,
    /// Form of the two.
    #[serde(default)]
    pub dates: Dates,
    /// Input that takes a batch of ids.
    pub ids: Option<String>,
    /// Input that takes a fan-out member's id, by entity.
    #[serde(default)]
    pub each: std::collections::BTreeMap<String, String>,
    /// Inputs that are always sent.
    #[serde(default)]
    pub fixed: std::collections::BTreeMap<String, serde_json::Value>,
    /// The `contentSelector` of the body.
    pub selector: Option<serde_json::Value>,
}

/// The HTTP method of a reading request. The vendor's writing methods have no variant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// Inputs in the query.
    Get,
    /// Inputs in the JSON body; the query is ignored by the vendor.
    Post,
}

/// How a window's bounds are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dates {
    /// `2024-06-01T00:00:00Z`.
    #[default]
    Instant,
    /// `2024-06-01`, a company day.
    Date,
}

/// Where the parts of an answer are; dotted paths.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PageSpec {
    /// The records array.
    pub rows: String,
    /// The next page's cursor; absent for lists of one page.
    pub cursor: Option<String>,
    /// The vendor's count of the whole match.
    pub total: Option<String>,
    /// The asked id, within a record (`by_id`).
    pub id: Option<String>,
    /// The privacy flag, within a record.
    pub private: Option<String>,
    /// The record of the entity that lists the ids, within a record of this one (`by_id`): a window listed through this entity feeds both.
    pub parent: Option<String>,
    /// An array within a record whose items become the rows.
    pub explode: Option<String>,
    /// A record that lacks that array and has a value of this name is itself one row.
    pub flat: Option<String>,
    /// The company's time zone, in the answer.
    pub zone: Option<String>,
    /// The address of a media file, within a record.
    pub link: Option<String>,
    /// The answer holds one record and no list: `get`.
    #[serde(skip)]
    pub single: bool,
}

/// Which 404 means "no rows" (API reference, F.3).
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(from = "EmptyForm")]
pub enum EmptyRule {
    /// None: a 404 is an error.
    #[default]
    Never,
    /// Those with one of these texts, compared without case and final full stop.
    Texts(Vec<String>),
    /// Each with the vendor's own body that names no permission.
    AnyVendorBody,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum EmptyForm {
    Word(AnyWord),
    Texts(Vec<String>),
}

#[derive(Deserialize)]
enum AnyWord {
    #[serde(rename = "any")]
    Any,
}

impl From<EmptyForm> for EmptyRule {
    fn from(form: EmptyForm) -> Self {
        match form {
            EmptyForm::Word(AnyWord::Any) => EmptyRule::AnyVendorBody,
            EmptyForm::Texts(texts) => EmptyRule::Texts(texts),
        }
    }
}

impl EntitySpec {
    /// The entity whose ids or windows this one follows, if any.
    pub fn parent(&self) -> Option<&str> {
        match &self.read {
            Read::ById { of } | Read::Media { of, .. } => Some(of),
            _ => None,
        }
    }

    /// Entities that are fanned out over: one request per row of theirs.
    pub fn each(&self) -> &[String] {
        match &self.read {
            Read::Snapshot { each } | Read::Period { each, .. } => each,
            _ => &[],
        }
    }

    /// True if the vendor gives finished days only.
    pub fn finished_days_only(&self) -> bool {
        matches!(self.read, Read::Window { finished: true, .. } | Read::Period { finished: true, .. })
    }

    /// True if days are cut at the company's midnight.
    pub fn has_company_days(&self) -> bool {
        matches!(self.read, Read::Window { days: Days::Company, .. } | Read::Period { .. })
    }

    /// True if its windows are periods, whose length the settings say.
    pub fn is_period(&self) -> bool {
        matches!(self.read, Read::Period { .. })
    }

    /// True if the unit is the whole list.
    pub fn is_snapshot(&self) -> bool {
        matches!(self.read, Read::Snapshot { .. })
    }
}

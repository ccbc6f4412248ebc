//! The vocabulary of a column line of an entity file.

use serde::Deserialize;

/// One line of the table: a leaf, a list of plain values, or a group.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ColumnSpec {
    /// Place in the vendor's record: `parties[].emailAddress`.
    pub path: Option<String>,
    /// Value that comes from the request; a path beside it is preferred.
    pub stamp: Option<Stamp>,
    /// List whose number of items is the value.
    pub count: Option<String>,
    /// Column name; the snake_case of the path's last name if absent.
    pub name: Option<String>,
    /// Other spellings of the path's last name; with `$.` in front, whole paths from the record.
    #[serde(default, rename = "or")]
    pub or: Vec<String>,
    /// The column stands at the top of the table although its path is nested.
    #[serde(default)]
    pub lift: bool,
    /// Differs with every answer (signed links): not part of change detection.
    #[serde(default)]
    pub volatile: bool,
    /// Parquet field id, 1 to 8999.
    pub id: i32,
    /// Type of the value, or of the items of a list of plain values.
    #[serde(rename = "type")]
    pub kind: ColumnKind,
    /// What a reader of the table must know.
    pub about: String,
}

/// The closed list of column types.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ColumnKind {
    /// A JSON string.
    String,
    /// A string or a whole number, kept by its literal digits.
    Id,
    /// Any plain value, as text.
    Text,
    /// 64-bit integer.
    Int,
    /// 64-bit float.
    Float,
    /// true or false.
    Bool,
    /// ISO 8601 with offset, as microseconds UTC.
    Timestamp,
    /// `YYYY-MM-DD`.
    Date,
    /// Any value, as JSON text.
    Json,
    /// An object.
    Struct,
    /// An array of objects.
    List,
}

/// A value that the request knows and the record does not carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stamp {
    /// Start of the call, from the listing.
    CallStarted,
    /// The call of a media file.
    CallId,
    /// The workspace that was asked.
    WorkspaceId,
    /// The folder that was asked.
    FolderId,
    /// The manager that was asked.
    ManagerId,
    /// First day of the period.
    FromDate,
    /// Day after the period.
    ToDate,
    /// Day after the last day actually asked.
    ThroughDate,
    /// The company's time zone.
    TimeZone,
    /// Object of a media file.
    Path,
    /// Bytes of a media file.
    Size,
    /// SHA-256 of a media file.
    Sha256,
    /// Type that the store of a media file declares.
    ContentType,
    /// Whether a media file exists.
    Status,
}

impl Stamp {
    /// The column's name unless the line gives one.
    pub fn name(self) -> &'static str {
        match self {
            Stamp::CallStarted => "call_started",
            Stamp::CallId => "call_id",
            Stamp::WorkspaceId => "workspace_id",
            Stamp::FolderId => "folder_id",
            Stamp::ManagerId => "manager_id",
            Stamp::FromDate => "from_date",
            Stamp::ToDate => "to_date",
            Stamp::ThroughDate => "through_date",
            Stamp::TimeZone => "time_zone",
            Stamp::Path => "path",
            Stamp::Size => "size",
            Stamp::Sha256 => "sha256",
            Stamp::ContentType => "content_type",
            Stamp::Status => "status",
        }
    }
}

//! `list`, `get` and `download`. The filters of `list` come from the entity files.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::OnceLock;

use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches, ValueEnum, value_parser};

use crate::entity::Catalog;
use crate::entity::direct::{FilterKind, flag};

/// Print records as Gong sends them, one JSON object a line, private calls included.
#[derive(Debug, Clone, Args)]
pub struct ListArgs {
    /// Which records: calls, users, stats_interaction, ... (see below).
    pub entity: String,
    /// Stop after so many records.
    #[arg(long, value_name = "N", value_parser = value_parser!(u64).range(1..), conflicts_with = "cursor")]
    pub limit: Option<u64>,
    /// One page only, from this cursor ("" is the first page); the next page's cursor is printed on stderr.
    #[arg(long, value_name = "CURSOR", allow_hyphen_values = true)]
    pub cursor: Option<String>,
    /// What to ask for.
    #[command(flatten)]
    pub filters: Filters,
}

/// Print one user or call.
#[derive(Debug, Clone, Args)]
pub struct GetArgs {
    /// users or calls.
    pub entity: String,
    /// Gong's id.
    #[arg(allow_hyphen_values = true)]
    pub id: String,
}

/// Fetch the sound or the pictures of a call.
#[derive(Debug, Clone, Args)]
pub struct DownloadArgs {
    /// Sound or pictures.
    #[arg(value_enum)]
    pub media: MediaKind,
    /// Gong's id of the call.
    #[arg(allow_hyphen_values = true)]
    pub call_id: String,
    /// Where to; "-" is stdout. Without it: the call's id with an ending by the type, in this folder.
    /// A link is followed; a device or a pipe is written straight through.
    #[arg(long, short, value_name = "F")]
    pub output: Option<PathBuf>,
    /// A part of the file: bytes=0-99, bytes=100- or bytes=-100.
    #[arg(long, value_name = "R")]
    pub range: Option<String>,
}

/// Which media file of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum MediaKind {
    /// The sound.
    Audio,
    /// The pictures, with sound.
    Video,
}

/// The filters that were given: option to values, as they were written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filters(pub BTreeMap<String, Vec<String>>);

/// Option to its kind and the entities that take it; and the entities that can be listed.
type Known = (BTreeMap<String, (FilterKind, Vec<String>)>, String);

/// What the entity files say; `None` if one of them is wrong.
fn known() -> Option<&'static Known> {
    // clap wants names that live as long as the process.
    static KNOWN: OnceLock<Known> = OnceLock::new();
    let catalog = Catalog::of_environment().ok()?;
    Some(KNOWN.get_or_init(|| options_of(catalog)))
}

fn options_of(catalog: &Catalog) -> Known {
    let mut known = BTreeMap::new();
    for entity in catalog.all() {
        for (name, filter) in &entity.filters {
            let (_, entities): &mut (FilterKind, Vec<String>) =
                known.entry(flag(name)).or_insert((filter.kind, Vec::new()));
            let needs = if entity.required.contains(name) { " (required)" } else { "" };
            entities.push(format!("{}{needs}", entity.name));
        }
    }
    let lists: Vec<&str> = catalog.all().filter(|e| e.is_list()).map(|e| e.name.as_str()).collect();
    (known, lists.join(", "))
}

fn option(name: &'static str, kind: FilterKind, entities: &[String]) -> Arg {
    let value = match kind {
        FilterKind::Id => "ID",
        FilterKind::Ids => "IDS",
        FilterKind::Instant => "INSTANT",
        FilterKind::Date => "DATE",
        FilterKind::Bool => "BOOL",
        FilterKind::Text => "TEXT",
        FilterKind::Selector => "JSON",
    };
    let arg = Arg::new(name).long(name).value_name(value);
    let arg = arg.help(format!("Of {}", entities.join(", "))).help_heading("Filters, by Gong's own names");
    match kind {
        FilterKind::Ids => arg.action(ArgAction::Append).value_delimiter(','),
        FilterKind::Bool => arg.num_args(0..=1).require_equals(true).default_missing_value("true"),
        _ => arg,
    }
}

impl FromArgMatches for Filters {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let given = |name: &String| {
            let values = matches.get_many::<String>(name)?.cloned().collect();
            Some((name.clone(), values))
        };
        Ok(Filters(known().into_iter().flat_map(|(known, _)| known.keys()).filter_map(given).collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Args for Filters {
    fn augment_args(command: Command) -> Command {
        match known() {
            Some((known, lists)) => {
                let options = known.iter().map(|(name, (kind, entities))| option(name, *kind, entities));
                command.args(options).after_help(format!("Entities: {lists}"))
            }
            // An entity file is wrong, as the command itself will say: no option must be in its way.
            None => {
                command.arg(Arg::new("any").num_args(0..).trailing_var_arg(true).allow_hyphen_values(true).hide(true))
            }
        }
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

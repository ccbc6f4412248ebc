//! Which entities exist: the files of `schemas/`, embedded, parsed and checked once at start-up.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use super::spec::{ColumnSpec, EntitySpec};
use super::tree::{self, Field};
use super::validate;
use crate::error::{Error, Kind, Result};

/// Names a folder whose files replace the embedded ones of the same name or stand beside them: for people who write an entity file.
pub const SCHEMAS_VARIABLE: &str = "GONG_ELT_SCHEMAS";

macro_rules! files {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("../../schemas/", $name, ".toml")))),*]
    };
}

/// One line per entity, in the order in which people see them.
const FILES: &[(&str, &str)] = files![
    "users",
    "workspaces",
    "settings_scorecards",
    "settings_trackers",
    "library_folders",
    "library_folder_content",
    "calls",
    "calls_extensive",
    "call_transcripts",
    "stats_activity_aggregate",
    "stats_activity_day_by_day",
    "stats_interaction",
    "stats_activity_scorecards",
    "coaching",
    "call_audio",
    "call_video",
];

/// An entity file with the shape that follows from it.
#[derive(Debug)]
pub struct Entity {
    /// The file.
    pub spec: EntitySpec,
    /// The table's own columns, nested.
    pub fields: Vec<Field>,
}

impl std::ops::Deref for Entity {
    type Target = EntitySpec;

    fn deref(&self) -> &EntitySpec {
        &self.spec
    }
}

/// Every entity of the program. Lives as long as the process.
#[derive(Debug)]
pub struct Catalog {
    entities: Vec<Entity>,
}

impl Catalog {
    /// Parses and checks every entity file. `replacements` is a folder of files that replace embedded ones or come after them.
    ///
    /// # Errors
    /// [`Kind::Schema`] naming file, key and rule.
    pub fn load(replacements: Option<&Path>) -> Result<&'static Catalog> {
        let mut entities = Vec::with_capacity(FILES.len());
        for (name, embedded) in FILES {
            let replacement = replacements.map(|dir| dir.join(format!("{name}.toml"))).filter(|path| path.exists());
            entities.push(match replacement {
                None => parse(&format!("schemas/{name}.toml"), name, embedded)?,
                Some(path) => read(&path, name)?,
            });
        }
        for (name, path) in replacements.map(additions).unwrap_or_default() {
            entities.push(read(&path, &name)?);
        }
        for entity in &entities {
            let known = |name: &str| entities.iter().any(|e| e.name == name);
            validate::references(&format!("schemas/{}.toml", entity.name), entity, known)?;
        }
        Ok(Box::leak(Box::new(Catalog { entities })))
    }

    /// The catalog with the replacements that the environment names, loaded once.
    ///
    /// # Errors
    /// As [`Catalog::load`].
    pub fn of_environment() -> Result<&'static Catalog> {
        static LOADED: OnceLock<&'static Catalog> = OnceLock::new();
        if let Some(catalog) = LOADED.get() {
            return Ok(catalog);
        }
        let replacements = std::env::var_os(SCHEMAS_VARIABLE).filter(|path| !path.is_empty()).map(PathBuf::from);
        if let Some(folder) = replacements.as_ref().filter(|folder| !folder.is_dir()) {
            let what = format!("{SCHEMAS_VARIABLE}: there is no folder {}", folder.display());
            return Err(Error::new(Kind::Schema, what));
        }
        let catalog = Catalog::load(replacements.as_deref())?;
        Ok(LOADED.get_or_init(|| catalog))
    }

    /// All entities, in catalog order.
    pub fn all(&self) -> impl Iterator<Item = &Entity> {
        self.entities.iter()
    }

    /// The entity of that name.
    pub fn get(&self, name: &str) -> Option<&Entity> {
        self.entities.iter().find(|e| e.name == name)
    }
}

/// The files of a folder that replace none, by name.
fn additions(folder: &Path) -> BTreeMap<String, PathBuf> {
    let paths = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let named = paths.filter(|path| path.extension().is_some_and(|ending| ending == "toml"));
    let named = named.filter_map(|path| Some((path.file_stem()?.to_str()?.to_owned(), path)));
    named.filter(|(name, _)| FILES.iter().all(|(embedded, _)| embedded != name)).collect()
}

fn read(path: &Path, name: &str) -> Result<Entity> {
    let shown = path.display().to_string();
    let text = std::fs::read_to_string(path)
        .map_err(|e| Error::new(Kind::Schema, format!("cannot read {shown}")).caused_by(e))?;
    parse(&shown, name, &text)
}

/// Parses one entity file.
///
/// # Errors
/// [`Kind::Schema`] naming file, key and rule.
pub fn parse(file: &str, name: &str, text: &str) -> Result<Entity> {
    let spec: EntitySpec =
        toml::from_str(text).map_err(|e| Error::new(Kind::Schema, format!("{file}: {}", e.to_string().trim_end())))?;
    validate::entity(file, name, &spec)?;
    let fields = tree::build(&spec.columns, spec.page.explode.as_deref());
    validate::table(file, &spec, &fields)?;
    Ok(Entity { spec, fields })
}

/// The line of a column, for messages: its path, stamp or count.
pub fn line(column: &ColumnSpec) -> String {
    match (&column.path, &column.stamp, &column.count) {
        (Some(path), _, None) => path.clone(),
        (_, _, Some(count)) => format!("count {count}"),
        (_, Some(stamp), _) => format!("stamp {stamp:?}"),
        _ => format!("id {}", column.id),
    }
}

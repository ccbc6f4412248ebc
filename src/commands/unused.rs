//! What would do nothing, in silence, is refused: settings and options that the rest leaves no use for.

use crate::cli::Command;
use crate::config::{CallsFrom, Config};
use crate::entity::spec::Read;
use crate::entity::{Catalog, Entity};
use crate::error::{Error, Kind, Result};
use crate::run;

/// Refuses options that have no effect beside the others.
///
/// # Errors
/// [`Kind::Config`] naming the option.
pub fn options(command: &Command) -> Result<()> {
    match command {
        Command::Verify(args) if args.bounds.max_requests.is_some() && !args.source && !args.repair => {
            let what = "--max-requests: nothing is asked of Gong without --source or --repair";
            Err(Error::new(Kind::Config, what).hint("leave it out, or add one of the two"))
        }
        _ => Ok(()),
    }
}

/// Refuses settings that an entity has no use for: they would do nothing, in silence.
///
/// # Errors
/// [`Kind::Config`] naming file and key.
pub fn settings(file: &str, config: &Config, catalog: &'static Catalog) -> Result<()> {
    let read = run::selected(catalog, &config.sync.entities);
    for (name, settings) in &config.entities {
        let Some(entity) = catalog.get(name) else { continue };
        let is_period = matches!(entity.read, Read::Period { .. });
        let follows = "is read with calls: set it in [entities.calls]";
        let by_workspace = entity.each().iter().any(|fan| fan == "workspaces") || entity.name == "calls";
        let lists = |other: &&Entity| other.page.parent.is_some() && other.parent() == Some(name);
        let through = read.iter().copied().any(|other| lists(&other));
        let rules = [
            (
                "calls_from",
                settings.calls_from != CallsFrom::Listing && !through,
                "can be listed through calls_extensive only if sync.entities names it too",
            ),
            ("reread", settings.reread.is_some() && entity.parent().is_some(), follows),
            ("reread", settings.reread.is_some() && entity.is_snapshot(), "is read whole: set every instead"),
            (
                "every",
                settings.every.is_some() && !entity.is_snapshot() && !is_period,
                "has windows: set reread instead",
            ),
            ("period", settings.period.is_some() && !is_period, "has no periods"),
            ("workspace_id", settings.workspace_id.is_some() && entity.parent().is_some(), follows),
            ("workspace_id", settings.workspace_id.is_some() && !by_workspace, "is not listed by workspace"),
            (
                "content_selector",
                settings.content_selector.is_some() && entity.request.selector.is_none(),
                "has no contentSelector",
            ),
        ];
        if let Some((key, _, why)) = rules.iter().find(|(_, broken, _)| *broken) {
            return Err(Error::new(Kind::Config, format!("{file}: entities.{name}.{key}: {name} {why}")));
        }
    }
    Ok(())
}

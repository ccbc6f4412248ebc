//! What every unit of a run works with.

use std::sync::atomic::{AtomicBool, AtomicI64};
use std::sync::{Arc, OnceLock};

use chrono::{DateTime, SecondsFormat, Utc};
use chrono_tz::Tz;
use tokio::sync::Semaphore;

use super::backup::Backup;
use super::doubt::Doubts;
use super::lease::Lease;
use super::quarantine::SetAside;
use super::sight::Sight;
use super::staging::Held;
use super::tally::Tally;
use super::under_way::UnderWay;
use crate::clock::Clock;
use crate::config::Config;
use crate::entity::{Catalog, Entity};
use crate::halt::Stop;
use crate::report::Progress;
use crate::sink::{Store, Version};
use crate::source::Source;
use crate::state::Ledger;

/// One run's components and facts.
pub struct Session {
    /// Settings.
    pub config: Config,
    /// The file they came from, for messages.
    pub file: String,
    /// Entities.
    pub catalog: &'static Catalog,
    /// Facts.
    pub ledger: Arc<Ledger>,
    /// Output.
    pub store: Store,
    /// Vendor.
    pub source: Source,
    /// The time of day.
    pub clock: Arc<dyn Clock>,
    /// Told to every task.
    pub stop: Stop,
    /// Answers that must not reach the ledger.
    pub held: Held,
    /// What is counted.
    pub tally: Tally,
    /// What people see meanwhile.
    pub progress: Progress,
    /// The run's one now.
    pub now: DateTime<Utc>,
    /// Sorts by time.
    pub run_id: String,
    /// In footers and the manifest.
    pub ledger_id: String,
    /// The company's time zone, once it is known.
    pub zone: OnceLock<Tz>,
    /// Whether the credentials still see calls.
    pub sight: Sight,
    /// Windows of calls that are read just now.
    pub under_way: UnderWay,
    /// `--accept-shrink`.
    pub accept_shrink: bool,
    /// Places for downloads of media, of all windows together.
    pub downloads: Semaphore,
    /// Decoded rows take memory: one unit or family at a time.
    pub landing: Semaphore,
    /// Real time of the newest manifest, in seconds since 1970.
    pub manifest_at: AtomicI64,
    /// Where copies of the ledger go.
    pub backup: Option<Arc<Backup>>,
    /// What keeps other machines from running.
    pub lease: Option<Arc<Lease>>,
    /// Whose refusals were that said nothing of why.
    pub doubts: Doubts,
    /// A manifest was on its way when the run was out of time: whether it is there is not known.
    pub manifest_in_doubt: AtomicBool,
    /// The manifest that this run saw or wrote last.
    pub manifest_seen: tokio::sync::Mutex<Option<Version>>,
    /// Whether calls that name a workspace that the ledger does not know are its company's.
    pub company_checked: tokio::sync::Mutex<super::company::Checked>,
    /// Records that could not be read.
    pub set_aside: SetAside,
}

impl Session {
    /// The company's time zone; UTC until it is known.
    pub fn zone(&self) -> Tz {
        self.zone.get().copied().unwrap_or(Tz::UTC)
    }

    /// The zone whose days an entity is read in; `None` for UTC days, whatever the company's zone.
    pub fn zone_name(&self, entity: &Entity) -> Option<String> {
        entity.has_company_days().then(|| self.zone().name().to_owned())
    }

    /// Sets the company's time zone, once.
    pub fn set_zone(&self, zone: Tz) {
        // It is learned before anything is planned, so a second call brings the same zone.
        let _ = self.zone.set(zone);
    }

    /// Short digest of the settings that shape an entity's rows.
    pub fn fingerprint(&self, entity: &Entity) -> String {
        fingerprint(&self.config, entity)
    }

    /// The input that narrows an entity to one workspace. Ids are listed once, so the parent's setting rules its family.
    pub fn workspace(&self, entity: &Entity) -> Option<String> {
        self.config.entity(entity.parent().unwrap_or(&entity.name)).workspace_id
    }
}

/// True if rows of private calls are wanted, and the entity has rows of calls at all.
pub fn keeps_private(config: &Config, entity: &Entity) -> bool {
    let of_calls = entity.page.private.is_some() || entity.private.is_some() || entity.parent().is_some();
    of_calls && config.sync.include_private
}

/// Short digest of the settings that shape an entity's rows: another fingerprint means other rows for the same window.
pub fn fingerprint(config: &Config, entity: &Entity) -> String {
    let own = config.entity(&entity.name);
    let family = config.entity(entity.parent().unwrap_or(&entity.name));
    let facts = serde_json::json!([
        entity.version,
        keeps_private(config, entity),
        selector(config, entity),
        family.workspace_id,
        own.period.map(|p| format!("{p:?}")),
        entity.request.fixed,
    ]);
    short_digest(&facts.to_string())
}

/// Enough of a SHA-256 to tell texts apart.
pub fn short_digest(text: &str) -> String {
    use sha2::Digest as _;
    sha2::Sha256::digest(text).iter().take(8).map(|b| format!("{b:02x}")).collect()
}

/// The `contentSelector` that an entity is asked with: set, or its file's; with media links if the settings want them.
pub fn selector(config: &Config, entity: &Entity) -> Option<serde_json::Value> {
    let own = config.entity(&entity.name);
    let mut selector = own.content_selector.or_else(|| entity.request.selector.clone());
    if let Some(fields) = selector.as_mut().filter(|_| own.include_media_urls) {
        fields["exposedFields"]["media"] = true.into();
    }
    selector
}

/// A random id.
pub fn new_id() -> String {
    format!("{:016x}", rand::random::<u64>())
}

/// An id that sorts by time.
pub fn new_run_id(at: DateTime<Utc>) -> String {
    let time: String = at.to_rfc3339_opts(SecondsFormat::Millis, true).chars().filter(|c| !"-:".contains(*c)).collect();
    format!("{time}-{:06x}", rand::random::<u32>() & 0xff_ffff)
}

//! How a server is set up.

use std::time::Duration;

use chrono::TimeDelta;

use super::auth::{Credential, all_scopes};
use super::limits::Rates;

/// The settings of a server.
#[derive(Clone, Debug)]
pub struct ServerOptions {
    /// The port; 0 takes a free one.
    pub port: u16,
    /// Who may sign in. Default: access key `sim-key` with `sim-secret`, and the token `sim-token` with every scope.
    pub credentials: Vec<Credential>,
    /// The company's limits. Default: the vendor's.
    pub rates: Rates,
    /// How long answers take. Default: no longer than they must.
    pub latency: Latency,
    /// Where the vendor's behaviour is not known.
    pub unknowns: Unknowns,
    /// Whether the clock runs in real time. Default: it stands still.
    pub running_clock: bool,
    /// Records of a page. Default: 100; the real API knows no other.
    pub page_size: usize,
    /// Life of a cursor from the first request of its sequence. Default: an hour.
    pub cursor_life: TimeDelta,
    /// Life of an OAuth access token. Default: a day.
    pub token_life: TimeDelta,
}

impl Default for ServerOptions {
    fn default() -> Self {
        Self {
            port: 0,
            credentials: vec![
                Credential::AccessKey { key: "sim-key".into(), secret: "sim-secret".into() },
                Credential::Token { token: "sim-token".into(), scopes: all_scopes() },
                Credential::OAuthClient {
                    id: "sim-client".into(),
                    secret: "sim-client-secret".into(),
                    refresh_token: "sim-refresh".into(),
                    scopes: all_scopes(),
                },
            ],
            rates: Rates::default(),
            latency: Latency::default(),
            unknowns: Unknowns::default(),
            running_clock: false,
            page_size: 100,
            cursor_life: TimeDelta::hours(1),
            token_life: TimeDelta::days(1),
        }
    }
}

impl ServerOptions {
    /// The defaults without limits, for tests that are not about them.
    pub fn unlimited() -> Self {
        Self { rates: Rates::off(), ..Self::default() }
    }

    /// The same with another page size.
    pub fn page_size(self, page_size: usize) -> Self {
        Self { page_size, ..self }
    }
}

/// How long answers take.
#[derive(Clone, Debug, Default)]
pub struct Latency {
    /// Every answer.
    pub fixed: Duration,
    /// How many answers in a hundred are slow.
    pub slow_percent: f64,
    /// How much longer those take.
    pub slow: Duration,
    /// Which ones, by order of arrival.
    pub seed: u64,
}

/// What nobody has seen the vendor do (API reference, section 23); each default is what the reference infers.
#[derive(Clone, Copy, Debug)]
pub struct Unknowns {
    /// calls/extensive compares dates with the real start and not with the planned one. Default: no.
    pub extensive_by_start: bool,
    /// calls/transcript compares dates with the real start. Default: yes.
    pub transcripts_by_start: bool,
    /// Media urls without the media scope: the block is left out without a word. Default: no, 401.
    pub media_without_scope_is_silent: bool,
    /// A company with several workspaces gets 400 on library folders without a workspace. Default: yes.
    pub folders_need_workspace: bool,
    /// Ids in one request above which the journal notes a violation. Default: 100.
    pub ids_in_request: usize,
}

impl Default for Unknowns {
    fn default() -> Self {
        Self {
            extensive_by_start: false,
            transcripts_by_start: true,
            media_without_scope_is_silent: false,
            folders_need_workspace: true,
            ids_in_request: 100,
        }
    }
}

//! Credentials: access keys, bearer tokens with scopes, and OAuth clients (API reference, sections B and C).

use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, TimeDelta, Utc};

use super::http::Request;

/// Every scope that the covered endpoints know.
pub const SCOPES: [&str; 14] = [
    "api:users:read",
    "api:calls:read:basic",
    "api:calls:read:extensive",
    "api:calls:read:media-url",
    "api:calls:read:transcript",
    "api:workspaces:read",
    "api:stats:user-actions",
    "api:stats:user-actions:detailed",
    "api:stats:interaction",
    "api:stats:scorecards",
    "api:settings:scorecards:read",
    "api:settings:trackers:read",
    "api:library:read",
    "api:coaching:read",
];

/// What a client signs in with.
#[derive(Clone, Debug)]
pub enum Credential {
    /// HTTP Basic; not limited by scopes.
    AccessKey {
        /// User part.
        key: String,
        /// Password part.
        secret: String,
    },
    /// A bearer token that lasts, with its scopes.
    Token {
        /// The token.
        token: String,
        /// Its scopes.
        scopes: Vec<String>,
    },
    /// An OAuth client, with the refresh token it starts from.
    OAuthClient {
        /// The client's id.
        id: String,
        /// The client's secret.
        secret: String,
        /// The first refresh token; each use replaces it.
        refresh_token: String,
        /// The scopes of the tokens it gets.
        scopes: Vec<String>,
    },
}

/// All scopes, as a token has them.
pub fn all_scopes() -> Vec<String> {
    SCOPES.map(str::to_owned).to_vec()
}

/// A credential that was accepted.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    /// For the journal; never the secret.
    pub(crate) name: String,
    /// `None`: not limited.
    scopes: Option<Vec<String>>,
}

impl Caller {
    pub(crate) fn may(&self, scope: &str) -> bool {
        self.scopes.as_ref().is_none_or(|scopes| scopes.iter().any(|has| has == scope))
    }
}

/// The credentials that are valid now.
#[derive(Debug, Default)]
pub(crate) struct Accounts {
    basic: HashMap<String, String>,
    tokens: HashMap<String, Grant>,
    pub(crate) clients: HashMap<String, Client>,
    issued: u64,
}

#[derive(Debug)]
struct Grant {
    caller: Caller,
    expires: Option<DateTime<Utc>>,
}

#[derive(Debug)]
pub(crate) struct Client {
    secret: String,
    pub(crate) refresh_token: String,
    pub(crate) scopes: Vec<String>,
}

impl Accounts {
    pub(crate) fn new(credentials: &[Credential]) -> Self {
        let mut accounts = Self::default();
        for credential in credentials.iter().cloned() {
            match credential {
                Credential::AccessKey { key, secret } => {
                    accounts.basic.insert(key, secret);
                }
                Credential::Token { token, scopes } => {
                    let name = format!("token {}", accounts.tokens.len() + 1);
                    let caller = Caller { name, scopes: Some(scopes) };
                    accounts.tokens.insert(token, Grant { caller, expires: None });
                }
                Credential::OAuthClient { id, secret, refresh_token, scopes } => {
                    accounts.clients.insert(id, Client { secret, refresh_token, scopes });
                }
            }
        }
        accounts
    }

    /// Who sent a request, if that is somebody known.
    pub(crate) fn caller(&self, request: &Request, now: DateTime<Utc>) -> Option<Caller> {
        let header = request.header("authorization")?;
        if let Some(token) = header.strip_prefix("Bearer ") {
            let grant = self.tokens.get(token)?;
            return grant.expires.is_none_or(|at| at > now).then(|| grant.caller.clone());
        }
        let (key, secret) = basic(header)?;
        (self.basic.get(&key)? == &secret).then_some(Caller { name: key, scopes: None })
    }

    /// The OAuth client that sent a request, if its secret is right.
    pub(crate) fn client(&self, request: &Request) -> Option<String> {
        let (id, secret) = basic(request.header("authorization")?)?;
        (self.clients.get(&id)?.secret == secret).then_some(id)
    }

    /// Makes a new pair of tokens for a client; the old refresh token is dead. An access token already given out stays
    /// valid until it expires.
    pub(crate) fn issue(&mut self, client: &str, life: TimeDelta, now: DateTime<Utc>) -> Option<(String, String)> {
        self.issued += 1;
        let number = self.issued;
        let entry = self.clients.get_mut(client)?;
        let access = format!("sim-access-{client}-{number}");
        entry.refresh_token = format!("sim-refresh-{client}-{number}");
        let caller = Caller { name: format!("oauth {client}"), scopes: Some(entry.scopes.clone()) };
        self.tokens.insert(access.clone(), Grant { caller, expires: Some(now + life) });
        Some((access, entry.refresh_token.clone()))
    }
}

fn basic(header: &str) -> Option<(String, String)> {
    let bytes = STANDARD.decode(header.strip_prefix("Basic ")?).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    let (user, password) = text.split_once(':')?;
    Some((user.to_owned(), password.to_owned()))
}

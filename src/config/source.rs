//! `[source]`: the vendor's account.

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

/// The generic host. Many companies must use their own (API reference, section A), which the administrator finds on Gong's API page.
const DEFAULT_BASE_URL: &str = "https://api.gong.io";

/// The vendor's account: address, credentials and time zone.
#[derive(Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SourceSettings {
    /// Scheme and host of the API.
    pub base_url: String,
    /// Access key; goes with `access_key_secret`.
    pub access_key: Option<SecretString>,
    /// Secret of the access key.
    pub access_key_secret: Option<SecretString>,
    /// Bearer token, refreshed by somebody else.
    pub access_token: Option<SecretString>,
    /// The company's time zone; learned from an answer if absent.
    pub time_zone: Option<String>,
}

impl Default for SourceSettings {
    fn default() -> Self {
        SourceSettings {
            base_url: DEFAULT_BASE_URL.to_owned(),
            access_key: None,
            access_key_secret: None,
            access_token: None,
            time_zone: None,
        }
    }
}

/// What is sent with each request.
#[derive(Debug, Clone)]
pub enum Credentials {
    /// Access key and secret: HTTP Basic.
    AccessKey(SecretString, SecretString),
    /// A bearer token.
    Token(SecretString),
}

impl SourceSettings {
    /// The one way to sign in that is set; `None` if none or half of one is.
    pub fn credentials(&self) -> Option<Credentials> {
        match (&self.access_key, &self.access_key_secret, &self.access_token) {
            (Some(key), Some(secret), None) => Some(Credentials::AccessKey(key.clone(), secret.clone())),
            (None, None, Some(token)) => Some(Credentials::Token(token.clone())),
            _ => None,
        }
    }
}

fn text(secret: &Option<SecretString>) -> Option<&str> {
    secret.as_ref().map(ExposeSecret::expose_secret)
}

impl PartialEq for SourceSettings {
    fn eq(&self, other: &Self) -> bool {
        self.base_url == other.base_url
            && self.time_zone == other.time_zone
            && text(&self.access_key) == text(&other.access_key)
            && text(&self.access_key_secret) == text(&other.access_key_secret)
            && text(&self.access_token) == text(&other.access_token)
    }
}

impl std::fmt::Debug for SourceSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SourceSettings")
            .field("base_url", &self.base_url)
            .field("time_zone", &self.time_zone)
            .finish_non_exhaustive()
    }
}

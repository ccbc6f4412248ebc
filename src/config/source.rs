//! `[source]`: the vendor's account.

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

/// The generic host. Many companies must use their own (API reference, section A), which the administrator finds on Gong's API page.
const DEFAULT_BASE_URL: &str = "https://api.gong.io";
/// Where Gong gives out tokens, for every company (API reference, section B.2).
const DEFAULT_TOKEN_URL: &str = "https://app.gong.io/oauth2/generate-customer-token";

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
    /// An OAuth app, whose tokens are refreshed here.
    pub oauth: Option<OAuthSettings>,
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
            oauth: None,
            time_zone: None,
        }
    }
}

/// `[source.oauth]`: an OAuth app and the refresh token that an administrator's authorisation gave it.
#[derive(Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OAuthSettings {
    /// The app.
    pub client_id: Option<String>,
    /// Its secret.
    pub client_secret: Option<SecretString>,
    /// The first refresh token; those that follow are kept in the ledger.
    pub refresh_token: Option<SecretString>,
    /// Where tokens are refreshed.
    pub token_url: String,
}

impl Default for OAuthSettings {
    fn default() -> Self {
        OAuthSettings {
            client_id: None,
            client_secret: None,
            refresh_token: None,
            token_url: DEFAULT_TOKEN_URL.to_owned(),
        }
    }
}

/// What proves who we are.
#[derive(Debug, Clone)]
pub enum Credentials {
    /// Access key and secret: HTTP Basic.
    AccessKey(SecretString, SecretString),
    /// A bearer token.
    Token(SecretString),
    /// Bearer tokens that are refreshed.
    OAuth(OAuthClient),
}

/// An OAuth app with all that a refresh needs.
#[derive(Debug, Clone)]
pub struct OAuthClient {
    /// The app.
    pub id: String,
    /// Its secret.
    pub secret: SecretString,
    /// The first refresh token.
    pub refresh_token: SecretString,
    /// Where tokens are refreshed.
    pub token_url: String,
}

impl SourceSettings {
    /// The one way to sign in that is set; `None` if none, half of one, or more than one is.
    pub fn credentials(&self) -> Option<Credentials> {
        match (&self.access_key, &self.access_key_secret, &self.access_token, &self.oauth) {
            (Some(key), Some(secret), None, None) => Some(Credentials::AccessKey(key.clone(), secret.clone())),
            (None, None, Some(token), None) => Some(Credentials::Token(token.clone())),
            (None, None, None, Some(oauth)) => oauth.client().map(Credentials::OAuth),
            _ => None,
        }
    }
}

impl SourceSettings {
    /// A text that is another one for other credentials or another host; itself a secret.
    pub fn identity(&self) -> SecretString {
        let of = |secret: &Option<SecretString>| text(secret).unwrap_or_default().to_owned();
        let oauth = self.oauth.as_ref().map(|oauth| (oauth.client_id.clone(), of(&oauth.refresh_token)));
        let parts = (&self.base_url, of(&self.access_key), of(&self.access_token), oauth);
        format!("{parts:?}").into()
    }
}

impl OAuthSettings {
    fn client(&self) -> Option<OAuthClient> {
        Some(OAuthClient {
            id: self.client_id.clone()?,
            secret: self.client_secret.clone()?,
            refresh_token: self.refresh_token.clone()?,
            token_url: self.token_url.clone(),
        })
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
            && self.oauth == other.oauth
    }
}

impl PartialEq for OAuthSettings {
    fn eq(&self, other: &Self) -> bool {
        self.client_id == other.client_id
            && self.token_url == other.token_url
            && text(&self.client_secret) == text(&other.client_secret)
            && text(&self.refresh_token) == text(&other.refresh_token)
    }
}

impl std::fmt::Debug for SourceSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SourceSettings")
            .field("base_url", &self.base_url)
            .field("oauth", &self.oauth)
            .field("time_zone", &self.time_zone)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for OAuthSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OAuthSettings").field("token_url", &self.token_url).finish_non_exhaustive()
    }
}

//! How requests are signed in: where they go, and what proves who sends them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use base64::Engine as _;
use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret, SecretString};

use super::line::Line;
use super::mask;
use super::oauth::OAuth;
use super::retry::{Failure, Story};
use crate::error::{Error, Kind, Result};

/// What one attempt is sent with.
pub struct Access {
    /// Scheme and host, without a slash at the end.
    pub base: String,
    /// The header's value; marked as sensitive.
    pub authorization: HeaderValue,
    /// What the header is made of, to keep it out of messages.
    secrets: Vec<SecretString>,
    accepted: AtomicBool,
}

impl Access {
    /// An access key, sent to `base_url`.
    pub fn key(base_url: &str, key: &SecretString, secret: &SecretString) -> Result<Access> {
        let pair = format!("{}:{}", key.expose_secret(), secret.expose_secret());
        let encoded = base64::engine::general_purpose::STANDARD.encode(pair);
        let text = format!("Basic {encoded}");
        Access::new(base_url, &text, vec![encoded.into(), key.clone(), secret.clone()])
    }

    /// A bearer token, sent to `base_url`.
    pub fn bearer(base_url: &str, token: &SecretString) -> Result<Access> {
        Access::new(base_url, &format!("Bearer {}", token.expose_secret()), vec![token.clone()])
    }

    fn new(base_url: &str, authorization: &str, secrets: Vec<SecretString>) -> Result<Access> {
        let mut authorization = HeaderValue::from_str(authorization)
            .map_err(|_| Error::new(Kind::Config, "the access token has a character that no HTTP header can carry"))?;
        authorization.set_sensitive(true);
        let base = base_url.trim_end_matches('/').to_owned();
        Ok(Access { base, authorization, secrets, accepted: AtomicBool::new(false) })
    }

    /// The vendor's words without what it was sent: an answer may hold the request's headers.
    pub fn redact(&self, text: &str) -> String {
        let secrets: Vec<&str> = self.secrets.iter().map(ExposeSecret::expose_secret).collect();
        mask::without(text, &secrets)
    }

    /// True once the vendor has taken it for good.
    pub fn is_accepted(&self) -> bool {
        self.accepted.load(Ordering::Relaxed)
    }

    /// Notes that the vendor has taken it for good.
    pub fn accept(&self) {
        self.accepted.store(true, Ordering::Relaxed);
    }
}

/// The one way in which this process signs in.
pub enum Auth {
    /// The same for every request.
    Fixed(Arc<Access>),
    /// Tokens that are refreshed.
    OAuth(Box<OAuth>),
}

impl Auth {
    /// What the next attempt is sent with.
    ///
    /// # Errors
    /// Why there is nothing: the tokens cannot be refreshed, or the run stops.
    pub async fn access(&self, line: &Line) -> std::result::Result<Arc<Access>, Failure> {
        match self {
            Auth::Fixed(access) => Ok(access.clone()),
            Auth::OAuth(oauth) => oauth.access(line).await,
        }
    }

    /// Sees to it that the next access is another one than `refused`; false if that is not to be had.
    ///
    /// # Errors
    /// As for [`Auth::access`].
    pub async fn renew(&self, refused: &Access, line: &Line) -> std::result::Result<bool, Failure> {
        match self {
            Auth::Fixed(_) => Ok(false),
            Auth::OAuth(oauth) => oauth.renew(refused, line).await,
        }
    }

    /// The error for an access that is refused for good, where the usual advice would be wrong.
    pub fn refusal(&self, story: &Story) -> Option<Error> {
        match self {
            Auth::Fixed(_) => None,
            Auth::OAuth(oauth) => Some(oauth.refusal(story)),
        }
    }

    /// The error for an access whose host sends on to `host`, where the usual advice would be wrong.
    pub fn redirected(&self, access: &Access, host: &str, story: &Story) -> Option<Error> {
        match self {
            Auth::Fixed(_) => None,
            Auth::OAuth(oauth) => Some(oauth.redirected(access, host, story)),
        }
    }
}

//! The token endpoint: a refresh token goes in, new tokens come out (API reference, B.2). One attempt and what its answer means; who
//! attempts it and when, and where the tokens are kept, is `oauth.rs`'s.

use std::time::Duration;

use base64::Engine as _;
use chrono::{DateTime, TimeDelta, Utc};
use reqwest::header::{AUTHORIZATION, CONTENT_LENGTH, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::Value;

use super::classify::{LONGEST_TEXT, Told, clean, retry_after};
use super::retry::Undecided;
use super::tokens::Tokens;
use super::transport::{Answer, SendError, client, receive};
use crate::config::OAuthClient;
use crate::error::{Error, Kind, Result};

/// Life of an access token if the answer does not say it: the vendor's default.
const USUAL_LIFE: i64 = 86_400;
/// Shorter lives are not believed: every request would bring a refresh. A token that dies earlier is noticed by its 401.
const SHORTEST_LIFE: i64 = 60;
/// Longer ones neither.
const LONGEST_LIFE: i64 = 366 * 86_400;

/// What was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// The refresh token: used, expired or revoked.
    Grant,
    /// The app's id or secret.
    Client,
    /// There is no token endpoint here; perhaps at that host.
    Address(Option<String>),
    /// Something else.
    Other,
}

/// What one answer means.
#[derive(Debug)]
pub enum Judged {
    /// New tokens; the refresh token that was sent is used up.
    Granted(Tokens),
    /// Worth another attempt. `lost` if the vendor may have used the refresh token up all the same.
    Undecided {
        /// What went wrong.
        why: Undecided,
        /// The new tokens may be on their way to nobody.
        lost: bool,
    },
    /// Will not change by asking again.
    Refused(Why, Told),
}

impl Judged {
    /// The answer's HTTP status, if one came.
    pub fn status(&self) -> Option<u16> {
        let status = match self {
            Judged::Granted(_) => 200,
            Judged::Undecided { why: Undecided::Failed(told) | Undecided::Throttled(_, told), .. } => told.status,
            Judged::Refused(_, told) => told.status,
        };
        (status > 0).then_some(status)
    }
}

/// Where tokens are refreshed, and as whom.
pub struct Endpoint {
    url: url::Url,
    authorization: HeaderValue,
    timeout: Duration,
}

/// A refresh that is ready to leave.
pub struct Exchange {
    runtime: tokio::runtime::Runtime,
    request: reqwest::RequestBuilder,
    timeout: Duration,
}

impl Endpoint {
    /// The app's token endpoint.
    pub fn new(app: &OAuthClient, timeout: Duration) -> Result<Endpoint> {
        let wrong = |what: &str| Error::new(Kind::Config, format!("source.oauth.{what}"));
        let url = url::Url::parse(&app.token_url).map_err(|e| wrong("token_url: is not a URL").caused_by(e))?;
        let pair = format!("{}:{}", app.id, app.secret.expose_secret());
        let text = format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair));
        let mut authorization =
            HeaderValue::from_str(&text).map_err(|_| wrong("client_secret: fits no HTTP header"))?;
        authorization.set_sensitive(true);
        Ok(Endpoint { url, authorization, timeout })
    }

    /// The path, for messages.
    pub fn path(&self) -> &str {
        self.url.path()
    }

    /// Where an administrator authorises the app.
    pub fn authorize_url(&self) -> String {
        self.url.join("/oauth2/authorize").map_or_else(|_| "Gong's authorise page".to_owned(), String::from)
    }

    /// Makes everything that a refresh with `token` needs, so that nothing but the network can fail once it has left.
    ///
    /// The parameters go in the query: that is what the vendor documents.
    pub fn prepare(&self, token: &SecretString) -> Result<Exchange> {
        let failed = |e| Error::new(Kind::Config, "cannot start the runtime of a refresh").caused_by(e);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let mut url = self.url.clone();
        let parameters = [("grant_type", "refresh_token"), ("refresh_token", token.expose_secret())];
        url.query_pairs_mut().extend_pairs(parameters);
        let request = client(self.timeout)?.post(url).header(AUTHORIZATION, self.authorization.clone());
        Ok(Exchange { runtime, request: request.header(CONTENT_LENGTH, 0), timeout: self.timeout })
    }
}

impl Exchange {
    /// Sends it and waits for the whole answer, on this thread.
    pub fn run(self) -> std::result::Result<Answer, SendError> {
        self.runtime.block_on(receive(self.request, self.timeout))
    }
}

/// Judges the answer to a refresh with `token` that left at `sent_at`. Pure.
pub fn judge(outcome: std::result::Result<Answer, SendError>, token: &SecretString, sent_at: DateTime<Utc>) -> Judged {
    let undecided = |told, lost| Judged::Undecided { why: Undecided::Failed(told), lost };
    let answer = match outcome {
        Ok(answer) => answer,
        Err(error) => {
            let lost = !matches!(error, SendError::NotSent(_));
            return undecided(Told { status: 0, request_id: None, text: error.to_string() }, lost);
        }
    };
    let told = told(&answer, token);
    match answer.status {
        200 => match granted(&answer, token, sent_at) {
            Some(tokens) => Judged::Granted(tokens),
            None => {
                let text = format!("the answer has no access_token, or is cut off ({} bytes)", answer.body.len());
                undecided(Told { text, ..told }, true)
            }
        },
        429 => {
            let wait = answer.retry_after.as_deref().and_then(|text| retry_after(text, sent_at));
            Judged::Undecided { why: Undecided::Throttled(wait, told), lost: false }
        }
        // Something between us and the vendor may say this of a request that the vendor has served.
        408 | 425 | 500..=599 => undecided(told, true),
        300..=399 => Judged::Refused(Why::Address(answer.redirect_host.clone()), told),
        404 | 405 => Judged::Refused(Why::Address(None), told),
        _ => Judged::Refused(refused(&told), told),
    }
}

fn refused(told: &Told) -> Why {
    let lower = told.text.to_lowercase();
    let has = |texts: &[&str]| texts.iter().any(|text| lower.contains(text));
    if has(&["invalid_grant", "expired or revoked", "refresh token"]) {
        return Why::Grant;
    }
    if told.status == 401 || has(&["invalid_client", "unauthorized_client"]) {
        return Why::Client;
    }
    Why::Other
}

/// The vendor's answer, as it is documented and a little more tolerant.
#[derive(Deserialize)]
struct Wire {
    access_token: SecretString,
    refresh_token: Option<SecretString>,
    expires_in: Option<Value>,
    api_base_url_for_customer: Option<String>,
}

fn granted(answer: &Answer, token: &SecretString, sent_at: DateTime<Utc>) -> Option<Tokens> {
    let wire: Wire = serde_json::from_slice(&answer.body).ok()?;
    let given = |secret: &SecretString| !secret.expose_secret().is_empty();
    let life = wire.expires_in.as_ref().and_then(|v| v.as_i64().or_else(|| v.as_str()?.trim().parse().ok()));
    let life = TimeDelta::seconds(life.unwrap_or(USUAL_LIFE).clamp(SHORTEST_LIFE, LONGEST_LIFE));
    Some(Tokens {
        // Without a new one the old one lives on (RFC 6749, section 6).
        refresh: wire.refresh_token.filter(given).unwrap_or_else(|| token.clone()),
        access: Some(wire.access_token).filter(given)?,
        issued_at: sent_at,
        expires_at: sent_at + life,
        base_url: wire.api_base_url_for_customer.filter(|url| !url.is_empty()),
    })
}

/// What the endpoint said: in the form of OAuth, or in the vendor's own. Never the token, should it be repeated.
fn told(answer: &Answer, token: &SecretString) -> Told {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let texts =
        [&body["error"], &body["error_description"]].into_iter().chain(body["errors"].as_array().into_iter().flatten());
    let texts: Vec<&str> = texts.filter_map(Value::as_str).collect();
    let text = match texts.is_empty() {
        true => format!("an answer that is not in Gong's form ({} bytes)", answer.body.len()),
        false => texts.join(": ").trim_end_matches('.').replace(token.expose_secret(), "..."),
    };
    let request_id = body["requestId"].as_str().map(|id| clean(id, 64));
    Told { status: answer.status, request_id, text: clean(&text, LONGEST_TEXT) }
}

#[cfg(test)]
#[path = "grant_tests.rs"]
mod tests;

//! One attempt, without judgement: a request out, status, headers and body back.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures::future::BoxFuture;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, LOCATION, RETRY_AFTER};
use tower::util::AndThenLayer;

use super::auth::Access;
use super::leaving::connected;
use super::request::Request;
use crate::entity::spec::Method;
use crate::error::{Error, Kind, Result};

/// A larger body is refused: a page of 100 transcripts is some 10 MB.
const LARGEST_BODY: usize = 256 << 20;

/// What came back.
#[derive(Clone, Default)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// `Retry-After`, as it came.
    pub retry_after: Option<String>,
    /// Host of a redirect's target.
    pub redirect_host: Option<String>,
    /// The whole body.
    pub body: Bytes,
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The body may hold tokens, links or customer data.
        f.debug_struct("Answer").field("status", &self.status).field("bytes", &self.body.len()).finish_non_exhaustive()
    }
}

/// Why nothing whole came back.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// The request surely did not leave.
    #[error("could not connect: {0}")]
    NotSent(String),
    /// It may have been received.
    #[error("the connection failed before the whole answer had come: {0}")]
    Broken(String),
    /// The answer did not come in time.
    #[error("no whole answer within {}", humantime::format_duration(*.0))]
    TimedOut(Duration),
    /// The answer is larger than we take.
    #[error("the answer is larger than {} MiB", LARGEST_BODY >> 20)]
    TooLarge,
}

/// Sends one attempt. The real client, or a script in tests.
pub trait Transport: Send + Sync {
    /// One attempt, without judgement.
    fn send<'a>(
        &'a self,
        request: &'a Request,
        access: &'a Access,
    ) -> BoxFuture<'a, std::result::Result<Answer, SendError>>;
}

/// The real client.
pub struct Http {
    client: reqwest::Client,
    timeout: Duration,
}

impl Http {
    /// A client whose attempts take at most `timeout`.
    pub fn new(timeout: Duration) -> Result<Http> {
        Ok(Http { client: client(timeout)?, timeout })
    }

    /// The same for somebody who waits: a host that takes no connection within `connect` is given up sooner.
    pub fn impatient(timeout: Duration, connect: Duration) -> Result<Http> {
        Ok(Http { client: built(builder(timeout).connect_timeout(connect))?, timeout })
    }

    async fn attempt(&self, request: &Request, access: &Access) -> std::result::Result<Answer, SendError> {
        let mut url = url::Url::parse(&format!("{}{}", access.base, request.path))
            .map_err(|e| SendError::NotSent(e.to_string()))?;
        if !request.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&request.query);
        }
        let builder = match (request.method, &request.body) {
            (Method::Get, _) => self.client.get(url),
            (Method::Post, body) => {
                let body = body.as_ref().map_or_else(String::new, ToString::to_string);
                self.client.post(url).header(CONTENT_TYPE, "application/json").body(body)
            }
        };
        receive(builder.header(AUTHORIZATION, access.authorization.clone()), self.timeout).await
    }
}

/// A client that reports redirects and never follows them: they would drop or leak the credentials (API reference, A).
pub fn client(timeout: Duration) -> Result<reqwest::Client> {
    built(builder(timeout))
}

fn builder(timeout: Duration) -> reqwest::ClientBuilder {
    let headers = HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static("application/json"))]);
    reqwest::Client::builder()
        .default_headers(headers)
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(concat!("gong-elt/", env!("CARGO_PKG_VERSION")))
        .connector_layer(AndThenLayer::new(connected))
        .timeout(timeout)
}

fn built(builder: reqwest::ClientBuilder) -> Result<reqwest::Client> {
    builder.build().map_err(|e| Error::new(Kind::Config, "cannot set up the HTTP client").caused_by(e))
}

/// Sends, and takes the whole answer.
pub async fn receive(request: reqwest::RequestBuilder, timeout: Duration) -> std::result::Result<Answer, SendError> {
    let mut response = request.send().await.map_err(|e| failed(&e, timeout))?;
    let text = |name| response.headers().get(name).and_then(|v| v.to_str().ok()).map(str::to_owned);
    // Only a host is ever told: the rest of the target may carry a token, or be no web address at all.
    let host = |to: String| url::Url::parse(&to).ok().and_then(|u| u.host_str().map(str::to_owned));
    let redirect_host = text(LOCATION).map(|to| host(to).unwrap_or_else(|| "no-host-named".to_owned()));
    let mut answer = Answer {
        status: response.status().as_u16(),
        retry_after: text(RETRY_AFTER),
        redirect_host,
        body: Bytes::new(),
    };
    // What says that it is too large is refused before a byte of it is taken.
    if response.content_length().is_some_and(|bytes| bytes > LARGEST_BODY as u64) {
        return Err(SendError::TooLarge);
    }
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(|e| failed(&e, timeout))? {
        if body.len() + chunk.len() > LARGEST_BODY {
            return Err(SendError::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    answer.body = body.freeze();
    Ok(answer)
}

fn failed(error: &reqwest::Error, timeout: Duration) -> SendError {
    if error.is_connect() {
        return SendError::NotSent(root_cause(error));
    }
    if error.is_timeout() {
        return SendError::TimedOut(timeout);
    }
    SendError::Broken(root_cause(error))
}

impl Transport for Http {
    fn send<'a>(
        &'a self,
        request: &'a Request,
        access: &'a Access,
    ) -> BoxFuture<'a, std::result::Result<Answer, SendError>> {
        Box::pin(self.attempt(request, access))
    }
}

/// The innermost cause. The outer ones repeat the whole address, whose query may hold a cursor.
pub(super) fn root_cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

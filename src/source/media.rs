//! Media files: bytes from the addresses that the vendor signs. Another host, without credentials, outside the vendor's quota.
//!
//! One attempt at a time, without judgement over several; `download.rs` goes on where one broke off. An address opens a recording
//! to whoever has it, so it is held as a secret and stands in no message.

use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{CONTENT_RANGE, CONTENT_TYPE, ETAG, HeaderMap, LOCATION, RANGE};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::range::ByteRange;
use super::transport::root_cause;
use crate::error::{Error, Kind, Result};

/// Longest wait for a connection.
const CONNECT: Duration = Duration::from_secs(30);
/// So much of an error's body is read for its code.
const MOST_OF_AN_ERROR: usize = 16 << 10;

/// A signed address. Not to be shown or stored.
#[derive(Debug, Clone)]
pub struct Link(SecretString);

impl Link {
    /// An address of the vendor's; `None` if it is none, or would carry a recording in the clear over the network.
    pub fn parse(text: &str) -> Option<Link> {
        let url = Url::parse(text).ok()?;
        let host = url.host_str()?.trim_matches(['[', ']']);
        let here = host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
        let safe = url.scheme() == "https" || (url.scheme() == "http" && here);
        safe.then(|| Link(text.to_owned().into()))
    }

    /// The ending of a file's name: by its type, else as in the address, else `bin`.
    pub fn ending(&self, content_type: Option<&str>) -> String {
        let kind = content_type.unwrap_or_default().split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let known = match kind.as_str() {
            "audio/mpeg" | "audio/mp3" => "mp3",
            "audio/mp4" | "audio/x-m4a" | "audio/m4a" => "m4a",
            "audio/wav" | "audio/x-wav" | "audio/wave" => "wav",
            "audio/ogg" => "ogg",
            "audio/aac" => "aac",
            "audio/flac" | "audio/x-flac" => "flac",
            "audio/webm" | "video/webm" => "webm",
            "video/mp4" => "mp4",
            "video/quicktime" => "mov",
            _ => "",
        };
        if !known.is_empty() {
            return known.to_owned();
        }
        let path = Url::parse(self.0.expose_secret()).map(|url| url.path().to_owned()).unwrap_or_default();
        let ending = path.rsplit('/').next().and_then(|name| name.rsplit_once('.')).map_or("", |(_, ending)| ending);
        let plain = (1..=5).contains(&ending.len()) && ending.bytes().all(|b| b.is_ascii_alphanumeric());
        if plain { ending.to_ascii_lowercase() } else { "bin".to_owned() }
    }
}

/// Why there are no bytes, or no more.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum MediaError {
    /// May pass: the connection broke, or the store is busy.
    #[error("{0}")]
    Broken(String),
    /// The address is no longer good; a fresh one may be.
    #[error("the store refused the address: {0}")]
    LinkDead(String),
    /// There is no such file.
    #[error("the store does not have the file")]
    Missing,
    /// The range lies outside the file.
    #[error("the range lies outside the file{}", .0.map_or(String::new(), |size| format!(", which has {size} bytes")))]
    OutOfRange(Option<u64>),
    /// The file was replaced while it was read.
    #[error("the file changed while it was read")]
    Changed,
    /// Will not change by trying again.
    #[error("{0}")]
    Refused(String),
}

/// A client for the stores that hold the files.
#[derive(Clone)]
pub struct MediaClient(reqwest::Client);

impl MediaClient {
    /// A client that sends no credentials, follows no redirect and gives up after a silence of `patience`.
    ///
    /// # Errors
    /// [`Kind::Config`] if it cannot be set up.
    pub fn new(patience: Duration) -> Result<MediaClient> {
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            // Packing would change the bytes that a range counts.
            .no_gzip()
            .user_agent(concat!("gong-elt/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT)
            .read_timeout(patience)
            .build()
            .map_err(|e| Error::new(Kind::Config, "cannot set up the HTTP client").caused_by(e))?;
        Ok(MediaClient(client))
    }

    /// Asks once for a file, or for a part of it.
    ///
    /// # Errors
    /// What the store answered instead.
    pub async fn fetch(&self, link: &Link, range: Option<ByteRange>) -> std::result::Result<Body, MediaError> {
        let mut request = self.0.get(link.0.expose_secret());
        if let Some(range) = range {
            request = request.header(RANGE, range.to_string());
        }
        let response = request.send().await.map_err(broken)?;
        let header = |name| text(response.headers(), name);
        match (response.status().as_u16(), range) {
            (200, _) => {
                let size = response.content_length();
                Ok(Body { start: 0, end: size, total: size, ..Body::of(response) })
            }
            (206, Some(_)) => {
                let given = header(CONTENT_RANGE.as_str());
                let (start, last, total) = given
                    .as_deref()
                    .and_then(content_range)
                    .ok_or_else(|| MediaError::Refused("the store does not say which part it sends".to_owned()))?;
                Ok(Body { start, end: Some(last + 1), total, ..Body::of(response) })
            }
            (300..=399, _) => {
                let target = header(LOCATION.as_str()).and_then(|to| Url::parse(&to).ok());
                let host = target.as_ref().and_then(Url::host_str).unwrap_or("an unknown place");
                Err(MediaError::Refused(format!("the store redirects to {host}, which is not followed")))
            }
            (404 | 410, _) => Err(MediaError::Missing),
            (416, _) => {
                let size = header(CONTENT_RANGE.as_str()).and_then(|text| text.strip_prefix("bytes */")?.parse().ok());
                Err(MediaError::OutOfRange(size))
            }
            (status @ (400 | 401 | 403), _) => {
                let code = code(response).await.map_or(String::new(), |code| format!(" {code}"));
                Err(MediaError::LinkDead(format!("HTTP {status}{code}")))
            }
            (status @ (408 | 425 | 429 | 500..=599), _) => Err(MediaError::Broken(format!("HTTP {status}"))),
            (status, _) => Err(MediaError::Refused(format!("HTTP {status}"))),
        }
    }
}

/// An answer whose bytes are still to come.
pub struct Body {
    /// Place of the first byte in the file.
    pub start: u64,
    /// Place after the last byte, if the store says it.
    pub end: Option<u64>,
    /// Bytes of the whole file, if the store says it.
    pub total: Option<u64>,
    /// The type that the store declares.
    pub content_type: Option<String>,
    /// The store's mark of this content.
    pub tag: Option<String>,
    response: reqwest::Response,
}

impl Body {
    fn of(response: reqwest::Response) -> Body {
        let header = |name| text(response.headers(), name);
        let (content_type, tag) = (header(CONTENT_TYPE.as_str()), header(ETAG.as_str()));
        Body { start: 0, end: None, total: None, content_type, tag, response }
    }

    /// The next bytes; `None` at the end.
    ///
    /// # Errors
    /// The connection broke.
    pub async fn chunk(&mut self) -> std::result::Result<Option<Bytes>, MediaError> {
        self.response.chunk().await.map_err(broken)
    }
}

fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
}

fn broken(error: reqwest::Error) -> MediaError {
    MediaError::Broken(format!("the connection failed: {}", root_cause(&error.without_url())))
}

/// `bytes 0-99/80000`: first, last, and the size of the whole.
fn content_range(text: &str) -> Option<(u64, u64, Option<u64>)> {
    let (part, size) = text.strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = part.split_once('-')?;
    let (first, last) = (first.parse().ok()?, last.parse::<u64>().ok()?);
    (first <= last && last < u64::MAX).then(|| (first, last, size.parse().ok()))
}

/// The code of an error of S3. Nothing else of its body, which may repeat the address.
async fn code(mut response: reqwest::Response) -> Option<String> {
    let mut body = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        body.extend_from_slice(&chunk);
        if body.len() > MOST_OF_AN_ERROR {
            break;
        }
    }
    let body = String::from_utf8_lossy(&body).into_owned();
    let code = body.split_once("<Code>")?.1.split_once("</Code>")?.0;
    (code.len() <= 60 && code.bytes().all(|b| b.is_ascii_alphanumeric())).then(|| code.to_owned())
}

#[cfg(test)]
#[path = "media_tests.rs"]
mod tests;

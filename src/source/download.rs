//! One media file to its end: goes on by range where a connection broke, and says what came.

use bytes::Bytes;
use rand::Rng as _;
use sha2::{Digest as _, Sha256};

use super::media::{Body, Link, MediaClient, MediaError};
use super::range::ByteRange;
use super::retry::Delays;

/// So many addresses in a row may be refused without a byte between them.
const MOST_DEAD_LINKS: u32 = 3;

/// A file, or a part of one, on its way. The caller owns the address and renews it; nothing of it is kept here.
pub struct Download {
    client: MediaClient,
    wanted: Option<ByteRange>,
    retries: u32,
    body: Option<Body>,
    /// Bytes to pass over: the store sent the file from its beginning.
    skip: u64,
    file: Option<File>,
    got: u64,
    failed: u32,
    dead: u32,
    delays: Delays,
    digest: Sha256,
    ended: bool,
    /// The file was begun by another process: that it is the same must be certain.
    resumed: bool,
}

/// What tells a file's content from another's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// Bytes of the whole file.
    pub size: u64,
    /// The store's mark of this content.
    pub tag: String,
    /// The type that the store declares.
    pub content_type: Option<String>,
}

/// What the first answer said; later ones must say the same.
struct File {
    start: u64,
    end: Option<u64>,
    total: Option<u64>,
    content_type: Option<String>,
    tag: Option<String>,
}

/// What came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// Bytes.
    pub size: u64,
    /// Their SHA-256, in hex.
    pub sha256: String,
    /// The type that the store declares.
    pub content_type: Option<String>,
}

impl Download {
    /// A download of a whole file, or of the part `wanted`; a broken connection is followed by up to `retries` attempts in a row.
    pub fn new(client: MediaClient, wanted: Option<ByteRange>, retries: u32) -> Download {
        Download {
            client,
            wanted,
            retries,
            body: None,
            skip: 0,
            file: None,
            got: 0,
            failed: 0,
            dead: 0,
            delays: Delays::new(rand::thread_rng().r#gen()),
            digest: Sha256::new(),
            ended: false,
            resumed: false,
        }
    }

    /// Goes on with a whole file of which a beginning is held: pass that to [`Download::held`] first.
    pub fn resumed(client: MediaClient, mark: Mark, retries: u32) -> Download {
        let Mark { size, tag, content_type } = mark;
        let file = File { start: 0, end: Some(size), total: Some(size), content_type, tag: Some(tag) };
        Download { file: Some(file), resumed: true, ..Download::new(client, None, retries) }
    }

    /// Takes bytes that came earlier, in their order.
    ///
    /// # Errors
    /// [`MediaError::Refused`] if they are more than the file has.
    pub fn held(&mut self, bytes: &[u8]) -> Result<(), MediaError> {
        self.took(bytes)
    }

    /// By what another process can go on with this file; `None` if the store does not say enough to be certain.
    pub fn mark(&self) -> Option<Mark> {
        let file = self.file.as_ref().filter(|_| self.wanted.is_none())?;
        // A weak mark says that the content means the same, not that it is the same.
        let tag = file.tag.clone().filter(|tag| !tag.starts_with("W/"))?;
        Some(Mark { size: file.total?, tag, content_type: file.content_type.clone() })
    }

    /// The type that the store declares, once the first bytes have come.
    pub fn content_type(&self) -> Option<&str> {
        self.file.as_ref()?.content_type.as_deref()
    }

    /// What came; complete once [`Download::next`] gave `None`.
    pub fn fetched(self) -> Fetched {
        let content_type = self.file.and_then(|file| file.content_type);
        Fetched { size: self.got, sha256: format!("{:x}", self.digest.finalize()), content_type }
    }

    /// The next bytes; `None` at the end.
    ///
    /// # Errors
    /// [`MediaError::LinkDead`]: call again with a fresh address, and it goes on where it was. All others are final.
    pub async fn next(&mut self, link: &Link) -> Result<Option<Bytes>, MediaError> {
        loop {
            match self.piece(link).await {
                Err(MediaError::Broken(text)) => {
                    self.body = None;
                    self.failed += 1;
                    if self.failed > self.retries {
                        let attempts = self.failed;
                        return Err(MediaError::Broken(format!("{text}, after {attempts} attempts without a byte")));
                    }
                    tracing::debug!(got = self.got, "{text}: going on from there");
                    tokio::time::sleep(self.delays.next_delay()).await;
                }
                Err(MediaError::LinkDead(text)) => {
                    self.dead += 1;
                    let last = self.dead >= MOST_DEAD_LINKS;
                    let refused =
                        || MediaError::Refused(format!("the store refused {MOST_DEAD_LINKS} addresses: {text}"));
                    return Err(if last { refused() } else { MediaError::LinkDead(text) });
                }
                done => return done,
            }
        }
    }

    async fn piece(&mut self, link: &Link) -> Result<Option<Bytes>, MediaError> {
        loop {
            if self.ended || self.file.as_ref().is_some_and(|file| file.end == Some(file.start + self.got)) {
                return Ok(None);
            }
            let body = match &mut self.body {
                Some(body) => body,
                None => {
                    let body = self.open(link).await?;
                    self.body.insert(body)
                }
            };
            let Some(mut bytes) = body.chunk().await? else {
                if self.file.as_ref().is_some_and(|file| file.end.is_some()) {
                    return Err(MediaError::Broken("the answer ended before its end".to_owned()));
                }
                self.ended = true;
                continue;
            };
            let passed = self.skip.min(bytes.len() as u64);
            self.skip -= passed;
            // Not more than the bytes that there are.
            let _ = bytes.split_to(usize::try_from(passed).unwrap_or(bytes.len()));
            if !bytes.is_empty() {
                self.took(&bytes)?;
                return Ok(Some(bytes));
            }
        }
    }

    fn took(&mut self, bytes: &[u8]) -> Result<(), MediaError> {
        let got = self.got + bytes.len() as u64;
        if self.file.as_ref().is_some_and(|file| file.end.is_some_and(|end| file.start + got > end)) {
            return Err(MediaError::Refused("the store sent more than it announced".to_owned()));
        }
        self.digest.update(bytes);
        self.got = got;
        if self.failed > 0 {
            self.delays = Delays::new(rand::thread_rng().r#gen());
        }
        (self.failed, self.dead) = (0, 0);
        Ok(())
    }

    /// Asks for what is left.
    async fn open(&mut self, link: &Link) -> Result<Body, MediaError> {
        let Some(file) = &self.file else {
            let body = self.client.fetch(link, self.wanted).await?;
            if !as_wanted(self.wanted, &body) {
                return Err(MediaError::Refused("the store does not send the part that was asked for".to_owned()));
            }
            self.file = Some(File {
                start: body.start,
                end: body.end,
                total: body.total,
                content_type: body.content_type.clone(),
                tag: body.tag.clone(),
            });
            return Ok(body);
        };
        let at = file.start + self.got;
        let left = match file.end {
            Some(end) => ByteRange::Between(at, end - 1),
            None => ByteRange::From(at),
        };
        let body = self.client.fetch(link, Some(left)).await?;
        let uncertain = self.resumed && (body.tag.is_none() || body.total.is_none());
        if uncertain || differ(&file.tag, &body.tag) || differ(&file.total, &body.total) {
            return Err(MediaError::Changed);
        }
        match at.checked_sub(body.start) {
            // A store that knows no ranges begins at the beginning; that serves only if the end is the file's.
            Some(before) if before == 0 || (body.start == 0 && file.end == body.end) => self.skip = before,
            _ => return Err(MediaError::Refused("the store does not go on where it broke off".to_owned())),
        }
        Ok(body)
    }
}

fn as_wanted(wanted: Option<ByteRange>, body: &Body) -> bool {
    match wanted {
        None => body.start == 0,
        // A part may end earlier, where the file does.
        Some(ByteRange::From(first)) => body.start == first,
        Some(ByteRange::Between(first, last)) => body.start == first && body.end.is_some_and(|end| end <= last + 1),
        Some(ByteRange::Last(last)) => {
            body.end.is_some_and(|end| body.total.is_none_or(|t| t == end) && end - body.start <= last)
        }
    }
}

fn differ<T: PartialEq>(one: &Option<T>, other: &Option<T>) -> bool {
    matches!((one, other), (Some(one), Some(other)) if one != other)
}

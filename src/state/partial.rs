//! A media file that did not come to its end, kept beside the ledger so that the next run goes on where this one was stopped.
//!
//! The first frame says which file it is, the others hold its bytes as they came. Each frame carries its digest, so a frame that a
//! killed process or a power cut left half written is found and dropped, without a sync for each piece.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// A frame's length and the first bytes of its digest.
const LENGTH: usize = 4;
const DIGEST: usize = 8;
/// No piece is longer; a greater length is damage.
const LONGEST: usize = 64 << 20;
/// One that nothing asked for again in this time is removed: it holds a customer's recording.
const LIFE: Duration = Duration::from_secs(7 * 86_400);

/// Which file the bytes are of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartialHead {
    /// Bytes of the whole file.
    pub size: u64,
    /// The store's mark of this content.
    pub tag: String,
    /// The type that the store declares.
    pub content_type: Option<String>,
    /// The ending of the object's name.
    pub ending: String,
}

/// The folder of one window's unfinished files.
#[derive(Debug)]
pub struct Partials(PathBuf);

impl Partials {
    /// Beside the ledger at `ledger`, for what `subject` names (letters, digits, `-`, `_`).
    pub fn beside(ledger: &Path, subject: &str) -> Partials {
        Partials(ledger.with_extension("partial").join(subject))
    }

    /// Removes what is of none of `wanted`, and what is too old.
    pub fn sweep(&self, wanted: impl Fn(&str) -> bool) {
        let all = self.0.parent().map(entries).unwrap_or_default();
        for folder in all {
            for path in entries(&folder) {
                let id = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
                if (folder == self.0 && !wanted(&id)) || is_old(&path) {
                    // What cannot be removed is met again by the next run.
                    let _ = std::fs::remove_file(path);
                }
            }
            // Refused as long as there is something in it.
            let _ = std::fs::remove_dir(folder);
        }
    }

    /// What is held of a call's file.
    pub fn open(&self, id: &str) -> Partial {
        Partial { path: self.0.join(format!("{id}.part")), file: None, end: 0 }
    }
}

/// The bytes so far of one file.
///
/// It is an aid: where it cannot be written or read, the file is fetched from its beginning, so nothing here fails.
#[derive(Debug)]
pub struct Partial {
    path: PathBuf,
    file: Option<File>,
    /// Place after the last whole frame.
    end: u64,
}

impl Partial {
    /// Which file it holds a beginning of; `None` if there is nothing. [`Partial::piece`] gives the bytes.
    pub fn resume(&mut self) -> Option<PartialHead> {
        let mut file = OpenOptions::new().read(true).write(true).open(&self.path).ok()?;
        let first = frame(&mut file)?;
        let head = serde_json::from_slice(&first).ok()?;
        (self.file, self.end) = (Some(file), framed(&first));
        Some(head)
    }

    /// The next piece that was kept. After `None`, [`Partial::add`] goes on behind the last.
    pub fn piece(&mut self) -> Option<Vec<u8>> {
        let file = self.file.as_mut()?;
        match frame(file) {
            Some(piece) => {
                self.end += framed(&piece);
                Some(piece)
            }
            None => {
                let cut = file.set_len(self.end).and_then(|()| file.seek(SeekFrom::Start(self.end)));
                if cut.is_err() {
                    self.file = None;
                }
                None
            }
        }
    }

    /// Begins anew.
    pub fn begin(&mut self, head: &PartialHead) {
        self.file = self.create().ok();
        let head = serde_json::to_vec(head).unwrap_or_default();
        self.add(&head);
    }

    /// Adds the next bytes.
    pub fn add(&mut self, bytes: &[u8]) {
        let Some(file) = &mut self.file else { return };
        let mut whole = Vec::with_capacity(LENGTH + DIGEST + bytes.len());
        whole.extend_from_slice(&u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_le_bytes());
        whole.extend_from_slice(&Sha256::digest(bytes)[..DIGEST]);
        whole.extend_from_slice(bytes);
        if bytes.len() > LONGEST || file.write_all(&whole).is_err() {
            self.forget();
        }
    }

    /// Removes it: the file is whole, or is another one now.
    pub fn forget(&mut self) {
        self.file = None;
        // One that stays is older than the file and is removed by age.
        let _ = std::fs::remove_file(&self.path);
    }

    fn create(&self) -> std::io::Result<File> {
        let folder = self.path.parent().unwrap_or(&self.path);
        let mut maker = std::fs::DirBuilder::new();
        maker.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut maker, 0o700);
        maker.create(folder)?;
        let mut options = OpenOptions::new();
        options.create(true).write(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.open(&self.path)
    }
}

fn framed(payload: &[u8]) -> u64 {
    (LENGTH + DIGEST + payload.len()) as u64
}

/// The next whole and undamaged frame.
fn frame(reader: &mut impl std::io::Read) -> Option<Vec<u8>> {
    let (mut length, mut digest) = ([0; LENGTH], [0; DIGEST]);
    reader.read_exact(&mut length).ok()?;
    reader.read_exact(&mut digest).ok()?;
    let length = usize::try_from(u32::from_le_bytes(length)).ok().filter(|length| *length <= LONGEST)?;
    let mut payload = Vec::new();
    reader.take(length as u64).read_to_end(&mut payload).ok()?;
    (payload.len() == length && Sha256::digest(&payload)[..DIGEST] == digest).then_some(payload)
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}

fn is_old(path: &Path) -> bool {
    let modified = path.metadata().and_then(|m| m.modified()).ok();
    modified.and_then(|at| SystemTime::now().duration_since(at).ok()).is_some_and(|age| age > LIFE)
}

#[cfg(test)]
#[path = "partial_tests.rs"]
mod tests;

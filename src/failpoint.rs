//! Named places where a test can make the process die as `kill -9` would, or something else that chance brings rarely. Debug builds only;
//! a release build has no trace of them.

/// `name:n`: die when `name` is reached for the n-th time. With `:panic` behind it the thread panics instead, with `:leap` the clock leaps.
#[cfg(debug_assertions)]
const VARIABLE: &str = "GONG_ELT_FAILPOINT";
/// How far: further than the time between two manifests of a long run.
#[cfg(debug_assertions)]
const LEAP_SECONDS: i64 = 660;

/// A request is about to be sent; its place in the rate is taken.
pub const ASKING: &str = "asking";
/// A whole answer has come and nothing of it is kept.
pub const ANSWERED: &str = "answered";
/// An answer was staged.
pub const STAGED: &str = "staged";
/// Rows are being put into their file's form, in memory.
pub const ENCODING: &str = "encoding";
/// An object is about to be written.
pub const BEFORE_OBJECT: &str = "before-object";
/// A temporary file is complete and has not its name yet.
pub const TEMPORARY: &str = "temporary";
/// A file has its name; its folder is not yet synced.
pub const RENAMED: &str = "renamed";
/// An object was written and is not yet committed.
pub const OBJECT: &str = "object";
/// An upload in parts was begun and recorded; no part was sent.
pub const UPLOAD_BEGUN: &str = "upload-begun";
/// A part of an upload was sent.
pub const UPLOAD_PART: &str = "upload-part";
/// All parts of an upload were sent; it is not yet an object.
pub const UPLOAD_PARTS: &str = "upload-parts";
/// An upload became an object and is not yet forgotten.
pub const UPLOADED: &str = "uploaded";
/// Staged answers are being cleared, in the transaction that commits their unit.
pub const CLEARING: &str = "clearing";
/// A unit was committed.
pub const COMMITTED: &str = "committed";
/// Units were replaced by those of another period in the ledger; their objects are still there.
pub const SUPERSEDED: &str = "superseded";
/// A replaced object was removed; the ledger does not know it yet.
pub const DISCARDED: &str = "discarded";
/// Everything was committed; the manifest is about to be written.
pub const BEFORE_MANIFEST: &str = "before-manifest";
/// The manifest was written; the ledger does not know it yet.
pub const MANIFEST: &str = "manifest";
/// A piece of a media file came and was kept.
pub const MEDIA_PIECE: &str = "media-piece";
/// A media file is an object; the ledger does not know it yet.
pub const MEDIA_KEPT: &str = "media-kept";
/// The vendor gave new tokens, which are not yet stored.
pub const TOKENS_CAME: &str = "tokens-came";
/// New tokens were stored and are not yet used.
pub const TOKENS_STORED: &str = "tokens-stored";

/// Does here what a test asked for.
#[cfg(debug_assertions)]
pub fn reached(name: &str) {
    use std::sync::atomic::{AtomicU32, Ordering};
    static TIMES: AtomicU32 = AtomicU32::new(0);
    let Ok(wanted) = std::env::var(VARIABLE) else { return };
    let mut parts = wanted.split(':');
    let (Some(place), Some(count)) = (parts.next(), parts.next()) else { return };
    if place != name || TIMES.fetch_add(1, Ordering::SeqCst) + 1 != count.parse().unwrap_or(1) {
        return;
    }
    match parts.next() {
        Some("panic") => panic!("a test asked for it at {name}"),
        Some("leap") => crate::clock::leap(LEAP_SECONDS),
        _ => std::process::abort(),
    }
}

/// Nothing, in a release build.
#[cfg(not(debug_assertions))]
pub fn reached(_name: &str) {}

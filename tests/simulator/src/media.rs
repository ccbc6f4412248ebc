//! The bytes of audio and video: made from the call's id, at any offset, of any size.

use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};

use crate::random::{hash, mix};
use crate::world::World;

/// Sound or pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `media.audioUrl`.
    Audio,
    /// `media.videoUrl`.
    Video,
}

impl Kind {
    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Self::Audio => "audio/mpeg",
            Self::Video => "video/mp4",
        }
    }

    fn salt(self) -> u64 {
        match self {
            Self::Audio => 1,
            Self::Video => 2,
        }
    }
}

impl World {
    /// The size of a call's audio or video, if it has any: a tenth of a kilobyte per second of sound, eight times that
    /// of pictures, unless [`World::set_media_bytes`] says otherwise.
    pub fn media_size(&self, id: &str, kind: Kind, now: DateTime<Utc>) -> Option<u64> {
        let call = self.call(id).filter(|call| call.detailed(now) && call.has_media)?;
        let audio = self.media_bytes.get(id).copied().unwrap_or(u64::from(call.duration) * 100 + 7);
        match kind {
            Kind::Audio => Some(audio),
            Kind::Video => call.video.then_some(audio * 8),
        }
    }

    /// Sets the size of a call's audio; video has eight times that.
    pub fn set_media_bytes(&mut self, id: &str, bytes: u64) {
        self.media_bytes.insert(id.to_owned(), bytes);
    }

    /// The SHA-256 of a call's audio or video, in hex.
    pub fn media_sha256(&self, id: &str, kind: Kind, now: DateTime<Utc>) -> Option<String> {
        const PIECE: u64 = 1 << 20;
        let size = self.media_size(id, kind, now)?;
        let mut digest = Sha256::new();
        let mut at = 0;
        while at < size {
            let end = (at + PIECE).min(size);
            digest.update(bytes(id, kind, at, end));
            at = end;
        }
        Some(hex(&digest.finalize()))
    }
}

/// Bytes as lower-case hex digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.map(|digit| char::from(DIGITS[usize::from(digit)])).collect()
}

/// The bytes from one offset to another.
pub(crate) fn bytes(id: &str, kind: Kind, from: u64, to: u64) -> Vec<u8> {
    let seed = mix(hash(id), kind.salt());
    let mut out = Vec::with_capacity((to - from) as usize + 16);
    let first = from / 8;
    for word in first..to.div_ceil(8) {
        out.extend_from_slice(&mix(seed, word).to_le_bytes());
    }
    out.drain(..(from - first * 8) as usize);
    out.truncate((to - from) as usize);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_a_part_of_the_whole() {
        let whole = bytes("7022652889306584427", Kind::Audio, 0, 1_003);
        assert_eq!(whole.len(), 1_003);
        assert_eq!(bytes("7022652889306584427", Kind::Audio, 13, 999), whole[13..999]);
        assert_ne!(bytes("7022652889306584427", Kind::Video, 0, 1_003), whole);
    }
}

//! Chance, always from a seed.
//!
//! Every thing in the world draws from a stream of its own, named by the world's seed, the kind of thing and its
//! number. So a record can be made again at any time, in any order, and adding one kind of thing does not shift another.

use fastrand::Rng;

/// The stream of random numbers of one thing.
pub(crate) fn stream(seed: u64, kind: &str, number: u64) -> Rng {
    Rng::with_seed(mix(mix(seed, hash(kind)), number))
}

/// A stable 64-bit hash of a text (FNV-1a), mixed so that near texts land far apart.
pub(crate) fn hash(text: &str) -> u64 {
    let mut value = 0xcbf2_9ce4_8422_2325_u64;
    for byte in text.bytes() {
        value = (value ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    mix(value, 0)
}

/// Two numbers into one (the finaliser of SplitMix64).
pub(crate) fn mix(a: u64, b: u64) -> u64 {
    let mut z = a ^ b.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// True in `percent` of the cases.
pub(crate) fn chance(rng: &mut Rng, percent: f64) -> bool {
    rng.f64() * 100.0 < percent
}

/// One of the choices; the slice is never empty.
pub(crate) fn pick<'a, T>(rng: &mut Rng, choices: &'a [T]) -> &'a T {
    &choices[rng.usize(..choices.len())]
}

/// An id as recorded ones look: 16 to 19 decimal digits that fit an `i64` (API reference, section G.1).
pub(crate) fn id(rng: &mut Rng) -> String {
    let digits = match rng.u8(..10) {
        0 => 16,
        1 => 17,
        2..4 => 18,
        _ => 19,
    };
    let low = 10_u64.pow(digits - 1);
    let high = (low - 1 + 9 * low).min(i64::MAX as u64);
    rng.u64(low..=high).to_string()
}

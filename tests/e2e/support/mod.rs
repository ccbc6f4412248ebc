//! What every end-to-end test works with: a simulated account, an empty folder, the real binary.

pub mod bucket;
pub mod journal;
pub mod ledger;
pub mod look;
pub mod moto;
pub mod periods;
pub mod refusal;
pub mod rig;
pub mod seeds;
pub mod tokens;
pub mod truth;

pub use rig::Rig;

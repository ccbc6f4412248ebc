//! Nothing is lost, doubled or invented: the files equal the account, value by value.

use crate::support::Rig;
use crate::support::truth::assert_conserved;

/// Seeds of the conservation test; a failure names its seed, and `SEED=n cargo test --test e2e conservation` replays it.
fn seeds(last: u64) -> Vec<u64> {
    match std::env::var("SEED").ok().and_then(|s| s.parse().ok()) {
        Some(seed) => vec![seed],
        None => (1..=last).collect(),
    }
}

fn assert_equal_after_a_sync_and_after_a_night(rig: &Rig, seed: u64) {
    // Each age a day, so that every window is read again after the night: what changed anywhere must be on disk then.
    let ages: Vec<String> = (1..=20).map(|day| format!("\"{day}d\"")).collect();
    rig.configure(&format!("reread = [{}]\n[entities.coaching]\nevery = \"1h\"", ages.join(", ")));
    rig.sync();
    assert_conserved(rig, &format!("seed {seed}, first sync"));
    let night = rig.server.night();
    let report = rig.sync();
    assert_conserved(rig, &format!("seed {seed}, after the night {night:?}: {report}"));
}

#[test]
fn the_files_equal_the_account_after_a_sync_and_after_a_night() {
    for seed in seeds(20) {
        assert_equal_after_a_sync_and_after_a_night(&Rig::small(seed), seed);
    }
}

#[test]
fn the_files_in_a_bucket_equal_the_account_after_a_sync_and_after_a_night() {
    for seed in seeds(4) {
        assert_equal_after_a_sync_and_after_a_night(&Rig::small(seed).in_bucket(), seed);
    }
}

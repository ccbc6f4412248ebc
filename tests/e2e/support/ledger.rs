//! What must hold of ledger and output at every moment between runs, however the last one ended.

use std::collections::HashSet;

use super::rig::Rig;

/// Fails the test unless the ledger is sound, no two units of an entity overlap, every row of the ledger has its object with
/// the bytes that were committed or an intent to replace it, and every object has its row or its intent.
#[track_caller]
pub fn assert_whole(rig: &Rig, context: &str) {
    if !rig.path("state/gong-elt.db").exists() {
        return;
    }
    let ledger = rig.ledger();
    let texts = |sql: &str| -> Vec<String> {
        let mut query = ledger.prepare(sql).expect("the ledger's tables");
        query.query_map([], |row| row.get(0)).expect("a query").map(|text| text.expect("text")).collect()
    };
    assert_eq!(texts("PRAGMA integrity_check"), ["ok"], "{context}");
    if texts("SELECT name FROM sqlite_schema WHERE name = 'unit'").is_empty() {
        return;
    }
    let overlapping =
        "SELECT a.entity || ' ' || a.from_day || ' ' || b.from_day FROM unit a JOIN unit b ON a.entity = b.entity
        AND a.from_day < b.to_day AND b.from_day < a.to_day AND (a.from_day, a.to_day) < (b.from_day, b.to_day)";
    assert_eq!(texts(overlapping), Vec::<String>::new(), "{context}: units overlap");
    let unowned = "SELECT part FROM staged WHERE unit_id NOT IN (SELECT id FROM open_unit)";
    assert_eq!(texts(unowned), Vec::<String>::new(), "{context}: staged answers of no unit");
    let on_disk: HashSet<String> = rig.objects().into_iter().map(|(path, _)| path).collect();
    let intended: HashSet<String> = texts("SELECT object FROM open_unit").into_iter().collect();
    let committed = texts("SELECT object || ' ' || sha256 FROM unit WHERE object IS NOT NULL");
    let mut owned = intended.clone();
    for line in committed {
        let (path, sha256) = line.split_once(' ').expect("two words");
        owned.insert(path.to_owned());
        if intended.contains(path) {
            continue;
        }
        let bytes = std::fs::read(rig.data().join(path)).unwrap_or_else(|e| panic!("{context}: {path}: {e}"));
        assert_eq!(sha256_of(&bytes), sha256, "{context}: {path} is not what was committed");
    }
    let strays: Vec<&String> = on_disk.difference(&owned).collect();
    assert!(strays.is_empty(), "{context}: objects without a row: {strays:?}");
}

fn sha256_of(bytes: &[u8]) -> String {
    use sha2::Digest as _;
    sha2::Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

//! An output or a ledger that cannot be used is refused before the vendor is asked, and left as it is.

use crate::support::Rig;
use crate::support::refusal::{assert_refused, case};
use crate::support::rig::end;

#[test]
fn an_output_or_ledger_that_cannot_be_used_is_named() {
    assert_refused(&[
        case(
            "output below a file",
            |rig| {
                rig.write("file", "");
                rig.configure("[output]\nurl = \"file/data\"");
            },
            r#"error: output.url: DIR/file/data cannot be written: Not a directory (os error 20)

hint: check that the folder can be made and written, or name another"#,
        ),
        case(
            "copies of the ledger below a file",
            |rig| {
                rig.write("file", "");
                rig.configure("[state]\nbackup = \"file/copies\"");
            },
            r#"error: state.backup: DIR/file/copies cannot be written: Not a directory (os error 20)

hint: check that the folder can be made and written, or name another"#,
        ),
        case(
            "ledger of a newer version",
            |rig| {
                end(&mut rig.bare(&["backfill", "--cancel"])).expect(0);
                rig.ledger().pragma_update(None, "user_version", 99).expect("a ledger");
            },
            r#"error: the ledger DIR/state/gong-elt.db: it was written by a newer gong-elt (format 99; this one knows up to N)

hint: install the newer gong-elt, or restore an older backup of the ledger"#,
        ),
        case(
            "a text as ledger",
            |rig| {
                std::fs::create_dir(rig.path("state")).expect("a folder");
                rig.write("state/gong-elt.db", &"This is a letter, no database.\n".repeat(100));
            },
            r#"error: the ledger DIR/state/gong-elt.db: the file is damaged or no SQLite database: file is not a database: Error code 26: file is not a database

hint: restore it from a backup, or move it away and run `gong-elt state rebuild`: the output holds what is needed"#,
        ),
        case(
            "another program's database as ledger",
            |rig| {
                std::fs::create_dir(rig.path("state")).expect("a folder");
                rig.ledger().execute_batch("CREATE TABLE letter (text TEXT)").expect("a database");
            },
            r#"error: the ledger DIR/state/gong-elt.db: the file is another program's database

hint: name another file in state.path"#,
        ),
        case(
            "ledger below a file",
            |rig| {
                rig.write("file", "");
                rig.configure("[state]\npath = \"file/ledger.db\"");
            },
            r#"error: the ledger DIR/file/ledger.db: cannot make its folder: File exists (os error 17)

hint: name another file in state.path"#,
        ),
    ]);
}

#[test]
fn another_programs_file_is_left_as_it_was() {
    use std::os::unix::fs::PermissionsExt as _;
    // GIVEN another program's database in place of the ledger, readable by all
    let rig = Rig::small(1);
    std::fs::create_dir(rig.path("state")).expect("a folder");
    rig.ledger().execute_batch("CREATE TABLE letter (text TEXT)").expect("a database");
    let path = rig.path("state/gong-elt.db");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).expect("a file of ours");
    let state = || (std::fs::read(&path).expect("a file"), path.metadata().expect("a file").permissions().mode());
    let before = state();
    // WHEN a run refuses it
    end(&mut rig.bare(&["sync"])).expect(2);
    // THEN neither its bytes nor its mode have changed
    assert_eq!(state(), before);
}

/// All that lies in the folder but the configuration.
fn lies(rig: &Rig) -> Vec<String> {
    let entries = std::fs::read_dir(rig.path("")).expect("a folder").map(|entry| entry.expect("an entry").file_name());
    let mut names: Vec<String> = entries.map(|name| name.to_string_lossy().into_owned()).collect();
    names.retain(|name| name != "gong-elt.toml");
    names
}

#[test]
fn what_only_looks_leaves_nothing_behind() {
    // GIVEN an account that was never read
    let rig = Rig::small(1);
    rig.configure("[state]\nbackup = \"copies/of/it\"");
    // WHEN somebody looks THEN nothing is made
    for args in [&["plan"][..], &["status"], &["plan", "backfill", "--from", "2026-04-01", "--to", "2026-05-01"]] {
        rig.run(args).expect(0);
        assert_eq!(lies(&rig), Vec::<String>::new(), "{args:?}");
    }
    // AND a check, which counts its requests in the ledger, leaves no output
    rig.run(&["check"]).expect(0);
    assert_eq!(lies(&rig), ["state"]);
    // AND binds the ledger to none
    rig.configure("[output]\nurl = \"elsewhere\"");
    rig.sync();
    // GIVEN an output of another ledger's name WHEN a run is refused THEN it makes no folder
    rig.configure("[output]\nurl = \"third/place\"");
    for args in [&["sync"][..], &["check"], &["plan"]] {
        rig.run(args).expect(2);
        assert!(!rig.path("third").exists(), "{args:?}");
    }
}

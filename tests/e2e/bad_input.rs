//! Bad input is refused before the vendor is asked, with a message that names the file, the key and the rule.

use std::collections::BTreeMap;

use crate::support::Rig;
use crate::support::rig::end;

/// One thing that is wrong, and what the program says about it.
struct Case {
    what: &'static str,
    given: fn(&Rig),
    command: &'static [&'static str],
    env: &'static [(&'static str, &'static str)],
    /// All of stderr, with DIR for the test's folder and URL for the vendor.
    says: &'static str,
}

const SYNC: &[&str] = &["sync"];

/// Fails the test unless each case ends with exit code 2 and its words, asks the vendor nothing and writes no data.
fn assert_refused(cases: &[Case]) {
    let mut wrong = BTreeMap::new();
    for case in cases {
        let rig = Rig::small(1);
        (case.given)(&rig);
        let ended = end(rig.bare(case.command).envs(case.env.iter().copied()));
        let folder = rig.path("").to_string_lossy().trim_end_matches('/').to_owned();
        let said = ended.stderr.replace(&folder, "DIR").replace(rig.server.url(), "URL");
        let found = (ended.code, ended.stdout.as_str(), said.trim(), rig.server.journal().len(), rig.objects().len());
        if found != (2, "", case.says, 0, 0) {
            wrong.insert(case.what, format!("{found:?}\n{said}"));
        }
        assert!(!format!("{}{}", ended.stdout, ended.stderr).contains("sim-secret"), "{}", case.what);
    }
    let shown: Vec<String> = wrong.iter().map(|(what, found)| format!("== {what}: {found}")).collect();
    assert!(shown.is_empty(), "{}", shown.join("\n"));
}

/// The usual configuration with one text of it replaced.
fn replaced(rig: &Rig, old: &str, new: &str) {
    let text = std::fs::read_to_string(rig.path("gong-elt.toml")).expect("a configuration");
    assert!(text.contains(old), "{old}");
    rig.write("gong-elt.toml", &text.replace(old, new));
}

#[test]
fn a_bad_configuration_names_file_key_and_rule() {
    assert_refused(&[
        Case {
            what: "no configuration",
            given: |rig| std::fs::remove_file(rig.path("gong-elt.toml")).expect("a configuration"),
            command: SYNC,
            env: &[],
            says: "",
        },
        Case {
            what: "unknown key",
            given: |rig| rig.configure("start_dat = \"2026-01-01\""),
            command: SYNC,
            env: &[],
            says: "",
        },
        Case {
            what: "unknown secret key",
            given: |rig| replaced(rig, "access_key_secret", "acces_key_secret"),
            command: SYNC,
            env: &[],
            says: "",
        },
        Case {
            what: "wrong type",
            given: |rig| rig.configure("[limits]\nmax_retries = \"many\""),
            command: SYNC,
            env: &[],
            says: "",
        },
        Case { what: "no start date", given: |rig| rig.configure_whole(""), command: SYNC, env: &[], says: "" },
        Case {
            what: "a start date that is none",
            given: |rig| rig.configure_whole("[sync]\nstart_date = \"2026-02-30\""),
            command: SYNC,
            env: &[],
            says: "",
        },
        Case {
            what: "bad URL",
            given: |rig| replaced(rig, rig.server.url(), "api.gong.io"),
            command: SYNC,
            env: &[],
            says: "",
        },
        Case {
            what: "plain http to another host",
            given: |rig| replaced(rig, rig.server.url(), "http://api.gong.io"),
            command: SYNC,
            env: &[],
            says: "",
        },
        Case {
            what: "no credentials",
            given: |rig| {
                replaced(rig, "access_key = \"sim-key\"\n", "");
                replaced(rig, "access_key_secret = \"sim-secret\"\n", "");
            },
            command: SYNC,
            env: &[],
            says: "",
        },
        Case {
            what: "half of the credentials",
            given: |rig| replaced(rig, "access_key = \"sim-key\"\n", ""),
            command: SYNC,
            env: &[],
            says: "",
        },
        Case {
            what: "a bad value in the environment",
            given: |_| {},
            command: SYNC,
            env: &[("GONG_BASE_URL", "ftp://gong.example")],
            says: "",
        },
    ]);
}

#[test]
fn an_output_or_ledger_that_cannot_be_used_is_named() {
    assert_refused(&[
        Case {
            what: "output below a file",
            given: |rig| {
                rig.write("file", "");
                rig.configure("[output]\nurl = \"file/data\"");
            },
            command: SYNC,
            env: &[],
            says: "",
        },
        Case {
            what: "ledger of a newer version",
            given: |rig| {
                end(&mut rig.bare(&["status"])).expect(0);
                rig.ledger().pragma_update(None, "user_version", 99).expect("a ledger");
            },
            command: SYNC,
            env: &[],
            says: "",
        },
        Case {
            what: "a text as ledger",
            given: |rig| {
                std::fs::create_dir(rig.path("state")).expect("a folder");
                rig.write("state/gong-elt.db", &"This is a letter, no database.\n".repeat(100));
            },
            command: SYNC,
            env: &[],
            says: "",
        },
        Case {
            what: "another program's database as ledger",
            given: |rig| {
                std::fs::create_dir(rig.path("state")).expect("a folder");
                rig.ledger().execute_batch("CREATE TABLE letter (text TEXT)").expect("a database");
            },
            command: SYNC,
            env: &[],
            says: "",
        },
        Case {
            what: "ledger below a file",
            given: |rig| {
                rig.write("file", "");
                rig.configure("[state]\npath = \"file/ledger.db\"");
            },
            command: SYNC,
            env: &[],
            says: "",
        },
    ]);
}

#[test]
fn a_bad_command_line_is_refused() {
    assert_refused(&[
        Case {
            what: "unknown entity",
            given: |_| {},
            command: &["sync", "--entities", "users,cals"],
            env: &[],
            says: "",
        },
        Case {
            what: "future",
            given: |rig| replaced(rig, rig.server.url(), "https://gong.invalid"),
            command: &["sync", "--as-of", "2999-01-01T00:00:00Z"],
            env: &[],
            says: "",
        },
        Case {
            what: "an instant that is none",
            given: |_| {},
            command: &["sync", "--as-of", "yesterday"],
            env: &[],
            says: "",
        },
        Case {
            what: "range backwards",
            given: |_| {},
            command: &["backfill", "--from", "2026-03-01", "--to", "2026-02-01"],
            env: &[],
            says: "",
        },
        Case {
            what: "nothing to backfill",
            given: |_| {},
            command: &["backfill", "--from", "2026-02-01", "--to", "2026-03-01", "--entities", "users"],
            env: &[],
            says: "",
        },
        Case { what: "unknown flag", given: |_| {}, command: &["sync", "--fast"], env: &[], says: "" },
        Case { what: "unknown table", given: |_| {}, command: &["schema", "cals"], env: &[], says: "" },
    ]);
}

#[test]
fn a_bad_schema_file_names_file_column_and_rule() {
    assert_refused(&[Case {
        what: "a path with two dots",
        given: |rig| {
            std::fs::create_dir(rig.path("mine")).expect("a folder");
            let users =
                include_str!("../../schemas/users.toml").replace("\"settings.gongConnectEnabled\"", "\"settings..x\"");
            rig.write("mine/users.toml", &users);
        },
        command: SYNC,
        env: &[("GONG_ELT_SCHEMAS", "mine")],
        says: "",
    }]);
}

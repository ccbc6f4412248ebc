//! Bad input is refused before the vendor is asked, with a message that names the file, the key and the rule.

use crate::support::Rig;
use crate::support::refusal::{assert_refused, case, replaced};
use crate::support::rig::end;

#[test]
fn a_bad_configuration_names_file_key_and_rule() {
    assert_refused(&[
        case(
            "no configuration",
            |rig| std::fs::remove_file(rig.path("gong-elt.toml")).expect("a configuration"),
            r#"error: cannot read the configuration gong-elt.toml: No such file or directory (os error 2)

hint: `gong-elt init --config gong-elt.toml` writes a commented one; --config or GONG_ELT_CONFIG names another"#,
        ),
        case(
            "unknown key",
            |rig| rig.configure("start_dat = \"2026-01-01\""),
            r#"error: gong-elt.toml: TOML parse error at line 10, column 1
   |
10 | start_dat = "2026-01-01"
   | ^^^^^^^^^
unknown field `start_dat`, expected one of `start_date`, `entities`, `reread`, `recheck_every`, `window`, `include_private`, `shrink_limit`, `continue_backfills`

hint: did you mean `start_date`?"#,
        ),
        case(
            "unknown secret key",
            |rig| replaced(rig, "access_key_secret", "acces_key_secret"),
            r#"error: gong-elt.toml: line 4, acces_key_secret: unknown field `acces_key_secret`

hint: did you mean `access_key_secret`?"#,
        ),
        case(
            "wrong type",
            |rig| rig.configure("[limits]\nmax_retries = \"many\""),
            r#"error: gong-elt.toml: TOML parse error at line 8, column 15
  |
8 | max_retries = "many"
  |               ^^^^^^
must be a whole number from 0 to 4294967295

hint: `gong-elt init --config example.toml` writes a file with every key"#,
        ),
        case(
            "no start date",
            |rig| rig.configure_whole(""),
            r#"error: gong-elt.toml: sync.start_date: is not set, and there is no default

hint: choose the first day to keep, for example start_date = "2024-01-01"; older days cost more requests once, and `gong-elt plan` shows how many"#,
        ),
        case(
            "a start date that is none",
            |rig| rig.configure_whole("[sync]\nstart_date = \"2026-02-30\""),
            r#"error: gong-elt.toml: TOML parse error at line 9, column 14
  |
9 | start_date = "2026-02-30"
  |              ^^^^^^^^^^^^
"2026-02-30" is not a date such as "2024-01-31"

hint: `gong-elt init --config example.toml` writes a file with every key"#,
        ),
    ]);
}

#[test]
fn a_bad_account_names_file_key_and_rule() {
    assert_refused(&[
        case(
            "bad URL",
            |rig| replaced(rig, rig.server.url(), "api.gong.io"),
            r#"error: gong-elt.toml: source.base_url: "api.gong.io" is not a URL: relative URL without a base"#,
        ),
        case(
            "plain http to another host",
            |rig| replaced(rig, rig.server.url(), "http://api.gong.io"),
            r#"error: gong-elt.toml: source.base_url: http:// sends the credentials in the clear and is allowed for loopback only, not for api.gong.io"#,
        ),
        case(
            "no credentials",
            |rig| {
                replaced(rig, "access_key = \"sim-key\"\n", "");
                replaced(rig, "access_key_secret = \"sim-secret\"\n", "");
            },
            r#"error: gong-elt.toml: source: no credentials

hint: set access_key and access_key_secret (or GONG_ACCESS_KEY and GONG_ACCESS_KEY_SECRET), access_token, or [source.oauth]; GONG_BASE_URL names the host"#,
        ),
        case(
            "half of the credentials",
            |rig| replaced(rig, "access_key = \"sim-key\"\n", ""),
            r#"error: gong-elt.toml: source.access_key: access_key and access_key_secret go together; one is missing"#,
        ),
        case("a bad value in the environment", |_| {}, r#"error: GONG_BASE_URL: must start with https://, not ftp://"#)
            .env("GONG_BASE_URL", "ftp://gong.example"),
        case(
            "half of the credentials in the environment",
            |rig| {
                replaced(rig, "access_key = \"sim-key\"\n", "");
                replaced(rig, "access_key_secret = \"sim-secret\"\n", "");
            },
            r#"error: GONG_ACCESS_KEY: GONG_ACCESS_KEY and GONG_ACCESS_KEY_SECRET go together; one is missing"#,
        )
        .env("GONG_ACCESS_KEY", "sim-key"),
        case(
            "two ways to sign in from the environment",
            |_| {},
            r#"error: GONG_ACCESS_TOKEN: set either this, or GONG_ACCESS_KEY and GONG_ACCESS_KEY_SECRET, not both"#,
        )
        .env("GONG_ACCESS_TOKEN", "sim-token")
        .env("GONG_ACCESS_KEY", "sim-key"),
    ]);
}

#[test]
fn a_bad_command_line_is_refused() {
    assert_refused(&[
        case("unknown entity", |_| {}, r#"error: --entities: there is no entity "cals"; the nearest is "calls""#)
            .command(&["sync", "--entities", "users,cals"]),
        case(
            "future",
            |rig| replaced(rig, rig.server.url(), "https://gong.invalid"),
            r#"error: --as-of 2999-01-01T00:00:00Z is in the future: nothing can be read of it yet

hint: leave --as-of out, or give an instant of the past"#,
        )
        .command(&["sync", "--as-of", "2999-01-01T00:00:00Z"]),
        case(
            "an instant that is none",
            |_| {},
            r#"error: invalid value 'yesterday' for '--as-of <INSTANT>': is not an instant such as 2026-06-15T02:00:00Z

For more information, try '--help'."#,
        )
        .command(&["sync", "--as-of", "yesterday"]),
        case(
            "range backwards",
            |_| {},
            r#"error: --to 2026-02-01 must be after --from 2026-03-01: it is the day after the last one"#,
        )
        .command(&["backfill", "--from", "2026-03-01", "--to", "2026-02-01"]),
        case(
            "a range that has not begun",
            |_| {},
            "error: --from 2998-01-01 is in the future: nothing can be read of 2998-01-01 to 2999-01-01 yet",
        )
        .command(&["backfill", "--from", "2998-01-01", "--to", "2999-01-01"]),
        case(
            "nothing to backfill",
            |_| {},
            r#"error: nothing to backfill: Gong gives users only as they are now

hint: `gong-elt sync` reads them, and --force reads them again"#,
        )
        .command(&["backfill", "--from", "2026-02-01", "--to", "2026-03-01", "--entities", "users"]),
        case(
            "unknown flag",
            |_| {},
            r#"error: unexpected argument '--fast' found

Usage: gong-elt sync [OPTIONS]

For more information, try '--help'."#,
        )
        .command(&["sync", "--fast"]),
        case("unknown table", |_| {}, r#"error: there is no entity "cals"; the nearest is "calls""#)
            .command(&["schema", "cals"]),
    ]);
}

#[test]
fn what_would_do_nothing_or_something_else_is_refused() {
    assert_refused(&[
        case(
            "a cancel of some entities' backfills",
            |_| {},
            r#"error: the argument '--cancel' cannot be used with '--entities <NAMES>'

Usage: gong-elt backfill --cancel

For more information, try '--help'."#,
        )
        .command(&["backfill", "--cancel", "--entities", "users"]),
        case(
            "a cancel with a bound of requests",
            |_| {},
            r#"error: the argument '--cancel' cannot be used with '--max-requests <N>'

Usage: gong-elt backfill --cancel

For more information, try '--help'."#,
        )
        .command(&["backfill", "--cancel", "--max-requests", "5"]),
        case(
            "a bound of requests where none is made",
            |_| {},
            r#"error: --max-requests: nothing is asked of Gong without --source or --repair

hint: leave it out, or add one of the two"#,
        )
        .command(&["verify", "--max-requests", "3"]),
        case(
            "calls listed through details that are not read",
            |rig| rig.configure("entities = [\"calls\"]\n[entities.calls]\ncalls_from = \"details\""),
            r#"error: gong-elt.toml: entities.calls.calls_from: calls can be listed through calls_extensive only if sync.entities names it too"#,
        ),
        case("no folder of entity files", |_| {}, "error: GONG_ELT_SCHEMAS: there is no folder nowhere")
            .env("GONG_ELT_SCHEMAS", "nowhere"),
        case(
            "a duration in months",
            |_| {},
            r#"error: invalid value '2M' for '--max-age <DURATION>': "2M" is not a duration such as "90s" or "14d": units are s, m, h and d

For more information, try '--help'."#,
        )
        .command(&["status", "--max-age", "2M"]),
        case(
            "an output without a bucket",
            |rig| rig.configure("[output]\nurl = \"s3:///x\""),
            "error: gong-elt.toml: output.url: s3:// needs a bucket",
        ),
        case(
            "a home folder as a shell knows it",
            |rig| rig.configure("[output]\nurl = \"~/data\""),
            "error: gong-elt.toml: output.url: ~ is a shell's word for the home folder: write the whole path",
        ),
    ]);
}

#[test]
fn variables_that_are_empty_count_as_unset() {
    let rig = Rig::small(1);
    let mut command = rig.command(&["plan"]);
    for name in ["GONG_ELT_CONFIG", "GONG_ELT_SCHEMAS", "GONG_BASE_URL", "GONG_ACCESS_TOKEN"] {
        command.env(name, "");
    }
    end(&mut command).expect(0);
}

#[test]
fn a_bad_schema_file_names_file_column_and_rule() {
    assert_refused(&[
        case("a path with two dots", |rig| {
            std::fs::create_dir(rig.path("mine")).expect("a folder");
            let users =
                include_str!("../../schemas/users.toml").replace("\"settings.webConferencesRecorded\"", "\"settings..x\"");
            rig.write("mine/users.toml", &users);
        }, r#"error: mine/users.toml: columns, settings..x: path has a bad name "": names are joined by one dot, [] only ends a name

hint: schemas/README.md explains each key of an entity file"#).env("GONG_ELT_SCHEMAS", "mine"),
    ]);
}

#[test]
fn t39_refused_credentials_end_the_run_with_advice_and_without_the_secret() {
    // GIVEN a wrong secret
    let rig = Rig::small(1);
    rig.configure("entities = [\"users\"]");
    replaced(&rig, "sim-secret", "wrong-secret");
    // WHEN the vendor refuses it
    let ended = rig.run(&["sync", "-vv"]).expect(3);
    // THEN the run asks one thing of each other kind, says what to check, and writes nothing
    let (_, said) = ended.stderr.split_once(" ERROR ").expect("an error on stderr");
    let (before, after) = said.trim().split_once(" (requestId ").expect("the vendor's id of the answer");
    assert_eq!(before, "GET /v2/users for users snapshot: HTTP 401: Invalid credentials");
    let (_, advice) = after.split_once("), after 1 attempt ").expect("the story");
    assert_eq!(advice, "(check the access key and its secret, its expiry, and the list of trusted addresses in Gong)");
    assert_eq!((rig.server.journal().len(), rig.objects().len()), (5, 0));
    // AND neither key nor secret is shown
    let all = format!("{}{}", ended.stdout, ended.stderr);
    assert!(!all.contains("wrong-secret") && !all.contains("sim-key"), "{all}");
}

use super::super::catalog::parse;
use super::*;

const HEAD: &str = r#"
    name = "t"
    version = 1
    about = "x"
    scope = "s"
    read = { kind = "snapshot" }
    request = { method = "GET", path = "/v2/t" }
    page = { rows = "t" }
    key = ["id"]
    sort = ["id"]
    columns = [{ path = "id", id = 1, type = "id", about = "" }]
"#;

fn message(more: &str) -> String {
    match parse("schemas/t.toml", "t", &format!("{HEAD}\n{more}")) {
        Ok(_) => "accepted".to_owned(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn each_broken_rule_is_named_with_file_and_key() {
    let cases = [
        (
            r#"filters = { fromDateTime = "instnt" }"#,
            "unknown variant `instnt`, expected one of `id`, `ids`, `instant`",
        ),
        (r#"filters = { fromDateTime = 3 }"#, "expected a filter's type, or a table with its type"),
        (r#"filters = { fromDateTime = { type = "instant", of = "x" } }"#, "unknown field `of`"),
        (r#"filters = { "a b" = "id" }"#, "filters.a b: is not a name of the vendor's, such as fromDateTime"),
        (r#"filters = { logFormat = "id" }"#, "filters.logFormat: --log-format is an option of its own"),
        (r#"filters = { cursor = "text" }"#, "filters.cursor: --cursor is an option of its own"),
        (
            r#"filters = { workspaceId = "id", workspace-id = "id" }"#,
            "filters.workspaceId: --workspace-id is already workspace-id's",
        ),
        (r#"filters = { callIds = "ids" }"#, "filters.callIds: a GET takes no list of ids"),
        (
            r#"filters = { contentSelector = "selector" }"#,
            "filters.contentSelector: type selector is for the contentSelector of a POST",
        ),
        (
            r#"filters = { day = { type = "date", field = "day" } }"#,
            "filters.day: field goes with the types id, ids and instant",
        ),
        (
            r#"filters = { from = { type = "instant", field = "time" } }"#,
            "filters.from: an instant's field goes with from_day or to_day, one of them",
        ),
        (
            r#"filters = { from = { type = "instant", field = "time", from_day = "day" } }"#,
            "filters.from: there is no filter day of type date",
        ),
        (
            r#"filters = { from = { type = "id", field = "time", from_day = "day" } }"#,
            "filters.from: from_day and to_day go with the type instant",
        ),
        (r#"filters = { id = { type = "id", or_null = true } }"#, "filters.id: or_null goes with field"),
        (r#"filters = { id = { type = "id", one_of = ["1"] } }"#, "filters.id: one_of goes with the type text"),
        (
            r#"filters = { id = { type = "id", always = "latest" } }"#,
            "filters.id: always goes with an instant that the vendor filters by",
        ),
        (r#"required = ["from"]"#, "required: there is no filter from"),
        (r#"filtered = { path = "/t", by = [] }"#, "filtered.path: must start with /v2/"),
        (r#"filtered = { path = "/v2/calls", by = [] }"#, "filtered.path: POST /v2/calls writes to Gong"),
        (r#"filtered = { path = "/v2/t/x", by = ["a"] }"#, "filtered.by: there is no filter a"),
        (r#"get = { path = "/v2/t", record = "t" }"#, "get.path: must start with /v2/ and hold {id} once"),
    ];
    for (text, expected) in cases {
        let said = message(text);
        assert!(said.contains(expected) && said.starts_with("schemas/t.toml"), "{text}: {said}");
    }
    assert_eq!(
        message(r#"filters = { callIds = { type = "ids", field = "id" }, word = { type = "text", one_of = ["A"] } }"#),
        "accepted"
    );
}

#[test]
fn options_are_the_vendors_names_in_kebab_case() {
    for (name, option) in [
        ("fromDateTime", "from-date-time"),
        ("callIds", "call-ids"),
        ("workspace-id", "workspace-id"),
        ("from", "from"),
        ("includeAvatars", "include-avatars"),
    ] {
        assert_eq!(flag(name), option);
    }
}

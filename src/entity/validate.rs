//! What an entity file must satisfy. Each message names the file, the key and the rule.

use std::collections::{BTreeMap, BTreeSet};

use super::catalog::line;
use super::direct;
use super::spec::{ColumnKind, ColumnSpec, EntitySpec, Method, Read};
use super::tree::{Field, Leaf, Shape};
use crate::error::{Error, Kind, Result};

/// The error of a broken rule.
pub(super) fn wrong(file: &str, key: &str, rule: impl std::fmt::Display) -> Error {
    Error::new(Kind::Schema, format!("{file}: {key}: {rule}"))
        .hint("schemas/README.md explains each key of an entity file")
}

/// Checks the head and every column line.
pub fn entity(file: &str, name: &str, spec: &EntitySpec) -> Result<()> {
    if spec.name != name {
        return Err(wrong(file, "name", format!("must be the file's name, \"{name}\", not \"{}\"", spec.name)));
    }
    if spec.version == 0 {
        return Err(wrong(file, "version", "counts from 1"));
    }
    if !spec.request.path.starts_with("/v2/") {
        return Err(wrong(file, "request.path", "must start with /v2/"));
    }
    if spec.request.method == Method::Post && spec.request.path == "/v2/calls" {
        return Err(wrong(file, "request.path", "POST /v2/calls writes to Gong and must never be sent"));
    }
    reading(file, spec)?;
    direct::check(file, spec)?;
    let mut ids = BTreeMap::new();
    for column in &spec.columns {
        one_column(file, spec, column)?;
        if let Some(other) = ids.insert(column.id, line(column)) {
            let key = format!("columns, {}", line(column));
            return Err(wrong(file, &key, format!("id {} is already that of {other}", column.id)));
        }
    }
    Ok(())
}

/// What each kind of reading needs of the request.
fn reading(file: &str, spec: &EntitySpec) -> Result<()> {
    let request = &spec.request;
    let dated = request.from.is_some() && request.to.is_some();
    match &spec.read {
        Read::Window { .. } | Read::Period { .. } if !dated => {
            Err(wrong(file, "request", "a window or period needs the names of its inputs, from and to"))
        }
        Read::ById { .. } if spec.page.parent.is_some() && !dated => {
            Err(wrong(file, "request", "page.parent lists windows, which needs the names of its inputs, from and to"))
        }
        Read::ById { .. } | Read::Media { .. } if request.ids.is_none() => {
            Err(wrong(file, "request.ids", "by_id and media need the name of the input that takes the ids"))
        }
        Read::ById { .. } | Read::Media { .. } if spec.page.id.is_none() => {
            Err(wrong(file, "page.id", "by_id and media need the place of the asked id in a record"))
        }
        Read::Media { .. } if spec.page.link.is_none() => {
            Err(wrong(file, "page.link", "media needs the place of the file's address in a record"))
        }
        Read::Snapshot { each } | Read::Period { each, .. } => {
            match each.iter().find(|e| !request.each.contains_key(*e)) {
                Some(entity) => Err(wrong(file, "request.each", format!("names no input for {entity}"))),
                None => Ok(()),
            }
        }
        _ => Ok(()),
    }
}

fn one_column(file: &str, spec: &EntitySpec, column: &ColumnSpec) -> Result<()> {
    let key = format!("columns, {}", line(column));
    let alone = column.stamp.is_none() && column.count.is_none();
    let sources = [column.stamp.is_some(), column.count.is_some(), column.path.is_some() && alone];
    if sources.iter().filter(|s| **s).count() != 1 {
        return Err(wrong(file, &key, "needs exactly one of path, stamp and count"));
    }
    if !(1..9000).contains(&column.id) {
        return Err(wrong(file, &key, format!("id {} is outside 1 to 8999", column.id)));
    }
    if column.count.is_some() && column.name.is_none() {
        return Err(wrong(file, &key, "a count needs a name"));
    }
    if column.count.is_some() && column.kind != ColumnKind::Int {
        return Err(wrong(file, &key, "a count has type int"));
    }
    match &column.path {
        Some(path) => column_path(file, &key, spec, column, path),
        None => Ok(()),
    }
}

fn column_path(file: &str, key: &str, spec: &EntitySpec, column: &ColumnSpec, path: &str) -> Result<()> {
    let good = |name: &str| {
        let bare = name.strip_suffix("[]").unwrap_or(name);
        !bare.is_empty() && bare.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-')
    };
    if let Some(bad) = path.split('.').find(|name| !good(name)) {
        return Err(wrong(
            file,
            key,
            format!("path has a bad name \"{bad}\": names are joined by one dot, [] only ends a name"),
        ));
    }
    match column.kind {
        ColumnKind::List if !path.ends_with("[]") => return Err(wrong(file, key, "a list's path ends in []")),
        ColumnKind::Struct if path.ends_with("[]") => {
            return Err(wrong(file, key, "a struct's path does not end in []"));
        }
        _ => {}
    }
    let Some((group, _)) = path.rsplit_once('.') else { return Ok(()) };
    let exploded = spec.page.explode.as_ref().is_some_and(|e| group == format!("{e}[]"));
    if column.lift || column.count.is_some() || column.stamp.is_some() || exploded {
        return Ok(());
    }
    let line_of_group =
        spec.columns.iter().take_while(|c| !std::ptr::eq(*c, column)).find(|c| c.path.as_deref() == Some(group));
    let wanted = if group.ends_with("[]") { ColumnKind::List } else { ColumnKind::Struct };
    match line_of_group {
        Some(line) if line.kind == wanted => Ok(()),
        Some(_) => Err(wrong(
            file,
            key,
            format!("its group {group} must have type {}", if wanted == ColumnKind::List { "list" } else { "struct" }),
        )),
        None => Err(wrong(file, key, format!("its group {group} needs a line of its own above it"))),
    }
}

/// Checks the table that follows from the lines: names, key and sort.
pub fn table(file: &str, spec: &EntitySpec, fields: &[Field]) -> Result<()> {
    unique_names(file, "", fields)?;
    for (what, names) in [("key", &spec.key), ("sort", &spec.sort)] {
        if names.is_empty() {
            return Err(wrong(file, what, "must name at least one column"));
        }
        for name in names {
            let mut members = fields;
            let mut shape = None;
            for part in name.split('.') {
                shape = members.iter().find(|f| f.name == part).map(|f| &f.shape);
                members = match shape {
                    Some(Shape::Group(inner)) => inner,
                    _ => &[],
                };
            }
            match shape {
                Some(Shape::Leaf(Leaf::Float | Leaf::Bool | Leaf::Json)) if what == "key" => {
                    return Err(wrong(file, what, format!("{name} has a type that identifies nothing")));
                }
                Some(Shape::Leaf(_)) => {}
                Some(_) => return Err(wrong(file, what, format!("{name} is not a plain column"))),
                None => return Err(wrong(file, what, format!("there is no column {name}"))),
            }
        }
    }
    Ok(())
}

fn unique_names(file: &str, at: &str, fields: &[Field]) -> Result<()> {
    let mut seen = BTreeSet::from(["_extra", "_extracted_at", "_object"]);
    for field in fields {
        let key = format!("columns, {at}{}", field.name);
        if !seen.insert(&field.name) {
            return Err(wrong(file, &key, "two columns of one name"));
        }
        if let Shape::Group(inner) | Shape::Groups(inner) = &field.shape {
            if inner.is_empty() {
                return Err(wrong(file, &key, "a group without members"));
            }
            unique_names(file, &format!("{at}{}.", field.name), inner)?;
        }
    }
    Ok(())
}

/// Checks that the entities it names exist.
pub fn references(file: &str, spec: &EntitySpec, known: impl Fn(&str) -> bool) -> Result<()> {
    let each = spec.each();
    // "managers" are the users that somebody's managerId names; no entity of their own.
    let named = spec.parent().into_iter().chain(each.iter().map(String::as_str).filter(|e| *e != "managers"));
    for name in named {
        if !known(name) {
            return Err(wrong(file, "read", format!("there is no entity {name}")));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::catalog::parse;

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
    "#;

    fn message(head: &str, columns: &str) -> String {
        match parse("schemas/t.toml", "t", &format!("{head}\ncolumns = [{columns}]")) {
            Ok(_) => "accepted".to_owned(),
            Err(error) => error.to_string(),
        }
    }

    const ID: &str = r#"{ path = "id", id = 1, type = "id", about = "" },"#;

    #[test]
    fn each_broken_rule_is_named_with_file_and_key() {
        let cases = [
            (
                r#"{ path = "a..b", id = 2, type = "id", about = "" }"#,
                "schemas/t.toml: columns, a..b: path has a bad name \"\"",
            ),
            (
                r#"{ path = "a.b", id = 2, type = "id", about = "" }"#,
                "columns, a.b: its group a needs a line of its own above it",
            ),
            (r#"{ path = "b", id = 1, type = "id", about = "" }"#, "columns, b: id 1 is already that of id"),
            (r#"{ path = "b", id = 9001, type = "id", about = "" }"#, "columns, b: id 9001 is outside 1 to 8999"),
            (r#"{ path = "b", id = 2, type = "list", about = "" }"#, "columns, b: a list's path ends in []"),
            (r#"{ path = "g", id = 2, type = "struct", about = "" }"#, "columns, g: a group without members"),
            (r#"{ path = "x", name = "id", id = 2, type = "id", about = "" }"#, "columns, id: two columns of one name"),
            (r#"{ count = "a[]", id = 2, type = "int", about = "" }"#, "columns, count a[]: a count needs a name"),
            (r#"{ path = "b", id = 2, type = "strng", about = "" }"#, "unknown variant `strng`"),
            (r#"{ path = "b", id = 2, typ = "id", about = "" }"#, "unknown field `typ`"),
        ];
        for (line, expected) in cases {
            let text = message(HEAD, &format!("{ID}{line}"));
            assert!(text.contains(expected), "{line}: {text}");
            assert!(text.starts_with("schemas/t.toml"), "{text}");
        }
        assert_eq!(message(HEAD, ID), "accepted");
    }

    #[test]
    fn a_key_must_be_a_column() {
        let text = message(&HEAD.replace(r#"key = ["id"]"#, r#"key = ["nope"]"#), ID);
        assert_eq!(text, "schemas/t.toml: key: there is no column nope");
    }
}

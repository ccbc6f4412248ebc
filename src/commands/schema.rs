//! `schema`: tables as readable lists of columns.

use std::fmt::Write as _;

use super::stdout::say;
use crate::config;
use crate::entity::tree::{Field, Leaf, Shape};
use crate::entity::{Catalog, Entity};
use crate::error::{Error, Kind, Result};

/// Prints one table, or all.
pub fn run(catalog: &'static Catalog, name: Option<&str>) -> Result<u8> {
    let known = |name: &str| {
        let names: Vec<&str> = catalog.all().map(|e| e.name.as_str()).collect();
        Error::new(Kind::Config, config::unknown_entity(name, &names))
    };
    let chosen: Vec<&Entity> = match name {
        None => catalog.all().collect(),
        Some(name) => vec![catalog.get(name).ok_or_else(|| known(name))?],
    };
    let text: Vec<String> = chosen.into_iter().map(table).collect();
    say(&text.join("\n"))?;
    Ok(0)
}

fn table(entity: &Entity) -> String {
    let mut rows = Vec::new();
    columns(&entity.fields, 1, &mut rows);
    for (name, kind, about) in [
        (
            "_extra",
            "string",
            "Fields that the schema does not name, as one JSON object of path and value; null when there are none.",
        ),
        ("_extracted_at", "timestamp", "The now of the reading that wrote the object."),
        ("_object", "string", "The object's path below the output."),
    ] {
        rows.push((format!("  {name}"), kind.to_owned(), about.to_owned()));
    }
    let width = |f: fn(&(String, String, String)) -> usize| rows.iter().map(f).max().unwrap_or(0);
    let (names, kinds) = (width(|r| r.0.len()), width(|r| r.1.len()));
    let mut out = format!("{}: {}\n  key: {}\n", entity.name, entity.about, entity.key.join(", "));
    for (name, kind, about) in rows {
        // Writing to a string cannot fail.
        let _ = writeln!(out, "{name:<names$}  {kind:<kinds$}  {about}");
    }
    out
}

fn columns(fields: &[Field], depth: usize, rows: &mut Vec<(String, String, String)>) {
    for field in fields {
        let (kind, inner): (String, &[Field]) = match &field.shape {
            Shape::Leaf(leaf) => (leaf_name(*leaf).to_owned(), &[]),
            Shape::Leaves(leaf) => (format!("list of {}", leaf_name(*leaf)), &[]),
            Shape::Group(inner) => ("struct".to_owned(), inner),
            Shape::Groups(inner) => ("list of struct".to_owned(), inner),
        };
        rows.push((format!("{}{}", "  ".repeat(depth), field.name), kind, field.about.clone()));
        columns(inner, depth + 1, rows);
    }
}

fn leaf_name(leaf: Leaf) -> &'static str {
    match leaf {
        Leaf::String | Leaf::Id | Leaf::Text => "string",
        Leaf::Json => "json text",
        Leaf::Int => "int64",
        Leaf::Float => "float64",
        Leaf::Bool => "bool",
        Leaf::Timestamp => "timestamp",
        Leaf::Date => "date",
    }
}

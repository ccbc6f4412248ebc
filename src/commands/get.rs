//! `get`: one record by its id.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::direct::{Direct, compact, digits, entity};
use super::stdout::say;
use crate::cli::{Cli, GetArgs};
use crate::entity::Catalog;
use crate::error::{Error, Kind, Result};
use crate::source::{Failure, Inputs, Refusal, Reply, build};

/// Prints it on one line.
pub async fn run(cli: &Cli, catalog: &'static Catalog, args: &GetArgs) -> Result<u8> {
    let (context, entity) = entity(cli, catalog, &args.entity)?;
    digits("ID", &args.id)?;
    let name = &entity.name;
    let Some(one) = entity.one(&args.id) else {
        let names: Vec<&str> = catalog.all().filter(|e| e.spec.get.is_some()).map(|e| e.name.as_str()).collect();
        let what = format!("Gong gives no single record of {name}, only of {}", names.join(" and "));
        return Err(Error::new(Kind::Config, what).hint(format!("`gong-elt list {name}` prints all of them")));
    };
    let direct = Direct::open(context).await?;
    let inputs = Inputs { subject: format!("get {name}"), ..Inputs::default() };
    let reply = direct.source.ask(&one, &build(&one, &inputs, None), false).await;
    let page = match reply {
        Ok(Reply::Page(page)) => page,
        Err(Failure::Refused(Refusal::NotFound, story)) if story.told.request_id.is_some() => {
            let what = format!("{name} {}: not found: Gong has none, or does not show it: {story}", args.id);
            return Err(Error::new(Kind::Vendor, what));
        }
        Err(failure) => return Err(direct.failed(&one, failure).await),
        // Neither is an answer to a request without filter and cursor.
        Ok(Reply::Empty) => return Err(Error::new(Kind::Vendor, format!("{name} {}: not found", args.id))),
        Ok(Reply::CursorDead(told)) => return Err(Error::new(Kind::Vendor, told.to_string())),
    };
    let whole: BTreeMap<String, &RawValue> = serde_json::from_str(&page.body).unwrap_or_default();
    let record = whole.get(&one.page.rows).map_or("", |raw| raw.get());
    say(&(compact(record) + "\n"))?;
    Ok(0)
}

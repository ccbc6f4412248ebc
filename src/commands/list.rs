//! `list`: records as the vendor sends them, one a line.

use std::collections::BTreeMap;
use std::io::{BufWriter, StdoutLock, Write as _};

use serde_json::value::RawValue;

use super::direct::{Direct, compact, entity};
use super::filters::{self, Test, Wanted};
use super::stdout::printed;
use crate::cli::{Cli, ListArgs};
use crate::entity::{Catalog, Entity};
use crate::error::{Error, Kind, Result};
use crate::source::{Inputs, Page, Pager, Step};

/// Prints them; a listing without records prints nothing.
pub async fn run(cli: &Cli, catalog: &'static Catalog, args: &ListArgs) -> Result<u8> {
    let (context, entity) = entity(cli, catalog, &args.entity)?;
    if !entity.is_list() {
        let media = entity.name.trim_start_matches("call_");
        let what = format!("{} is no list: there is nothing to print", entity.name);
        return Err(
            Error::new(Kind::Config, what).hint(format!("`gong-elt download {media} CALL_ID` fetches one file"))
        );
    }
    if args.cursor.is_some() && entity.page.cursor.is_none() {
        let what = format!("list {} takes no --cursor: Gong gives it in one page", entity.name);
        return Err(Error::new(Kind::Config, what));
    }
    let zone = if entity.has_company_days() { context.zone(&*context.ledger()?)? } else { chrono_tz::UTC };
    let wanted = filters::read(entity, &args.filters, zone, context.now)?;
    if args.cursor.is_some() && wanted.listings.len() > 1 {
        return Err(Error::new(Kind::Config, "--cursor: more than 100 ids make more than one listing; give fewer"));
    }
    let direct = Direct::open(context).await?;
    let mut out = Out { lines: BufWriter::new(std::io::stdout().lock()), left: args.limit, entity: wanted.entity };
    match &args.cursor {
        Some(cursor) => one_page(&direct, &wanted, cursor, &mut out).await?,
        None => {
            for inputs in &wanted.listings {
                if let Done::Enough = all_pages(&direct, &wanted, inputs, &mut out).await? {
                    break;
                }
            }
        }
    }
    Ok(0)
}

/// Whether more is wanted.
enum Done {
    /// Perhaps.
    More,
    /// No: the limit is reached, or nobody reads any more.
    Enough,
}

async fn all_pages(direct: &Direct, wanted: &Wanted, inputs: &Inputs, out: &mut Out<'_>) -> Result<Done> {
    let mut pager = Pager::new(&direct.source, wanted.entity, inputs.clone(), 0, None);
    loop {
        match step(direct, wanted.entity, &mut pager).await? {
            None => return Ok(Done::More),
            Some(page) => {
                if let Done::Enough = out.page(&page, &wanted.tests)? {
                    return Ok(Done::Enough);
                }
            }
        }
    }
}

async fn one_page(direct: &Direct, wanted: &Wanted, cursor: &str, out: &mut Out<'_>) -> Result<()> {
    let cursor = Some(cursor).filter(|cursor| !cursor.is_empty()).map(str::to_owned);
    let inputs = wanted.listings.first().cloned().unwrap_or_default();
    let mut pager = Pager::new(&direct.source, wanted.entity, inputs, 0, cursor);
    let Some(page) = step(direct, wanted.entity, &mut pager).await? else { return Ok(()) };
    out.page(&page, &wanted.tests)?;
    if let Some(next) = &page.cursor {
        eprintln!("{next}");
    }
    Ok(())
}

async fn step(direct: &Direct, entity: &'static Entity, pager: &mut Pager<'_>) -> Result<Option<Page>> {
    let step = match pager.step().await {
        Ok(step) => step,
        Err(failure) => return Err(direct.failed(entity, failure).await),
    };
    match step {
        Step::Page(_, page) => Ok(Some(page)),
        Step::End => Ok(None),
        Step::Restart(told) => {
            let what = format!("list {}: the cursor is not accepted: {told}", entity.name);
            Err(Error::new(Kind::Vendor, what)
                .hint("a cursor lives for an hour: start again, or ask for less at a time"))
        }
        Step::Repeated(what) => {
            let what = format!("list {}: {what}: the listing would never end", entity.name);
            Err(Error::new(Kind::Vendor, what).hint("please report this"))
        }
    }
}

/// stdout.
struct Out<'a> {
    lines: BufWriter<StdoutLock<'a>>,
    left: Option<u64>,
    entity: &'a Entity,
}

impl Out<'_> {
    /// Prints a page's records.
    fn page(&mut self, page: &Page, tests: &[Test]) -> Result<Done> {
        let name = &self.entity.page.rows;
        // The page was judged: it is an object that holds the array.
        let whole: BTreeMap<String, &RawValue> = serde_json::from_str(&page.body).unwrap_or_default();
        let records: Vec<&RawValue> =
            whole.get(name).and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default();
        for record in records {
            if !tests.iter().all(|test| test.passes(record)) {
                continue;
            }
            if !printed(writeln!(self.lines, "{}", compact(record.get())))? {
                return Ok(Done::Enough);
            }
            self.left = self.left.map(|left| left - 1);
            if self.left == Some(0) {
                printed(self.lines.flush())?;
                return Ok(Done::Enough);
            }
        }
        Ok(if printed(self.lines.flush())? { Done::More } else { Done::Enough })
    }
}

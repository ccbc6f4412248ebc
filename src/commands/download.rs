//! `download`: one media file of a call, streamed.

use serde_json::Value;

use super::context::Context;
use super::direct::{Direct, digits};
use super::stdout::say;
use super::target::Target;
use crate::cli::{Cli, DownloadArgs, MediaKind};
use crate::entity::spec::{Media, Read};
use crate::entity::{Catalog, Entity};
use crate::error::{Error, Kind, Result};
use crate::source::{ByteRange, Download, Inputs, Link, MediaClient, MediaError, Reply, build};

/// Fetches it. The address is asked just before, and again if it dies on the way.
pub async fn run(cli: &Cli, catalog: &'static Catalog, args: &DownloadArgs) -> Result<u8> {
    let context = Context::load(cli, catalog)?;
    let id = args.call_id.as_str();
    digits("CALL_ID", id)?;
    let range = args.range.as_deref().map(range).transpose()?;
    let (media, what) = match args.media {
        MediaKind::Audio => (Media::Audio, "audio"),
        MediaKind::Video => (Media::Video, "video"),
    };
    let reads = |entity: &&Entity| matches!(&entity.read, Read::Media { media: of, .. } if *of == media);
    let Some(entity) = catalog.all().find(reads) else {
        return Err(Error::new(Kind::Schema, format!("no entity file reads {what}")));
    };
    let mut target = Target::open(args.output.as_deref())?;
    let direct = Direct::open(context).await?;
    let limits = &direct.context.config.limits;
    let client = MediaClient::new(limits.request_timeout.std())?;
    let mut link = address(&direct, entity, id, what).await?;
    let mut download = Download::new(client, range, limits.max_retries);
    loop {
        let piece = tokio::select! {
            biased;
            _ = direct.context.stop.pulled() => return Err(direct.stopped()),
            piece = download.next(&link) => piece,
        };
        match piece {
            Ok(Some(bytes)) => {
                if !target.write(&bytes)? {
                    return Ok(0);
                }
            }
            Ok(None) => break,
            Err(error @ MediaError::LinkDead(_)) => {
                tracing::info!(call = id, "{error}: asking Gong for a fresh one");
                link = address(&direct, entity, id, what).await?;
            }
            Err(error) => return Err(Error::new(Kind::Vendor, format!("the {what} of call {id}: {error}"))),
        }
    }
    let name = format!("{id}.{}", link.ending(download.content_type()));
    let fetched = download.fetched();
    if let Some(path) = target.keep(&name)? {
        let kind = fetched.content_type.as_deref().unwrap_or("of unknown type");
        say(&format!("{}: {} bytes, {kind}, sha256 {}\n", path.display(), fetched.size, fetched.sha256))?;
    }
    Ok(0)
}

fn range(text: &str) -> Result<ByteRange> {
    text.parse().map_err(|rule| Error::new(Kind::Config, format!("--range: {text:?} {rule}")))
}

/// Asks the vendor for a fresh address of a call's file.
async fn address(direct: &Direct, entity: &'static Entity, id: &str, what: &str) -> Result<Link> {
    let inputs = Inputs { ids: vec![id.to_owned()], subject: format!("download {what} {id}"), ..Inputs::default() };
    let reply = direct.source.ask(entity, &build(entity, &inputs, None), false).await;
    let page = match reply {
        Ok(Reply::Page(page)) => page,
        Ok(Reply::Empty) => return Err(unknown(id)),
        Ok(Reply::CursorDead(told)) => return Err(Error::new(Kind::Vendor, told.to_string())),
        Err(failure) => return Err(direct.failed(entity, failure).await),
    };
    // The page was judged: it is an object that holds the array.
    let body: Value = serde_json::from_str(&page.body).unwrap_or_default();
    let at = |record: &Value, path: &Option<String>| {
        let place = format!("/{}", path.as_deref().unwrap_or_default().replace('.', "/"));
        record.pointer(&place).and_then(Value::as_str).map(str::to_owned)
    };
    let records = body[&entity.page.rows].as_array().map(Vec::as_slice).unwrap_or_default();
    let record = records.iter().find(|record| at(record, &entity.page.id).as_deref() == Some(id));
    let Some(text) = at(record.ok_or_else(|| unknown(id))?, &entity.page.link) else {
        return Err(Error::new(Kind::Vendor, format!("call {id} has no {what}")).hint(
            "an audio call has no video; other files are not processed yet, were deleted, or were never recorded",
        ));
    };
    Link::parse(&text).ok_or_else(|| {
        Error::new(
            Kind::Vendor,
            format!("the {what} of call {id}: Gong sent an address that is not https and is not used"),
        )
    })
}

fn unknown(id: &str) -> Error {
    Error::new(Kind::Vendor, format!("call {id}: not found: Gong has none, or does not show it"))
}

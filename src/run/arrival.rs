//! One media file on its way into the output: goes on where this run's connection or an earlier process was cut off, and is recorded.

use super::addresses::addresses;
use super::patience;
use super::session::Session;
use super::trouble::Trouble;
use crate::entity::spec::{Media, Read};
use crate::error::{Error, Kind};
use crate::failpoint;
use crate::sink::Incoming;
use crate::source::{Download, Fetched, Link, Mark, MediaClient, MediaError};
use crate::state::{MediaRow, Partial, PartialHead, Partials};
use crate::unit::Unit;

/// A file, with what is held of it so far.
struct Arrival<'s> {
    session: &'s Session,
    unit: Unit,
    id: &'s str,
    download: Download,
    partial: Partial,
    /// Set with the first bytes, which tell the file's type, and the path that follows from it.
    incoming: Option<(Incoming, String)>,
}

/// Why it did not come.
enum Cut {
    /// What is held is of no use: begin anew.
    Stale(Trouble),
    /// What is held stays for the next run.
    Off(Trouble),
}

/// Fetches one file into the output and records it.
pub async fn file(
    session: &Session,
    unit: Unit,
    client: &MediaClient,
    partials: &Partials,
    id: &str,
    address: String,
) -> Result<MediaRow, Trouble> {
    // A path is built from it.
    if id.is_empty() || id.len() > 32 || !id.bytes().all(|b| b.is_ascii_digit()) {
        return Err(failed(unit, id, "its id cannot be a file's name"));
    }
    let retries = session.config.limits.max_retries;
    let mut partial = partials.open(id);
    let head = partial.resume();
    let resumed = head.is_some();
    let download = match &head {
        Some(head) => Download::resumed(client.clone(), mark(head), retries),
        None => Download::new(client.clone(), None, retries),
    };
    let arrival = Arrival { session, unit, id, download, partial, incoming: None };
    match arrival.run(&address, head).await {
        Err(Cut::Stale(trouble)) if resumed => {
            tracing::info!(call = id, "what an earlier run fetched of a file is of no use: {trouble:?}");
            let download = Download::new(client.clone(), None, retries);
            let partial = partials.open(id);
            let arrival = Arrival { session, unit, id, download, partial, incoming: None };
            arrival.run(&address, None).await.map_err(trouble_of)
        }
        done => done.map_err(trouble_of),
    }
}

fn trouble_of(cut: Cut) -> Trouble {
    match cut {
        Cut::Stale(trouble) | Cut::Off(trouble) => trouble,
    }
}

fn mark(head: &PartialHead) -> Mark {
    Mark { size: head.size, tag: head.tag.clone(), content_type: head.content_type.clone() }
}

fn failed(unit: Unit, id: &str, what: impl std::fmt::Display) -> Trouble {
    Trouble::Failed(Error::new(Kind::Vendor, format!("{unit}, call {id}: {what}")))
}

impl Arrival<'_> {
    async fn run(mut self, address: &str, head: Option<PartialHead>) -> Result<MediaRow, Cut> {
        let done = match head {
            Some(head) => self.replay(head).await,
            None => Ok(()),
        };
        let done = match done {
            Ok(()) => self.fetch(address).await,
            cut => cut,
        };
        let Some((mut incoming, path)) = self.incoming.take() else {
            self.drop_stale(&done);
            return Err(done.err().unwrap_or_else(|| Cut::Off(failed(self.unit, self.id, "nothing came of it"))));
        };
        let kept = match done {
            Err(cut) => Err(cut),
            Ok(()) => tokio::select! {
                biased;
                _ = self.session.stop.cut_short() => Err(Cut::Off(Trouble::Stopped)),
                kept = incoming.keep() => kept.map_err(|e| Cut::Off(e.into())),
            },
        };
        self.drop_stale(&kept);
        if let Err(cut) = kept {
            // An upload that is not aborted in time is recorded, and the next run aborts it.
            let discard = async {
                incoming.discard().await;
                Ok(())
            };
            let _ = patience::of_unit(self.session, discard).await;
            return Err(cut);
        }
        failpoint::reached(failpoint::MEDIA_KEPT);
        let Fetched { size, sha256, content_type } = self.download.fetched();
        let row = MediaRow { call_id: self.id.to_owned(), path, size, sha256, content_type };
        self.session.ledger.note_media(self.unit, &row).map_err(|e| Cut::Off(e.into()))?;
        self.partial.forget();
        Ok(row)
    }

    fn drop_stale(&mut self, done: &Result<(), Cut>) {
        if matches!(done, Err(Cut::Stale(_))) {
            self.partial.forget();
        }
    }

    /// Passes on what an earlier process kept.
    async fn replay(&mut self, head: PartialHead) -> Result<(), Cut> {
        while let Some(bytes) = self.partial.piece() {
            self.download.held(&bytes).map_err(|e| Cut::Stale(failed(self.unit, self.id, e)))?;
            self.write(&bytes, &head.ending).await?;
        }
        Ok(())
    }

    /// Passes the file on as it comes.
    async fn fetch(&mut self, address: &str) -> Result<(), Cut> {
        let (session, unit, id) = (self.session, self.unit, self.id);
        let off = |what: &str| Cut::Off(failed(unit, id, what));
        let good = |address: &str| Link::parse(address).ok_or_else(|| off("Gong's address is no https address"));
        let mut link = good(address)?;
        loop {
            let piece = tokio::select! {
                biased;
                _ = session.stop.cut_short() => return Err(Cut::Off(Trouble::Stopped)),
                piece = self.download.next(&link) => piece,
            };
            let piece = match piece {
                Ok(piece) => piece,
                Err(MediaError::LinkDead(_)) => {
                    let fresh = addresses(session, unit, vec![id.to_owned()], None).await.map_err(Cut::Off)?;
                    let fresh = fresh.into_iter().find_map(|(_, address)| address);
                    link = good(&fresh.ok_or_else(|| off("Gong gives no address any more"))?)?;
                    continue;
                }
                Err(error @ MediaError::Broken(_)) => return Err(Cut::Off(failed(unit, id, error))),
                Err(error) => return Err(Cut::Stale(failed(unit, id, error))),
            };
            let ending = link.ending(self.download.content_type());
            let first = self.incoming.is_none();
            if let (true, Some(Mark { size, tag, content_type })) = (first, self.download.mark()) {
                self.partial.begin(&PartialHead { size, tag, content_type, ending: ending.clone() });
            }
            let Some(bytes) = piece else { return self.write(&[], &ending).await };
            self.partial.add(&bytes);
            self.write(&bytes, &ending).await?;
            failpoint::reached(failpoint::MEDIA_PIECE);
        }
    }

    async fn write(&mut self, bytes: &[u8], ending: &str) -> Result<(), Cut> {
        let (incoming, _) = match &mut self.incoming {
            Some(incoming) => incoming,
            none => {
                let path = path(self.unit, self.id, ending);
                let incoming = self.session.store.incoming(&path).map_err(|e| Cut::Off(e.into()))?;
                none.insert((incoming, path))
            }
        };
        tokio::select! {
            biased;
            _ = self.session.stop.cut_short() => Err(Cut::Off(Trouble::Stopped)),
            written = incoming.write(bytes) => written.map_err(|e| Cut::Off(e.into())),
        }
    }
}

fn path(unit: Unit, id: &str, ending: &str) -> String {
    let kind = match unit.entity.read {
        Read::Media { media: Media::Video, .. } => "video",
        _ => "audio",
    };
    let month = unit.span.window().map(|window| window.from.format("%Y-%m").to_string()).unwrap_or_default();
    format!("media/{kind}/month={month}/{id}.{ending}")
}

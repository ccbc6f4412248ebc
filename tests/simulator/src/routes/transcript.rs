//! Transcripts: `POST /v2/calls/transcript` (API reference, section 7).

use std::sync::Arc;

use super::{Context, Reply, filter};
use crate::world::View;

pub(super) fn list(context: &Context<'_>) -> Reply {
    let mut matching = filter::calls(context)?;
    matching.by_start = context.shared.options.unknowns.transcripts_by_start;
    // Not a filter of this endpoint.
    matching.hosts = None;
    let (position, calls, next) = context.calls(&matching, View::Transcript)?;
    let world = context.shared.world();
    let texts: Vec<Arc<str>> = calls.iter().map(|call| world.transcript_text(*call, context.now)).collect();
    drop(world);
    let answer = context.page(&position, "callTranscripts", texts.iter().map(|text| &**text), next);
    Ok(context.check_ids(&matching, answer))
}

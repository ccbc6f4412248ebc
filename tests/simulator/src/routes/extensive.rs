//! Calls with everything: `POST /v2/calls/extensive` (API reference, section 3).

use serde_json::Value;

use super::{Context, PARSE_ERROR, Refusal, Reply, filter, media};
use crate::record::Selector;
use crate::world::View;

const MEDIA_SCOPE: &str = "api:calls:read:media-url";

pub(super) fn list(context: &Context<'_>) -> Reply {
    let mut matching = filter::calls(context)?;
    matching.by_start = context.shared.options.unknowns.extensive_by_start;
    let selector = selector(context)?;
    let may = context.caller.as_ref().is_some_and(|caller| caller.may(MEDIA_SCOPE));
    if selector.media() && !may && !context.shared.options.unknowns.media_without_scope_is_silent {
        return Err(Refusal::scope(MEDIA_SCOPE));
    }
    let media = selector.media() && may;
    let (position, calls, next) = context.calls(&matching, View::Detail)?;
    let world = context.shared.world();
    let mut texts = Vec::with_capacity(calls.len());
    for call in calls {
        let open = world.extensive_text(call, selector, context.now);
        let end = match media {
            true => format!(",\"media\":{}}}", world.media_block(call, |url| media::sign(context.shared, url))),
            false => "}".to_owned(),
        };
        texts.push((open, end));
    }
    drop(world);
    let texts: Vec<String> = texts.iter().map(|(open, end)| [&**open, end].concat()).collect();
    let answer = context.page(&position, "calls", texts.iter().map(String::as_str), next);
    Ok(context.check_ids(&matching, answer))
}

fn selector(context: &Context<'_>) -> Result<Selector, Refusal> {
    let given = context.body.as_ref().map_or(&Value::Null, |body| &body["contentSelector"]);
    if !given["contextTiming"].is_null() && given["context"] != "Extended" {
        return Err(Refusal::bad("contentSelector.contextTiming: allowed only with context Extended"));
    }
    Selector::parse(given).ok_or_else(|| Refusal::bad(PARSE_ERROR))
}

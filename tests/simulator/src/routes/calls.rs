//! Calls: list and get (API reference, section 2).

use std::sync::Arc;

use super::{Context, Refusal, Reply, filter};
use crate::world::View;

pub(super) fn list(context: &Context<'_>) -> Reply {
    let matching = filter::calls_query(context)?;
    let (position, calls, next) = context.calls(&matching, View::List)?;
    let world = context.shared.world();
    let texts: Vec<Arc<str>> = calls.iter().map(|call| world.basic_text(*call, context.now)).collect();
    drop(world);
    Ok(context.page(&position, "calls", texts.iter().map(|text| &**text), next))
}

pub(super) fn get(context: &Context<'_>) -> Reply {
    let world = context.shared.world();
    let id = context.id();
    let found = world.number_of(id).filter(|number| world.calls()[*number].listed(context.now));
    let number = found.ok_or_else(|| Refusal::missing(format!("Call ID {id} was not found")))?;
    Ok(context.ok(&[("call", &world.basic_text(number, context.now))], 1))
}

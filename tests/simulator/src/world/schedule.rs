//! When the calls of a generated world take place, and when the API comes to know them.

use chrono::{DateTime, Datelike, NaiveDate, TimeDelta, Utc, Weekday};
use fastrand::Rng;

use super::call::{Call, Origin};
use super::ids::Ids;
use crate::random::{chance, stream};
use crate::spec::WorldSpec;
use crate::stamp;

/// Likelihood of a call's start by local hour: office hours, a dip at noon, a few in the evening.
const HOURS: [u32; 24] = [0, 0, 0, 0, 0, 0, 1, 4, 12, 18, 20, 18, 8, 14, 18, 18, 14, 8, 3, 2, 1, 1, 0, 0];

/// The calls of the world, past and future, in the order of their making.
pub(super) fn calls(spec: &WorldSpec, workspaces: &[String], ids: &mut Ids) -> Vec<Call> {
    let start = spec.now - TimeDelta::days(i64::from(spec.days));
    let end = spec.now + TimeDelta::days(i64::from(spec.future_days));
    let future = (spec.calls as u64 * u64::from(spec.future_days)).div_ceil(u64::from(spec.days.max(1))) as usize;
    let past = days(spec, start, spec.now);
    let coming = days(spec, spec.now, end);
    let mut calls = Vec::with_capacity(spec.calls + future);
    for number in 0..(spec.calls + future) as u64 {
        let mut rng = stream(spec.seed, "call", number);
        let is_past = (number as usize) < spec.calls;
        let (range, days) = if is_past { ((start, spec.now), &past) } else { ((spec.now, end), &coming) };
        let scheduled = moment(&mut rng, spec, days, range);
        let id = ids.call(&mut rng);
        calls.push(call(&mut rng, spec, workspaces, id, number, scheduled));
    }
    calls
}

/// The local days that touch a range, each as often as its weight says.
fn days(spec: &WorldSpec, from: DateTime<Utc>, to: DateTime<Utc>) -> Vec<NaiveDate> {
    let mut days = Vec::new();
    let mut day = stamp::day_of(from, spec.zone);
    while day <= stamp::day_of(to, spec.zone) {
        let weekend = matches!(day.weekday(), Weekday::Sat | Weekday::Sun);
        days.extend(std::iter::repeat_n(day, if weekend { 1 } else { 24 }));
        let Some(next) = day.succ_opt() else { break };
        day = next;
    }
    days
}

/// A planned start on a quarter of an hour, inside the range.
fn moment(rng: &mut Rng, spec: &WorldSpec, days: &[NaiveDate], range: (DateTime<Utc>, DateTime<Utc>)) -> DateTime<Utc> {
    let total: u32 = HOURS.iter().sum();
    for _ in 0..40 {
        let day = days[rng.usize(..days.len())];
        let mut left = rng.u32(..total);
        let hour = HOURS.iter().position(|weight| {
            let here = left < *weight;
            left = left.wrapping_sub(*weight);
            here
        });
        let minutes = hour.unwrap_or(10) as i64 * 60 + [0, 0, 0, 30, 30, 15, 45][rng.usize(..7)];
        let at = stamp::day_start(day, spec.zone) + TimeDelta::minutes(minutes);
        if range.0 <= at && at < range.1 {
            return at;
        }
    }
    // A range without office hours: anywhere in it.
    let seconds = (range.1 - range.0).num_seconds().max(1);
    range.0 + TimeDelta::seconds(rng.i64(..seconds))
}

fn call(rng: &mut Rng, spec: &WorldSpec, workspaces: &[String], id: String, number: u64, at: DateTime<Utc>) -> Call {
    let origin = match rng.u8(..100) {
        0..78 => Origin::Conference,
        78..94 => Origin::Telephone,
        _ => Origin::Upload,
    };
    let (scheduled, started) = times(rng, origin, at);
    let duration = match rng.u8(..10) {
        0 => rng.u32(20..240),
        1..8 => rng.u32(600..2_700),
        _ => rng.u32(2_700..5_400),
    };
    let host = rng.usize(..spec.users.max(1));
    let mut attendees: Vec<usize> = (0..rng.usize(..3)).map(|_| rng.usize(..spec.users.max(1))).collect();
    if chance(rng, 12.0) {
        // The one who leads the host.
        attendees.push(host / 8 * 8);
    }
    attendees.sort_unstable();
    attendees.dedup();
    attendees.retain(|user| *user != host);
    let workspace = workspaces[if chance(rng, 70.0) { 0 } else { rng.usize(..workspaces.len()) }].clone();
    let mut call = Call {
        id,
        number,
        workspace,
        origin,
        scheduled,
        started,
        duration,
        host,
        attendees,
        video: origin == Origin::Conference && !chance(rng, 10.0),
        has_media: !chance(rng, 3.0),
        listed_at: started,
        detailed_at: started,
        analysed_at: None,
        transcribed_at: None,
        deleted_at: None,
        privacy: Vec::new(),
        edits: Vec::new(),
        hidden: false,
        recorded: None,
    };
    appear(rng, &mut call);
    call
}

/// Planned and real start. Web conferences differ by -2 to +20 minutes, and one in a hundred is planned for the last
/// minutes of a UTC day and starts on the next, or the reverse.
fn times(rng: &mut Rng, origin: Origin, at: DateTime<Utc>) -> (DateTime<Utc>, DateTime<Utc>) {
    if origin != Origin::Conference {
        let started = at + TimeDelta::milliseconds(rng.i64(0..900_000));
        return (started, started);
    }
    let midnight = stamp::day_start(at.date_naive(), chrono_tz::UTC) + TimeDelta::days(1);
    match rng.u16(..400) {
        0..3 => (midnight - TimeDelta::minutes(5), midnight + TimeDelta::milliseconds(rng.i64(60_000..840_000))),
        3 => (midnight, midnight - TimeDelta::milliseconds(rng.i64(1_000..120_000))),
        n => {
            let late = if n % 4 == 0 { 1_190_000 } else { 150_000 };
            (at, at + TimeDelta::milliseconds(rng.i64(-125_000..late)))
        }
    }
}

/// When each part of the call becomes visible (API reference, section 19): most within the hour, some a day late.
pub(super) fn appear(rng: &mut Rng, call: &mut Call) {
    let minutes = match rng.u8(..100) {
        0..90 => rng.i64(3..45),
        90..98 => rng.i64(60..720),
        _ => rng.i64(1_440..8_640),
    };
    call.listed_at = call.ended() + TimeDelta::minutes(minutes);
    let lag = match rng.u8(..100) {
        0..80 => 0,
        80..97 => rng.i64(1..12),
        _ => rng.i64(20..120),
    };
    call.detailed_at = call.listed_at + TimeDelta::minutes(lag);
    let never = chance(rng, 3.0);
    call.analysed_at = (!never).then(|| call.detailed_at + TimeDelta::minutes(rng.i64(5..360)));
    let wait = if chance(rng, 2.0) { rng.i64(1_440..2_880) } else { rng.i64(0..240) };
    let never = chance(rng, 4.0);
    call.transcribed_at = (!never).then(|| call.listed_at + TimeDelta::minutes(wait));
}

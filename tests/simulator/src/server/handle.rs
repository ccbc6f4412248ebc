//! The way of one request: journal, sign-in, limits, fault, work, answer.

use std::net::TcpStream;
use std::thread::sleep;
use std::time::Instant;

use serde_json::Value;

use super::{Answer, Caller, Shared, answer, http, lock};
use crate::faults::{Effects, Facts, Fault};
use crate::journal::Entry;
use crate::random::{chance, mix, stream as chances};
use crate::routes::{self, Context};

/// Serves a connection of the API until the client closes it.
pub(super) fn api(shared: &Shared, stream: &mut TcpStream) {
    serve(shared, stream, |shared, request| {
        if request.path.starts_with("/_sim/") {
            (routes::admin::answer(shared, request), None)
        } else {
            let (answer, sequence) = one(shared, request);
            (answer, Some(sequence))
        }
    });
}

/// Serves a connection of the media host.
pub(super) fn media(shared: &Shared, stream: &mut TcpStream) {
    serve(shared, stream, |shared, request| {
        let now = shared.clock.now();
        let sequence = shared.journal.begin(Entry::new(&request.method, &format!("media:{}", request.path), now));
        let path = format!("media:{}", request.path);
        let facts = Facts { method: &request.method, path: &path, page: 0, text: "" };
        let fault = shared.faults.take(&facts);
        let answer = faulty(shared, fault, "", None, |_| routes::media::answer(shared, request), sequence);
        (answer, Some(sequence))
    });
}

fn serve(shared: &Shared, stream: &mut TcpStream, answer: impl Fn(&Shared, &http::Request) -> (Answer, Option<u64>)) {
    let mut rest = http::Rest::new();
    while let Ok(Some(request)) = http::read(stream, &mut rest) {
        let (answer, sequence) = answer(shared, &request);
        let note = |entry: &mut Entry| {
            entry.status = Some(answer.status).filter(|status| *status > 0);
            entry.answered = entry.status.map(|_| Instant::now());
            entry.rows = answer.rows;
            entry.range = request.header("range").map(str::to_owned);
            entry.sent = answer.sent();
            entry.violations.extend(answer.violations.iter().cloned());
        };
        if let Some(sequence) = sequence {
            shared.journal.update(sequence, note);
        }
        let written = answer.write(stream, request.method == "HEAD");
        if written.is_err() || request.close || shared.stopping() {
            break;
        }
    }
    answer::close(stream);
}

/// One request of the API.
fn one(shared: &Shared, request: &http::Request) -> (Answer, u64) {
    let now = shared.clock.now();
    let mut entry = Entry::new(&request.method, &request.path, now);
    let arrived = entry.arrived;
    let body: Option<Value> = serde_json::from_slice(&request.body).ok();
    let oauth = request.path == routes::oauth::PATH;
    let text = format!("{:?} {}", request.query, String::from_utf8_lossy(&request.body));
    if !oauth {
        // The token endpoint's parameters are secrets.
        entry.query = request.query.clone();
        entry.body = body.clone().unwrap_or_default();
    }
    let cursor = routes::cursor_of(request, body.as_ref());
    entry.page = routes::page_of(cursor.as_deref());
    let page = entry.page;
    let caller = lock(&shared.accounts).caller(request, now);
    entry.credential = caller.as_ref().map(|caller| caller.name.clone());
    let sequence = shared.journal.begin(entry);
    let trace = trace(&shared.secret, sequence);
    wait(shared, sequence);
    let admitted =
        if oauth || caller.is_none() { Ok(()) } else { lock(&shared.spent).admit(shared.options.rates, arrived, now) };
    let answer = match admitted {
        Err(seconds) => {
            let answer = Answer::error(429, &trace, "API rate limit exceeded");
            answer.with("retry-after", &seconds.to_string())
        }
        Ok(()) => {
            let facts = Facts { method: &request.method, path: &request.path, page, text: &text };
            let fault = shared.faults.take(&facts);
            let work = |effects| work(shared, request, body, caller, &trace, effects);
            faulty(shared, fault, &trace, cursor.as_deref(), work, sequence)
        }
    };
    (answer.with("x-traceid", &trace).with("x-gong-service-version", "sim"), sequence)
}

fn work(
    shared: &Shared,
    request: &http::Request,
    body: Option<Value>,
    caller: Option<Caller>,
    trace: &str,
    effects: Effects,
) -> Answer {
    let context = Context { shared, request, body, caller, trace, now: shared.clock.now(), effects };
    routes::answer(context)
}

/// Does the work under a fault.
fn faulty(
    shared: &Shared,
    fault: Option<Fault>,
    trace: &str,
    cursor: Option<&str>,
    work: impl FnOnce(Effects) -> Answer,
    sequence: u64,
) -> Answer {
    let Some(fault) = fault else {
        return work(Effects::default());
    };
    shared.journal.update(sequence, |entry| entry.fault = Some(fault.name()));
    if let Some(answer) = fault.before(trace) {
        return answer;
    }
    let mut answer = work(fault.effects());
    fault.after(&mut answer, cursor, &shared.faults, || shared.stopping());
    answer
}

fn wait(shared: &Shared, sequence: u64) {
    let latency = &shared.options.latency;
    let mut rng = chances(latency.seed, "latency", sequence);
    let slow = chance(&mut rng, latency.slow_percent);
    let time = latency.fixed + if slow { latency.slow } else { Default::default() };
    if !time.is_zero() {
        sleep(time);
    }
}

/// A request id: 19 lower-case letters and digits.
fn trace(secret: &[u8], sequence: u64) -> String {
    const DIGITS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
    let mut number = u128::from(mix(sequence, secret.len() as u64)) << 40 | u128::from(mix(sequence, 7) >> 24);
    let mut text = String::with_capacity(19);
    for _ in 0..19 {
        text.push(char::from(DIGITS[(number % 36) as usize]));
        number /= 36;
    }
    text
}

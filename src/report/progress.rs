//! Progress for people: a live bar on a terminal, a plain line now and then elsewhere, nothing when quiet.

use std::io::IsTerminal as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Between two plain lines.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// Shows how far a run is, counted in requests because the rate limit is what takes the time.
pub struct Progress {
    bar: Option<ProgressBar>,
    plain: bool,
    planned: AtomicU64,
    per_second: f64,
    last_line: Mutex<Instant>,
}

impl Progress {
    /// Progress of `planned` requests at `per_second`; silent if `quiet`.
    pub fn new(planned: u64, per_second: f64, quiet: bool) -> Progress {
        let live = !quiet && std::io::stderr().is_terminal();
        let bar = live.then(|| {
            let bar = ProgressBar::with_draw_target(Some(planned), ProgressDrawTarget::stderr());
            // The template is a constant that indicatif accepts; a default bar would do as well.
            let style = ProgressStyle::with_template("{bar:24} {pos}/{len} requests, {wide_msg}");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar.enable_steady_tick(Duration::from_millis(250));
            bar
        });
        Progress {
            bar,
            plain: !live && !quiet,
            planned: AtomicU64::new(planned),
            per_second,
            last_line: Mutex::new(Instant::now()),
        }
    }

    /// More requests than planned turned out to be needed.
    pub fn extend(&self, requests: u64) {
        self.planned.fetch_add(requests, Ordering::Relaxed);
    }

    /// `done` requests have been made; `doing` is the unit that was finished last.
    pub fn show(&self, done: u64, doing: &str) {
        let planned = self.planned.load(Ordering::Relaxed).max(done);
        let left = Duration::from_secs_f64((planned - done) as f64 / self.per_second);
        let text = format!("{} left; {doing}", humantime::format_duration(Duration::from_secs(left.as_secs())));
        if let Some(bar) = &self.bar {
            bar.set_length(planned);
            bar.set_position(done);
            bar.set_message(text);
        } else if self.plain && self.line_is_due() {
            eprintln!("{done} of about {planned} requests, {text}");
        }
    }

    /// Takes the bar away.
    pub fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    fn line_is_due(&self) -> bool {
        let Ok(mut last) = self.last_line.lock() else { return false };
        let due = last.elapsed() >= LINE_EVERY;
        if due {
            *last = Instant::now();
        }
        due
    }
}

//! Windows of calls that are read just now: what they listed is known before it has landed.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::state::ListedCall;
use crate::unit::Window;

/// The windows; their calls, once they are listed.
#[derive(Default)]
pub struct UnderWay {
    windows: Mutex<BTreeMap<Window, Option<HashSet<String>>>>,
    changed: Notify,
}

impl UnderWay {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<Window, Option<HashSet<String>>>> {
        self.windows.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Windows are about to be listed.
    pub fn begin(&self, windows: &[Window]) {
        self.lock().extend(windows.iter().map(|window| (*window, None)));
    }

    /// A window was listed; nothing happens if it was not begun here.
    pub fn listed(&self, window: Window, calls: &[ListedCall]) {
        if let Some(known) = self.lock().get_mut(&window) {
            *known = Some(calls.iter().map(|call| call.id.clone()).collect());
        }
        self.changed.notify_waiters();
    }

    /// Windows have landed, or failed.
    pub fn end(&self, windows: &[Window]) {
        self.lock().retain(|window, _| !windows.contains(window));
        self.changed.notify_waiters();
    }

    /// Those of the calls that no window holds, once every window that is read is listed.
    pub async fn unlisted(&self, calls: BTreeSet<String>) -> BTreeSet<String> {
        loop {
            // Made before the look, so that no change is missed.
            let changed = self.changed.notified();
            if let Some(left) = self.left(&calls) {
                return left;
            }
            changed.await;
        }
    }

    fn left(&self, calls: &BTreeSet<String>) -> Option<BTreeSet<String>> {
        let windows = self.lock();
        let listed: Vec<&HashSet<String>> = windows.values().map(Option::as_ref).collect::<Option<_>>()?;
        Some(calls.iter().filter(|id| !listed.iter().any(|ids| ids.contains(*id))).cloned().collect())
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    fn window(from: &str, to: &str) -> Window {
        Window { from: from.parse().expect("a day"), to: to.parse().expect("a day") }
    }

    #[test]
    fn calls_are_told_apart_once_every_window_is_listed_or_has_ended() {
        let under_way = UnderWay::default();
        let (one, other) = (window("2026-05-01", "2026-05-02"), window("2026-05-02", "2026-05-03"));
        let ids: BTreeSet<String> = ["1", "2"].map(str::to_owned).into();
        let call = ListedCall { id: "1".to_owned(), started: None, private: false };
        under_way.begin(&[one, other]);
        let mut asked = Box::pin(under_way.unlisted(ids.clone()));
        assert!(asked.as_mut().now_or_never().is_none());
        under_way.listed(one, &[call]);
        assert!(asked.as_mut().now_or_never().is_none());
        under_way.end(&[other]);
        assert_eq!(asked.now_or_never(), Some(["2".to_owned()].into()));
        under_way.end(&[one]);
        assert_eq!(under_way.unlisted(ids.clone()).now_or_never(), Some(ids));
    }
}

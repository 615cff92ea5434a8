//! Panics of this thread, also those that a node catches and survives.
//!
//! All hosts of a simulation run in one thread, so what its panics say belongs to its run.

use std::cell::RefCell;
use std::sync::Once;

thread_local! {
    static SEEN: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// Begins to listen, and forgets what was heard so far.
pub(crate) fn watch() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let payload = info.payload();
            let text = payload.downcast_ref::<&str>().copied();
            let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
            let message = text.unwrap_or("no message").to_owned();
            // A panic while the thread's storage is going away has nobody to tell.
            let _ = SEEN.try_with(|seen| seen.borrow_mut().push(message));
            before(info);
        }));
    });
    drop(seen());
}

/// The messages since the last call.
pub(crate) fn seen() -> Vec<String> {
    SEEN.with(RefCell::take)
}

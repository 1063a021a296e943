//! What asks the process to end, where something has to be ended first.

#[cfg(unix)]
pub(super) use unix::{Held, interruption};

#[cfg(not(unix))]
pub(super) use other::{Held, interruption};

#[cfg(unix)]
mod unix {
    use std::future::pending;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::{Arc, LazyLock};

    use futures_util::future::select_all;
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    use signal_hook::flag::register_conditional_default;
    use tokio::signal::unix::{SignalKind, signal};

    const SIGNALS: [i32; 3] = [SIGHUP, SIGINT, SIGTERM];

    /// Whether such a signal ends the process at once. Who has once listened to a signal has taken that away for good, so
    /// that it is put back by hand.
    static ENDS: LazyLock<Arc<AtomicBool>> = LazyLock::new(|| {
        let ends = Arc::new(AtomicBool::new(true));
        for signal in SIGNALS {
            // Where it cannot be put back, a person ends the process by SIGKILL.
            let _ = register_conditional_default(signal, Arc::clone(&ends));
        }
        ends
    });

    /// While it lives, what asks the process to end does not end it: whoever has it listens by [`interruption`].
    pub(in crate::flow) struct Held;

    impl Held {
        pub(in crate::flow) fn begin() -> Self {
            ENDS.store(false, Ordering::SeqCst);
            Self
        }
    }

    impl Drop for Held {
        fn drop(&mut self) {
            ENDS.store(true, Ordering::SeqCst);
        }
    }

    /// Waits until somebody asks the process to end.
    pub(in crate::flow) async fn interruption() {
        let kinds = SIGNALS.map(SignalKind::from_raw);
        let mut signals: Vec<_> = kinds.into_iter().filter_map(|kind| signal(kind).ok()).collect();
        if signals.is_empty() {
            pending::<()>().await;
        }
        select_all(signals.iter_mut().map(|signal| Box::pin(signal.recv()))).await;
    }
}

#[cfg(not(unix))]
mod other {
    use std::future::pending;

    /// Nothing is held here: a listener is all that there is.
    pub(in crate::flow) struct Held;

    impl Held {
        pub(in crate::flow) fn begin() -> Self {
            Self
        }
    }

    /// Waits until somebody asks the process to end.
    pub(in crate::flow) async fn interruption() {
        if tokio::signal::ctrl_c().await.is_err() {
            pending::<()>().await;
        }
    }
}

//! What the service manager and the kernel are told: readiness, watchdog, open files.

use std::os::unix::net::UnixDatagram;
use std::time::Duration;

/// Tells systemd (or whoever set `NOTIFY_SOCKET`) about our state. Without a socket this does
/// nothing; a socket that does not listen must not stop a node.
pub(crate) fn notify(state: &str) {
    let Some(path) = std::env::var_os("NOTIFY_SOCKET") else {
        return;
    };
    let sent = UnixDatagram::unbound().and_then(|socket| {
        #[cfg(target_os = "linux")]
        if let Some(name) = path.to_str().and_then(|path| path.strip_prefix('@')) {
            use std::os::linux::net::SocketAddrExt;
            let address = std::os::unix::net::SocketAddr::from_abstract_name(name)?;
            return socket.send_to_addr(state.as_bytes(), &address);
        }
        socket.send_to(state.as_bytes(), &path)
    });
    if let Err(error) = sent {
        tracing::warn!(%error, "cannot notify the service manager");
    }
}

/// Sends `WATCHDOG=1` twice per interval that the service manager asked for.
pub(crate) struct Watchdog(Option<Duration>);

impl Watchdog {
    pub(crate) fn from_environment() -> Self {
        let micros = std::env::var("WATCHDOG_USEC")
            .ok()
            .and_then(|text| text.parse::<u64>().ok());
        Self(micros.map(|micros| Duration::from_micros(micros / 2)))
    }

    /// Runs for ever.
    pub(crate) async fn run(self) {
        let Some(every) = self.0.filter(|every| !every.is_zero()) else {
            return std::future::pending().await;
        };
        let mut ticks = tokio::time::interval(every);
        loop {
            ticks.tick().await;
            notify("WATCHDOG=1");
        }
    }
}

/// Raises the soft limit of open files to the hard one: the default of 1,024 is a browser's.
pub(crate) fn raise_open_files() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        let raised = Rlimit {
            current: limit.maximum,
            maximum: limit.maximum,
        };
        if let Err(error) = setrlimit(Resource::Nofile, raised) {
            tracing::warn!(%error, "cannot raise the limit of open files");
        }
    }
}

//! Facts about the machine: its name and memory. Absent: anything a simulation would vary.

/// The host's name, or `localhost` where it has none that is text.
#[must_use]
pub fn host_name() -> String {
    let name = rustix::system::uname()
        .nodename()
        .to_string_lossy()
        .into_owned();
    if name.is_empty() {
        "localhost".to_owned()
    } else {
        name
    }
}

/// Bytes of main memory, where the system tells.
#[cfg(target_os = "linux")]
#[must_use]
pub fn memory_bytes() -> Option<u64> {
    let info = rustix::system::sysinfo();
    #[allow(
        clippy::useless_conversion,
        reason = "the field's width depends on the platform"
    )]
    Some(u64::from(info.totalram).saturating_mul(u64::from(info.mem_unit)))
}

/// Bytes of main memory, where the system tells.
#[cfg(not(target_os = "linux"))]
#[must_use]
pub fn memory_bytes() -> Option<u64> {
    None
}

/// How many files this process may have open.
#[must_use]
pub fn open_files_max() -> usize {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    limit.map_or(usize::MAX, |limit| {
        usize::try_from(limit).unwrap_or(usize::MAX)
    })
}

/// The error of a file that is not opened because there are too many open already.
#[must_use]
pub fn too_many_open_files() -> std::io::Error {
    rustix::io::Errno::MFILE.into()
}

/// Whether a file could not be opened because there are too many open already.
#[must_use]
pub fn is_too_many_open_files(error: &std::io::Error) -> bool {
    use rustix::io::Errno;
    matches!(
        Errno::from_io_error(error),
        Some(Errno::MFILE | Errno::NFILE)
    )
}

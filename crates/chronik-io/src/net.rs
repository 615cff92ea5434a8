//! Sockets: tokio's, or turmoil's in simulation. The two have the same shape.
//!
//! Callers may use what both offer: `bind`, `accept`, `connect`, `into_split`, `local_addr`,
//! `peer_addr`, `set_nodelay`, `peek`, `AsyncRead` and `AsyncWrite`. Absent: socket options beyond
//! `TCP_NODELAY`, because simulated sockets have none, and TLS.

use std::io;

#[cfg(not(feature = "sim"))]
pub use tokio::net::{
    TcpListener, TcpStream,
    tcp::{OwnedReadHalf, OwnedWriteHalf},
};
#[cfg(feature = "sim")]
pub use turmoil::net::{
    TcpListener, TcpStream,
    tcp::{OwnedReadHalf, OwnedWriteHalf},
};

/// The operating system's sockets in both worlds, for what is never simulated: the health pages.
pub mod real {
    pub use tokio::net::TcpListener;
}

/// Listens on `host:port`; the host is a name or an address, IPv6 in brackets, port 0 is any.
/// A simulated host listens on its one address whatever name it gives.
pub async fn bind(addr: &str) -> io::Result<TcpListener> {
    let (host, port) = split(addr)?;
    #[cfg(feature = "sim")]
    {
        TcpListener::bind((sim::listening_ip(host).await?, port)).await
    }
    #[cfg(not(feature = "sim"))]
    {
        TcpListener::bind((host, port)).await
    }
}

/// Connects to `host:port`, resolving the name now, and turns off Nagle's delay: each side waits
/// for the other's answer. Every address of the name is tried in turn.
pub async fn connect(addr: &str) -> io::Result<TcpStream> {
    let (host, port) = split(addr)?;
    #[cfg(feature = "sim")]
    let host = sim::alias(host);
    let stream = TcpStream::connect((host, port)).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Splits `host:port`. The brackets of an IPv6 address are required and taken off.
fn split(addr: &str) -> io::Result<(&str, u16)> {
    let invalid = |what| io::Error::new(io::ErrorKind::InvalidInput, format!("{what}: {addr:?}"));
    let (host, port) = addr
        .rsplit_once(':')
        .ok_or_else(|| invalid("no port in address"))?;
    let port = port.parse().map_err(|_| invalid("no port in address"))?;
    let bracketed = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
    match bracketed {
        Some(ip) if ip.parse::<std::net::Ipv6Addr>().is_ok() => Ok((ip, port)),
        Some(_) => Err(invalid("not an IPv6 address in brackets")),
        None if host.is_empty() => Err(invalid("no host in address")),
        None if host.contains(':') => Err(invalid("an IPv6 address needs brackets")),
        None => Ok((host, port)),
    }
}

#[cfg(feature = "sim")]
mod sim {
    use std::io;
    use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

    /// turmoil's name service does not know this one.
    pub(super) fn alias(host: &str) -> &str {
        if host == "localhost" {
            "127.0.0.1"
        } else {
            host
        }
    }

    /// turmoil binds to loopback and unspecified addresses only.
    pub(super) async fn listening_ip(host: &str) -> io::Result<IpAddr> {
        let mut found = turmoil::net::lookup_host((alias(host), 0)).await?;
        let ip = found.next().ok_or(io::ErrorKind::AddrNotAvailable)?.ip();
        Ok(match ip {
            ip if ip.is_loopback() || ip.is_unspecified() => ip,
            IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn an_address_is_a_host_and_a_port_with_ipv6_in_brackets() {
        for (addr, expected) in [
            ("broker-1:9092", Some(("broker-1", 9092))),
            ("10.0.0.1:0", Some(("10.0.0.1", 0))),
            ("[::1]:9092", Some(("::1", 9092))),
            ("::1:9092", None),
            ("[::1]", None),
            ("[broker]:9092", None),
            ("broker", None),
            ("broker:", None),
            ("broker:70000", None),
            (":9092", None),
            ("", None),
        ] {
            assert_eq!(split(addr).ok(), expected, "{addr}");
        }
    }
}

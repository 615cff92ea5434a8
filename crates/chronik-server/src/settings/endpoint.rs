//! Addresses as people write them: `HOST:PORT`, `NAME=HOST:PORT` or Kafka's `NAME://HOST:PORT`,
//! with IPv6 in brackets.

use std::fmt;

/// A named address. The host is a name or an IP address, without brackets.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Endpoint {
    /// Listener name, `PLAINTEXT` unless given.
    pub name: String,
    /// Host name or IP address.
    pub host: String,
    /// Port; 0 lets the system choose.
    pub port: u16,
}

/// Not an address.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct InvalidEndpoint(String);

impl fmt::Display for InvalidEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?} is not an address; write HOST:PORT, NAME=HOST:PORT or [IPV6]:PORT",
            self.0
        )
    }
}

impl std::error::Error for InvalidEndpoint {}

impl Endpoint {
    /// The name of a listener that was not given one.
    pub const DEFAULT_NAME: &str = "PLAINTEXT";

    /// Reads one address.
    pub fn parse(text: &str) -> Result<Self, InvalidEndpoint> {
        let invalid = || InvalidEndpoint(text.to_owned());
        let (name, address) = text
            .split_once("://")
            .or_else(|| text.split_once('='))
            .unwrap_or((Self::DEFAULT_NAME, text));
        let (host, port) = address.rsplit_once(':').ok_or_else(invalid)?;
        let port = port.parse().map_err(|_| invalid())?;
        let host = match host.strip_prefix('[') {
            Some(rest) => {
                let inner = rest.strip_suffix(']').ok_or_else(invalid)?;
                inner.parse::<std::net::Ipv6Addr>().map_err(|_| invalid())?;
                inner
            }
            None if host.contains(':') => return Err(invalid()),
            None => host,
        };
        let legal_name = !name.is_empty()
            && name
                .bytes()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, b'_' | b'-' | b'.'));
        if !legal_name {
            return Err(invalid());
        }
        Ok(Self {
            name: name.to_ascii_uppercase(),
            host: host.to_owned(),
            port,
        })
    }

    /// `HOST:PORT` to hand to the resolver; a wildcard where the host is empty.
    pub fn address(&self) -> String {
        match self.host.as_str() {
            "" => format!("0.0.0.0:{}", self.port),
            host if host.contains(':') => format!("[{host}]:{}", self.port),
            host => format!("{host}:{}", self.port),
        }
    }

    /// Whether it stands for every address of the machine.
    pub fn is_wildcard(&self) -> bool {
        matches!(self.host.as_str(), "" | "0.0.0.0" | "::")
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.address())
    }
}

/// Reads a comma-separated list; empty parts are skipped.
pub fn parse_endpoints(text: &str) -> Result<Vec<Endpoint>, InvalidEndpoint> {
    text.split(',')
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .map(Endpoint::parse)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_three_spellings_are_read() {
        let plain = Endpoint::parse("127.0.0.1:9092").unwrap();
        assert_eq!(plain.name, "PLAINTEXT");
        assert_eq!(plain.address(), "127.0.0.1:9092");
        let named = Endpoint::parse("external=broker.example:19092").unwrap();
        assert_eq!((named.name.as_str(), named.port), ("EXTERNAL", 19092));
        let kafka = Endpoint::parse("PLAINTEXT://[::1]:9092").unwrap();
        assert_eq!(
            (kafka.host.as_str(), kafka.address().as_str()),
            ("::1", "[::1]:9092")
        );
        assert!(Endpoint::parse("PLAINTEXT://:9092").unwrap().is_wildcard());
    }

    #[test]
    fn what_is_no_address_is_refused_with_the_text() {
        for bad in [
            "9092",
            "host:",
            "host:99999",
            "::1:9092",
            "[::1:9092",
            "a b=h:1",
            "",
        ] {
            let error = Endpoint::parse(bad).unwrap_err();
            assert!(error.to_string().contains(bad), "{error}");
        }
    }
}

//! A node's own counters, read from `/metrics`.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::Failure;

/// All counters at one moment.
#[derive(Debug)]
pub(crate) struct Metrics(String);

impl Metrics {
    /// Asks the health address.
    pub(crate) fn read(http: &str) -> Result<Self, Failure> {
        let ask = || -> std::io::Result<String> {
            let mut stream = TcpStream::connect(http)?;
            stream.set_read_timeout(Some(Duration::from_secs(30)))?;
            let close = "Connection: close\r\n\r\n";
            write!(stream, "GET /metrics HTTP/1.1\r\nHost: {http}\r\n{close}")?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer)?;
            Ok(answer)
        };
        let answer = ask().map_err(Failure::io(format!("GET {http}/metrics")))?;
        match answer.starts_with("HTTP/1.1 200") {
            true => Ok(Self(answer)),
            false => Err(Failure::new("/metrics is not answered with 200")),
        }
    }

    /// A counter's sum over all its labels that contain `label`.
    pub(crate) fn sum(&self, name: &str, label: &str) -> Result<u64, Failure> {
        let values: Vec<f64> = self
            .0
            .lines()
            .filter_map(|line| line.strip_prefix(name))
            .filter(|rest| rest.starts_with(['{', ' ']) && rest.contains(label))
            .filter_map(|rest| rest.rsplit_once(' ')?.1.trim().parse().ok())
            .collect();
        match values.is_empty() {
            true => Err(Failure::new(format!("/metrics has no {name}{{{label}}}"))),
            // Counters are whole numbers far below 2^53.
            false => Ok(values.iter().sum::<f64>() as u64),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_is_summed_over_its_labels_and_no_other_name_is_taken_for_it() {
        let text = "# HELP a b\na_total{api=\"x\",o=\"ok\"} 3\na_total{api=\"y\",o=\"ok\"} 4\n\
                    a_total_more 50\na 7\n";
        let metrics = Metrics(text.to_owned());
        assert_eq!(metrics.sum("a_total", ""), Ok(7));
        assert_eq!(metrics.sum("a_total", "api=\"y\""), Ok(4));
        assert_eq!(metrics.sum("a", ""), Ok(7));
        assert!(metrics.sum("b", "").is_err());
    }
}

//! One conversation that both kinds of socket carry.

use chronik_io::net;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// Answers one connection with what it says.
async fn serve(listener: net::TcpListener) -> std::io::Result<()> {
    let (stream, _peer) = listener.accept().await?;
    stream.set_nodelay(true)?;
    let (mut reader, mut writer) = stream.into_split();
    let mut said = [0; 5];
    reader.read_exact(&mut said).await?;
    writer.write_all(&said).await?;
    writer.shutdown().await
}

/// Says something and checks the answer.
async fn ask(addr: &str) -> std::io::Result<()> {
    let mut stream = net::connect(addr).await?;
    assert_eq!(
        stream.peer_addr()?.port(),
        addr.rsplit(':').next().unwrap().parse().unwrap()
    );
    stream.write_all(b"hello").await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    assert_eq!(answer, b"hello");
    Ok(())
}

#[cfg(not(feature = "sim"))]
mod real {
    use std::io::ErrorKind;

    use super::*;

    async fn converse(host: &str) {
        let listener = net::bind(&format!("{host}:0")).await.unwrap();
        let addr = format!("{host}:{}", listener.local_addr().unwrap().port());
        let (served, asked) = tokio::join!(serve(listener), ask(&addr));
        served.unwrap();
        asked.unwrap();
    }

    #[tokio::test]
    async fn a_name_and_an_address_are_bound_and_connected_to() {
        converse("127.0.0.1").await;
        converse("localhost").await;
    }

    #[tokio::test]
    async fn an_ipv6_address_in_brackets_is_bound_and_connected_to() {
        // Containers often have no IPv6 at all; the parsing is tested without.
        if net::bind("[::1]:0").await.is_ok() {
            converse("[::1]").await;
        }
    }

    #[tokio::test]
    async fn a_port_that_is_taken_cannot_be_bound_again() {
        let listener = net::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap().to_string();
        let again = net::bind(&addr).await.unwrap_err();
        assert_eq!(again.kind(), ErrorKind::AddrInUse);
        drop(listener);
        let refused = net::connect(&addr).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    }
}

#[cfg(feature = "sim")]
mod simulated {
    use super::*;

    fn converse(bound: &'static str, asked: &'static str) {
        let mut sim = turmoil::Builder::new().build();
        sim.host("server", move || async move {
            serve(net::bind(bound).await?).await?;
            Ok(())
        });
        sim.client("client", async move {
            ask(asked).await?;
            Ok(())
        });
        sim.run().unwrap();
    }

    #[test]
    fn a_host_is_reached_by_its_name_whatever_it_bound_to() {
        converse("0.0.0.0:9092", "server:9092");
        converse("server:9092", "server:9092");
    }

    #[test]
    fn localhost_is_the_host_itself() {
        let mut sim = turmoil::Builder::new().build();
        sim.client("alone", async {
            let listener = net::bind("localhost:9092").await?;
            let (served, asked) = tokio::join!(serve(listener), ask("localhost:9092"));
            served?;
            asked?;
            Ok(())
        });
        sim.run().unwrap();
    }

    #[test]
    fn an_unknown_name_is_not_found() {
        let mut sim = turmoil::Builder::new().build();
        sim.client("alone", async {
            let error = net::connect("nobody:1").await.map(drop).unwrap_err();
            assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
            Ok(())
        });
        sim.run().unwrap();
    }
}

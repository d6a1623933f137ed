//! The port of the server and the socket of Valkey.

use std::{net::Ipv4Addr, time::Duration};

use contract::system::Check;
use tokio::{
    net::{TcpStream, UnixStream},
    time::timeout,
};

use super::{folders, good, warning};

const LIMIT: Duration = Duration::from_secs(2);

pub(super) async fn look(port: u16) -> Vec<Check> {
    vec![port_check(port).await, valkey().await]
}

/// Whether something listens; whether it is Atelier, the next checks tell.
async fn port_check(port: u16) -> Check {
    match timeout(LIMIT, TcpStream::connect((Ipv4Addr::LOCALHOST, port))).await {
        Ok(Ok(_)) => good("port", format!("something listens on 127.0.0.1:{port}")),
        Ok(Err(_)) => {
            warning("port", format!("nothing listens on 127.0.0.1:{port}"), "start the server: cargo xtask up")
        }
        Err(_) => warning("port", format!("127.0.0.1:{port} does not answer"), "see who has it: ss -ltnp"),
    }
}

async fn valkey() -> Check {
    let name = "valkey";
    if std::env::var_os("ATELIER_VALKEY_URL").is_some_and(|url| !url.is_empty()) {
        return good(name, "a queue elsewhere is set in ATELIER_VALKEY_URL; the server tells how it is");
    }
    let socket = folders::data_dir().join("run/valkey.sock");
    match timeout(LIMIT, UnixStream::connect(&socket)).await {
        Ok(Ok(_)) => good(name, format!("listens on {}", socket.display())),
        _ => warning(
            name,
            format!("does not listen on {}", socket.display()),
            "start the server: cargo xtask up; its log is logs/valkey.log in the data folder",
        ),
    }
}

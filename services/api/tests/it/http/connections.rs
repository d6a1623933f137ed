//! Connections that say nothing, or never come to the point.

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use super::house::House;
use crate::wait::PATIENCE;

const QUICK: &[(&str, &str)] = &[("ATELIER_HEAD_TIMEOUT_S", "1")];

/// Returns what the server says before it closes the connection.
async fn until_closed(connection: &mut TcpStream) -> String {
    let mut said = Vec::new();
    timeout(PATIENCE, connection.read_to_end(&mut said)).await.expect("the connection is closed in time").unwrap();
    String::from_utf8(said).unwrap()
}

#[tokio::test]
async fn a_connection_that_does_not_come_to_the_point_is_closed() {
    let house = House::open_with(QUICK).await;
    for beginning in ["", "GET /livez HTTP/1.1\r\nHost: 127.0"] {
        let mut connection = TcpStream::connect(&house.address).await.unwrap();
        connection.write_all(beginning.as_bytes()).await.unwrap();
        assert_eq!(until_closed(&mut connection).await, "", "after {beginning:?}");
    }
}

#[tokio::test]
async fn a_connection_that_rests_between_requests_is_closed_after_the_answer() {
    let house = House::open_with(QUICK).await;
    let mut connection = TcpStream::connect(&house.address).await.unwrap();
    let request = format!("GET /livez HTTP/1.1\r\nHost: {}\r\n\r\n", house.address);
    connection.write_all(request.as_bytes()).await.unwrap();
    assert!(until_closed(&mut connection).await.starts_with("HTTP/1.1 200 OK\r\n"));
}

#[tokio::test]
async fn the_limit_is_for_the_head_and_not_for_the_answer() {
    let house = House::open_with(QUICK).await;
    let mut connection = TcpStream::connect(&house.address).await.unwrap();
    let body = r#"{"prompt":"x"}"#;
    let request = format!(
        "POST /api/workflows/text_to_image HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nPrefer: wait=2\r\n\
         Content-Length: {}\r\n\r\n{body}",
        house.address,
        body.len()
    );
    connection.write_all(request.as_bytes()).await.unwrap();
    assert!(until_closed(&mut connection).await.starts_with("HTTP/1.1 202 Accepted\r\n"));
}

//! Answers `GET /metrics` and `GET /livez`, and nothing else: less HTTP than a proxy speaks, enough for Prometheus and curl.

use std::{io, sync::Arc, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::{MEDIA_TYPE, render};

/// A longer request is none that this door answers.
const LONGEST_REQUEST_BYTES: usize = 8 << 10;
/// A client that takes longer is dropped.
const PATIENCE: Duration = Duration::from_secs(5);
/// Clients at one time; the others wait in the kernel.
const CLIENTS: usize = 16;

/// Answers `GET /metrics` and `GET /livez` until `stop` fires.
pub async fn serve(listener: TcpListener, stop: CancellationToken) {
    let places = Arc::new(Semaphore::new(CLIENTS));
    loop {
        let place = tokio::select! {
            () = stop.cancelled() => return,
            place = Arc::clone(&places).acquire_owned() => place,
        };
        let accepted = tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((client, _)) => {
                tokio::spawn(async move {
                    let _place = place;
                    match tokio::time::timeout(PATIENCE, answer(client)).await {
                        Ok(Ok(())) => {}
                        Ok(Err(error)) => debug!("a client of the metrics left: {error}"),
                        Err(_) => debug!("a client of the metrics was too slow"),
                    }
                });
            }
            Err(error) => {
                // No file descriptors left, most likely: asking again at once would only burn the processor.
                warn!("the port of the metrics cannot take clients: {error}");
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
    }
}

async fn answer(mut client: TcpStream) -> io::Result<()> {
    let mut request = Vec::new();
    let mut piece = [0; 1024];
    while !request.windows(4).any(|end| end == b"\r\n\r\n") && request.len() < LONGEST_REQUEST_BYTES {
        match client.read(&mut piece).await? {
            0 => return Ok(()),
            count => request.extend_from_slice(piece.get(..count).unwrap_or_default()),
        }
    }
    let line = request.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let (status, media_type, body) = respond(line);
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {media_type}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    client.write_all(head.as_bytes()).await?;
    client.write_all(body.as_bytes()).await?;
    client.shutdown().await
}

/// Returns status, media type and body for the first line of a request.
fn respond(line: &[u8]) -> (&'static str, &'static str, String) {
    let mut words = line.split(|byte| *byte == b' ');
    let path = match (words.next(), words.next()) {
        (Some(b"GET"), Some(target)) => target.split(|byte| *byte == b'?').next().unwrap_or_default(),
        _ => return ("405 Method Not Allowed", "text/plain", "only GET is answered here\n".to_owned()),
    };
    match path {
        b"/metrics" => ("200 OK", MEDIA_TYPE, render()),
        b"/livez" => ("200 OK", "text/plain", "ok\n".to_owned()),
        _ => ("404 Not Found", "text/plain", "here are /metrics and /livez\n".to_owned()),
    }
}

//! An OTLP collector for tests: it keeps the requests that come, and answers or hangs.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::mpsc::{Receiver, channel},
    thread,
};

pub(crate) struct Collector {
    pub(crate) endpoint: String,
    /// The first line and the body of each request.
    pub(crate) requests: Receiver<(String, Vec<u8>)>,
}

impl Collector {
    /// Starts a collector that answers.
    pub(crate) fn start() -> Self {
        Self::with(|mut stream| stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").unwrap())
    }

    /// Starts a collector that takes everything and never answers.
    pub(crate) fn start_hanging() -> Self {
        Self::with(std::mem::forget)
    }

    fn with(answer: impl Fn(TcpStream) + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let (sender, requests) = channel();
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let Some(request) = read(&stream) else { continue };
                answer(stream);
                let _ = sender.send(request);
            }
        });
        Self { endpoint, requests }
    }
}

fn read(stream: &TcpStream) -> Option<(String, Vec<u8>)> {
    let mut reader = BufReader::new(stream);
    let (mut first, mut length) = (String::new(), 0);
    reader.read_line(&mut first).ok()?;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        if line.trim().is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some((first.trim().to_owned(), body))
}

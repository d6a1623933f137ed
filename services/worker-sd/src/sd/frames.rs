//! What the child writes, taken apart: lines, and the raw bytes that follow some of them.

use contract::engine::{LARGEST_PICTURE_BYTES, Line};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncReadExt as _, BufReader},
    sync::mpsc,
};
use tracing::warn;

/// The longest line that the protocol knows is a line of log.
const LINE_BYTES: u64 = 64 << 10;

/// A line, with the raw bytes that belong to it.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) line: Line,
    pub(super) bytes: Vec<u8>,
}

/// Hands on frame by frame until the pipe ends. A child that does not keep to the protocol counts as gone.
pub(super) async fn read(pipe: impl AsyncRead + Unpin, frames: mpsc::Sender<Frame>) {
    let mut pipe = BufReader::new(pipe);
    loop {
        match next(&mut pipe).await {
            Ok(Some(frame)) => {
                if frames.send(frame).await.is_err() {
                    return;
                }
            }
            Ok(None) => return,
            Err(error) => {
                warn!("sd-engine does not keep to the protocol: {:#}", anyhow::Error::from(error));
                return;
            }
        }
    }
}

async fn next(pipe: &mut (impl AsyncBufReadExt + Unpin)) -> std::io::Result<Option<Frame>> {
    let mut text = Vec::new();
    if (&mut *pipe).take(LINE_BYTES).read_until(b'\n', &mut text).await? == 0 {
        return Ok(None);
    }
    let line: Line = serde_json::from_slice(&text)?;
    let size_bytes = match line {
        Line::Preview { width, height, size_bytes, .. } | Line::Image { width, height, size_bytes, .. } => {
            if size_bytes != u64::from(width) * u64::from(height) * 3 || size_bytes > LARGEST_PICTURE_BYTES {
                return Err(std::io::Error::other(format!("{width} × {height} pixels in {size_bytes} bytes")));
            }
            size_bytes
        }
        _ => 0,
    };
    let mut bytes = vec![0; usize::try_from(size_bytes).map_err(std::io::Error::other)?];
    pipe.read_exact(&mut bytes).await?;
    Ok(Some(Frame { line, bytes }))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    async fn frames(bytes: &[u8]) -> Vec<Frame> {
        let (sender, mut receiver) = mpsc::channel(16);
        read(bytes, sender).await;
        let mut frames = Vec::new();
        while let Some(frame) = receiver.recv().await {
            frames.push(frame);
        }
        frames
    }

    #[tokio::test]
    async fn raw_bytes_belong_to_the_line_before_them() {
        let mut bytes = br#"{"type":"preview","step":1,"width":1,"height":2,"size_bytes":6}"#.to_vec();
        bytes.extend_from_slice(b"\n{\n\"}[]{\"type\":\"done\",\"duration_ms\":5}\n");
        let frames = frames(&bytes).await;
        assert_eq!(frames.len(), 2);
        assert_eq!(frames[0].bytes, b"{\n\"}[]");
        assert_eq!(frames[1].line, Line::Done { duration_ms: 5 });
    }

    #[tokio::test]
    async fn what_is_not_in_the_protocol_ends_the_stream() {
        assert!(frames(b"hello\n{\"type\":\"done\",\"duration_ms\":5}\n").await.is_empty());
        let lie =
            br#"{"type":"image","index":0,"seed":1,"width":4000000,"height":4000000,"size_bytes":48000000000000}"#;
        assert!(frames(lie).await.is_empty());
    }
}

//! HTTP/1.1 on a bare socket: no more than the tests' clients speak, but free to break off anywhere.

use std::io;

use bytes::{Buf, BytesMut};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::sleep,
};

use super::script::Verbatim;

/// Most bytes of the head of a request.
const MAX_HEAD_BYTES: usize = 64 * 1024;
/// Most bytes of the body of a request.
const MAX_BODY_BYTES: usize = 64 * 1024 * 1024;
/// What ends a head.
const HEAD_END: &[u8] = b"\r\n\r\n";
/// What ends a body in chunks.
const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// A request.
#[derive(Debug)]
pub(super) struct Incoming {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

/// One client.
pub(super) struct Connection {
    stream: TcpStream,
    input: BytesMut,
    output: Vec<u8>,
}

impl Connection {
    pub(super) fn new(stream: TcpStream) -> Self {
        // Small writes are to leave at once; without it they only come later.
        let _ = stream.set_nodelay(true);
        Self { stream, input: BytesMut::with_capacity(8 * 1024), output: Vec::new() }
    }

    /// The next request; `None` when the client has left.
    pub(super) async fn read(&mut self) -> io::Result<Option<Incoming>> {
        let head_length = loop {
            if let Some(end) = self.input.windows(HEAD_END.len()).position(|window| window == HEAD_END) {
                break end;
            }
            if self.input.len() > MAX_HEAD_BYTES {
                return Err(io::Error::other("the head of the request is too long"));
            }
            if self.stream.read_buf(&mut self.input).await? == 0 {
                return Ok(None);
            }
        };
        let head = String::from_utf8_lossy(&self.input[..head_length]).into_owned();
        self.input.advance(head_length + HEAD_END.len());
        let mut lines = head.split("\r\n");
        let mut request_line = lines.next().unwrap_or_default().split(' ');
        let (method, path) = (request_line.next().unwrap_or_default(), request_line.next().unwrap_or_default());
        let headers: Vec<(String, String)> = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        let length = headers.iter().find(|(name, _)| name == "content-length").map(|(_, value)| value.parse::<usize>());
        let length = length.transpose().map_err(io::Error::other)?.unwrap_or(0);
        if length > MAX_BODY_BYTES {
            return Err(io::Error::other("the body of the request is too long"));
        }
        while self.input.len() < length {
            if self.stream.read_buf(&mut self.input).await? == 0 {
                return Ok(None);
            }
        }
        let body = self.input.split_to(length).to_vec();
        Ok(Some(Incoming { method: method.to_owned(), path: path.to_owned(), headers, body }))
    }

    /// Answers with JSON.
    pub(super) async fn json(&mut self, status: u16, body: &Value) -> io::Result<()> {
        self.whole(status, "application/json", "", body.to_string().as_bytes()).await
    }

    /// Answers with a whole body; `headers` are further lines, each with its end.
    pub(super) async fn whole(&mut self, status: u16, kind: &str, headers: &str, body: &[u8]) -> io::Result<()> {
        let length = body.len();
        let head =
            format!("HTTP/1.1 {status} Scripted\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n{headers}\r\n");
        self.output.extend_from_slice(head.as_bytes());
        self.output.extend_from_slice(body);
        self.flush().await
    }

    /// Answers byte for byte.
    pub(super) async fn verbatim(&mut self, response: &Verbatim) -> io::Result<()> {
        let Verbatim { status, headers, pieces, pause } = response;
        let head = format!("HTTP/1.1 {status} Scripted\r\n{headers}transfer-encoding: chunked\r\n\r\n");
        self.output.extend_from_slice(head.as_bytes());
        for piece in pieces.iter().filter(|piece| !piece.is_empty()) {
            if !pause.is_zero() {
                self.flush().await?;
                sleep(*pause).await;
            }
            self.push(piece);
        }
        self.end_events().await
    }

    /// Begins a head and no more.
    pub(super) async fn half_head(&mut self) -> io::Result<()> {
        self.output.extend_from_slice(b"HTTP/1.1 200 OK\r\ncontent-ty");
        self.flush().await
    }

    /// Begins an event stream.
    pub(super) fn begin_events(&mut self) {
        self.output.extend_from_slice(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncache-control: no-cache\r\ntransfer-encoding: chunked\r\n\r\n",
        );
    }

    /// Adds bytes to the stream; they leave with the next flush.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.output.extend_from_slice(format!("{:x}\r\n", bytes.len()).as_bytes());
        self.output.extend_from_slice(bytes);
        self.output.extend_from_slice(b"\r\n");
    }

    /// Adds an event to the stream.
    pub(super) fn push_event(&mut self, data: &str) {
        self.push(format!("data: {data}\n\n").as_bytes());
    }

    /// Ends the stream.
    pub(super) async fn end_events(&mut self) -> io::Result<()> {
        self.output.extend_from_slice(LAST_CHUNK);
        self.flush().await
    }

    pub(super) async fn flush(&mut self) -> io::Result<()> {
        self.stream.write_all(&self.output).await?;
        self.output.clear();
        Ok(())
    }

    /// Makes the end of the connection a reset.
    pub(super) fn reset(&self) -> io::Result<()> {
        self.stream.set_zero_linger()
    }

    /// Stays silent until the client leaves.
    pub(super) async fn hang(&mut self) -> io::Result<()> {
        while self.stream.read_buf(&mut self.input).await? > 0 {
            self.input.clear();
        }
        Ok(())
    }
}

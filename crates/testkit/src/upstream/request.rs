//! Reads one HTTP/1.1 request off a connection (RFC 9112), strictly. Nothing is judged here but the message's form.

use bytes::{Buf as _, Bytes, BytesMut};
use sha2::{Digest as _, Sha256};
use std::io;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

/// Longest head in bytes: twice what any client in the tests sends.
const HEAD_BYTES_MAX: usize = 64 << 10;

/// Most header lines: as many as fit the longest head in practice.
const HEADERS_MAX: usize = 128;

/// Longest body in bytes: twice the largest that the relay lets through.
const BODY_BYTES_MAX: usize = 200 << 20;

/// Longest body that is kept whole, in bytes: ten thousand small requests stay in memory, a large one only as digest.
pub(crate) const BODY_KEPT_BYTES_MAX: usize = 256 << 10;

/// A request as it came.
#[derive(Debug, Clone)]
pub struct Received {
    /// `POST`, …
    pub method: String,
    /// Path and query as sent.
    pub target: String,
    /// Header lines in order, names as sent.
    pub headers: Vec<(String, String)>,
    /// The body; empty when it was longer than 256 KiB.
    pub body: Bytes,
    /// Length of the body in bytes.
    pub body_len: usize,
    /// SHA-256 of the body.
    pub body_sha256: [u8; 32],
    /// `model` of the body, if it is JSON and has one.
    pub model: Option<String>,
    /// Whether the body asks for a stream.
    pub streamed: bool,
    /// Whether the body is JSON.
    pub is_json: bool,
    /// Which fields of a Messages call the body has.
    pub fields: MessageFields,
}

/// Which of the fields that the Messages API requires are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MessageFields {
    /// `messages` is a list that is not empty.
    pub messages: bool,
    /// `max_tokens` is a positive number.
    pub max_tokens: bool,
}

impl Received {
    /// The values of all headers of this name, in order; case does not matter.
    pub fn header_values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.headers.iter().filter(move |(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The value of the first header of this name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The path, without the query.
    #[must_use]
    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// What came when no request could be read.
    pub(crate) const fn nothing() -> Self {
        Self {
            method: String::new(),
            target: String::new(),
            headers: Vec::new(),
            body: Bytes::new(),
            body_len: 0,
            body_sha256: [0; 32],
            model: None,
            streamed: false,
            is_json: false,
            fields: MessageFields { messages: false, max_tokens: false },
        }
    }

    fn look_into_body(&mut self, body: Bytes) {
        self.body_len = body.len();
        self.body_sha256 = Sha256::digest(&body).into();
        if let Ok(value) = serde_json::from_slice::<serde_json::Value>(&body) {
            self.is_json = true;
            self.model = value["model"].as_str().map(ToOwned::to_owned);
            self.streamed = value["stream"] == true;
            self.fields = MessageFields {
                messages: value["messages"].as_array().is_some_and(|list| !list.is_empty()),
                max_tokens: value["max_tokens"].as_u64().is_some_and(|tokens| tokens > 0),
            };
        }
        if self.body_len <= BODY_KEPT_BYTES_MAX {
            self.body = body;
        }
    }
}

/// Reads a request; none when the client closed before the first byte of one. What follows it stays in `inbox`.
///
/// # Errors
///
/// When the connection breaks inside a request, or what comes is none.
pub(crate) async fn read_request<R, W>(
    reader: &mut R,
    writer: &mut W,
    inbox: &mut BytesMut,
) -> io::Result<Option<Received>>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let mut received = loop {
        if let Some((head, length)) = parse_head(inbox)? {
            inbox.advance(length);
            break head;
        }
        if fill(reader, inbox).await? == 0 {
            return if inbox.is_empty() { Ok(None) } else { Err(io::ErrorKind::UnexpectedEof.into()) };
        }
    };
    if received.header("expect").is_some_and(|value| value.eq_ignore_ascii_case("100-continue")) {
        writer.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
    }
    let body = match body_framing(&received)? {
        BodyFraming::Length(length) => read_exact(reader, inbox, length).await?,
        BodyFraming::Chunked => read_chunked(reader, inbox).await?,
    };
    received.look_into_body(body);
    Ok(Some(received))
}

enum BodyFraming {
    Length(usize),
    Chunked,
}

fn invalid(message: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message)
}

async fn fill<R: AsyncRead + Unpin>(reader: &mut R, inbox: &mut BytesMut) -> io::Result<usize> {
    reader.read_buf(inbox).await
}

fn parse_head(inbox: &BytesMut) -> io::Result<Option<(Received, usize)>> {
    let mut lines = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut request = httparse::Request::new(&mut lines);
    let length = match request.parse(inbox) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) if inbox.len() < HEAD_BYTES_MAX => return Ok(None),
        Ok(httparse::Status::Partial) => return Err(invalid("the head is too long")),
        Err(error) => return Err(io::Error::new(io::ErrorKind::InvalidData, error)),
    };
    let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
    let headers = request.headers.iter().map(|line| (line.name.to_owned(), text(line.value))).collect();
    let head = Received {
        method: request.method.unwrap_or_default().to_owned(),
        target: request.path.unwrap_or_default().to_owned(),
        headers,
        ..Received::nothing()
    };
    Ok(Some((head, length)))
}

fn body_framing(head: &Received) -> io::Result<BodyFraming> {
    let length = head.header("content-length");
    match head.header("transfer-encoding") {
        Some(_) if length.is_some() => Err(invalid("both content-length and transfer-encoding")),
        Some(coding) if coding.eq_ignore_ascii_case("chunked") => Ok(BodyFraming::Chunked),
        Some(_) => Err(invalid("a transfer coding other than chunked")),
        None => {
            let length = length.unwrap_or("0").parse().map_err(|_| invalid("content-length is not a number"))?;
            if length > BODY_BYTES_MAX { Err(invalid("the body is too long")) } else { Ok(BodyFraming::Length(length)) }
        }
    }
}

async fn read_exact<R: AsyncRead + Unpin>(reader: &mut R, inbox: &mut BytesMut, length: usize) -> io::Result<Bytes> {
    while inbox.len() < length {
        inbox.reserve(length - inbox.len());
        if fill(reader, inbox).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(inbox.split_to(length).freeze())
}

async fn read_line<R: AsyncRead + Unpin>(reader: &mut R, inbox: &mut BytesMut) -> io::Result<Bytes> {
    loop {
        if let Some(end) = inbox.windows(2).position(|pair| pair == b"\r\n") {
            let line = inbox.split_to(end).freeze();
            inbox.advance(2);
            return Ok(line);
        }
        if inbox.len() > HEAD_BYTES_MAX {
            return Err(invalid("a line is too long"));
        }
        if fill(reader, inbox).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}

async fn read_chunked<R: AsyncRead + Unpin>(reader: &mut R, inbox: &mut BytesMut) -> io::Result<Bytes> {
    let mut body = BytesMut::new();
    loop {
        let line = read_line(reader, inbox).await?;
        let digits = line.split(|&byte| byte == b';').next().unwrap_or_default();
        let size = std::str::from_utf8(digits).ok().and_then(|text| usize::from_str_radix(text.trim(), 16).ok());
        let size = size.ok_or_else(|| invalid("a chunk size is not a hex number"))?;
        if body.len().saturating_add(size) > BODY_BYTES_MAX {
            return Err(invalid("the body is too long"));
        }
        if size == 0 {
            while !read_line(reader, inbox).await?.is_empty() {}
            return Ok(body.freeze());
        }
        body.extend_from_slice(&read_exact(reader, inbox, size).await?);
        if !read_line(reader, inbox).await?.is_empty() {
            return Err(invalid("a chunk is longer than it says"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(bytes: &[u8]) -> io::Result<Option<Received>> {
        let (mut reader, mut writer) = (bytes, Vec::new());
        read_request(&mut reader, &mut writer, &mut BytesMut::new()).await
    }

    #[tokio::test]
    async fn a_chunked_body_is_read_as_one() {
        let bytes = b"POST /v1 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n{\"m\r\n9;x=y\r\nodel\":\"a\"\r\n1\r\n}\r\n0\r\n\r\n";
        let received = read(bytes).await.unwrap().unwrap();
        assert_eq!(received.body, r#"{"model":"a"}"#);
        assert_eq!(received.model.as_deref(), Some("a"));
    }

    #[tokio::test]
    async fn a_request_cut_in_two_is_an_error_and_a_closed_connection_is_not() {
        assert!(read(b"").await.unwrap().is_none());
        assert!(read(b"GET / HT").await.is_err());
        assert!(read(b"POST / HTTP/1.1\r\ncontent-length: 5\r\n\r\nabc").await.is_err());
    }

    #[tokio::test]
    async fn two_ways_to_tell_the_length_are_an_error() {
        let both = b"POST / HTTP/1.1\r\ncontent-length: 0\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n";
        assert!(read(both).await.is_err());
    }
}

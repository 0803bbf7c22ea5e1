//! A client that sends any bytes and reads them back exactly, well-formed or not. It repairs and retries nothing.

use bytes::{Buf as _, Bytes, BytesMut};
use std::{io, net::SocketAddr};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// Most header lines of an answer.
const HEADERS_MAX: usize = 128;

/// Longest answer that is kept, in bytes.
const ANSWER_BYTES_MAX: usize = 256 << 20;

/// One connection.
#[derive(Debug)]
pub struct RawClient {
    stream: TcpStream,
    inbox: BytesMut,
}

/// The head of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawHead {
    /// The status.
    pub status: u16,
    /// Header lines in order, names as sent.
    pub headers: Vec<(String, String)>,
}

/// How a body ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyEnd {
    /// As the head or the last chunk said.
    Declared,
    /// The connection ended where the head had promised no length: as good an end as any.
    Connection,
    /// The connection ended, or broke, before the declared end.
    Cut,
}

/// A body, decoded from its framing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawBody {
    /// The bytes.
    pub bytes: Bytes,
    /// Sizes of the chunks; empty when it was not chunked.
    pub chunks: Vec<usize>,
    /// How it ended.
    pub end: BodyEnd,
}

impl RawHead {
    /// The value of the first header of this name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

impl RawClient {
    /// Connects.
    ///
    /// # Errors
    ///
    /// When the connection is refused.
    pub async fn connect(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, inbox: BytesMut::new() })
    }

    /// Sends bytes as they are.
    ///
    /// # Errors
    ///
    /// When the connection breaks.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.stream.write_all(bytes.as_ref()).await
    }

    /// Sends bytes in writes of `piece` bytes (at least one).
    ///
    /// # Errors
    ///
    /// When the connection breaks.
    pub async fn send_in_pieces(&mut self, bytes: impl AsRef<[u8]>, piece: usize) -> io::Result<()> {
        for part in bytes.as_ref().chunks(piece.max(1)) {
            self.stream.write_all(part).await?;
        }
        Ok(())
    }

    /// Sends a well-formed request with a body and its length.
    ///
    /// # Errors
    ///
    /// When the connection breaks.
    pub async fn request(&mut self, line: &str, headers: &[(&str, &str)], body: impl AsRef<[u8]>) -> io::Result<()> {
        let (host, body) = (self.stream.peer_addr()?, body.as_ref());
        let mut head = format!("{line} HTTP/1.1\r\nhost: {host}\r\ncontent-length: {}\r\n", body.len());
        for (name, value) in headers {
            head.extend([*name, ": ", *value, "\r\n"]);
        }
        head.push_str("\r\n");
        self.send([head.as_bytes(), body].concat()).await
    }

    /// Ends the sending half: the other side reads an end of input, and may still answer.
    ///
    /// # Errors
    ///
    /// When the connection is gone already.
    pub async fn half_close(&mut self) -> io::Result<()> {
        self.stream.shutdown().await
    }

    /// Ends the connection with RST. (Dropping it ends it with FIN.)
    ///
    /// # Errors
    ///
    /// When the connection is gone already.
    pub fn reset(self) -> io::Result<()> {
        self.stream.set_zero_linger()
    }

    /// Reads a head; an interim one (1xx) counts as one.
    ///
    /// # Errors
    ///
    /// When the connection ends before the head does, or what comes is no head.
    pub async fn read_head(&mut self) -> io::Result<RawHead> {
        loop {
            if let Some((head, length)) = parse_head(&self.inbox)? {
                self.inbox.advance(length);
                return Ok(head);
            }
            if self.fill().await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    /// Reads the body that belongs to `head`, to its end however it comes.
    ///
    /// # Errors
    ///
    /// When the chunk framing is wrong.
    pub async fn read_body(&mut self, head: &RawHead) -> io::Result<RawBody> {
        self.read_body_up_to(head, usize::MAX).await
    }

    /// Reads the body that belongs to `head` until at least `bytes` of it are there; then it says `Cut`, since the
    /// caller cuts it. What else has arrived by then may be there too.
    ///
    /// # Errors
    ///
    /// When the chunk framing is wrong.
    pub async fn read_body_up_to(&mut self, head: &RawHead, bytes: usize) -> io::Result<RawBody> {
        if head.header("transfer-encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked")) {
            return self.read_chunks(bytes).await;
        }
        let length = head.header("content-length").and_then(|length| length.parse::<usize>().ok());
        let wanted = length.unwrap_or(usize::MAX).min(bytes).min(ANSWER_BYTES_MAX);
        while self.inbox.len() < wanted && self.fill_or_end().await {}
        let taken = self.inbox.split_to(self.inbox.len().min(length.unwrap_or(usize::MAX))).freeze();
        let end = match length {
            Some(length) if taken.len() == length => BodyEnd::Declared,
            None if taken.len() < wanted => BodyEnd::Connection,
            Some(_) | None => BodyEnd::Cut,
        };
        Ok(RawBody { bytes: taken, chunks: Vec::new(), end })
    }

    /// Reads head and body.
    ///
    /// # Errors
    ///
    /// When either is malformed, or the connection ends before the head does.
    pub async fn read_answer(&mut self) -> io::Result<(RawHead, RawBody)> {
        let head = self.read_head().await?;
        let body = self.read_body(&head).await?;
        Ok((head, body))
    }

    /// Reads everything up to the end of the connection, framing and all.
    ///
    /// # Errors
    ///
    /// When the connection breaks instead of ending.
    pub async fn read_to_end(&mut self) -> io::Result<Bytes> {
        while self.fill().await? != 0 {}
        Ok(self.inbox.split().freeze())
    }

    async fn read_chunks(&mut self, bytes: usize) -> io::Result<RawBody> {
        let (mut body, mut chunks) = (BytesMut::new(), Vec::new());
        while body.len() < bytes {
            let Some(line) = self.read_line().await else { break };
            let digits = line.split(|&byte| byte == b';').next().unwrap_or_default();
            let size = std::str::from_utf8(digits).ok().and_then(|text| usize::from_str_radix(text.trim(), 16).ok());
            let size =
                size.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "a chunk size is no hex number"))?;
            while self.inbox.len() < size + 2 && self.fill_or_end().await {}
            let whole = self.inbox.len() >= size + 2;
            if size == 0 {
                let end = if whole { BodyEnd::Declared } else { BodyEnd::Cut };
                self.inbox.advance(2.min(self.inbox.len()));
                return Ok(RawBody { bytes: body.freeze(), chunks, end });
            }
            body.extend_from_slice(&self.inbox.split_to(size.min(self.inbox.len())));
            chunks.push(size);
            if !whole {
                break;
            }
            self.inbox.advance(2);
        }
        Ok(RawBody { bytes: body.freeze(), chunks, end: BodyEnd::Cut })
    }

    async fn read_line(&mut self) -> Option<Bytes> {
        loop {
            if let Some(end) = self.inbox.windows(2).position(|pair| pair == b"\r\n") {
                let line = self.inbox.split_to(end).freeze();
                self.inbox.advance(2);
                return Some(line);
            }
            if !self.fill_or_end().await {
                return None;
            }
        }
    }

    async fn fill(&mut self) -> io::Result<usize> {
        if self.inbox.len() > ANSWER_BYTES_MAX {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the answer is too long"));
        }
        self.stream.read_buf(&mut self.inbox).await
    }

    /// Whether more came; a broken connection is an end.
    async fn fill_or_end(&mut self) -> bool {
        matches!(self.fill().await, Ok(count) if count > 0)
    }
}

fn parse_head(inbox: &BytesMut) -> io::Result<Option<(RawHead, usize)>> {
    let mut lines = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut response = httparse::Response::new(&mut lines);
    match response.parse(inbox) {
        Ok(httparse::Status::Complete(length)) => {
            let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
            let headers = response.headers.iter().map(|line| (line.name.to_owned(), text(line.value))).collect();
            Ok(Some((RawHead { status: response.code.unwrap_or_default(), headers }, length)))
        }
        Ok(httparse::Status::Partial) => Ok(None),
        Err(error) => Err(io::Error::new(io::ErrorKind::InvalidData, error)),
    }
}

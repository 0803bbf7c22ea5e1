//! The load: connections that ask, read the answer to its end, and ask again. It keeps times and judges nothing else.
//!
//! Raw TCP with a minimal reader: on two cores the load shares one with the upstream, and every microsecond that it
//! spends is one in which the proxy may starve for work.

use crate::{answers::AnswerKind, target::Target};
use bytes::{Buf as _, BytesMut};
use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinSet,
};

/// Most header lines of an answer: the upstream sends four.
const HEADERS_MAX: usize = 64;

/// Bytes of the body's end that are kept to be looked at.
const TAIL_BYTES: usize = 128;

/// Room for what has arrived and is not read yet.
const INBOX_BYTES: usize = 16 << 10;

/// A request, ready to be written, and what its answer must be.
#[derive(Debug, Clone)]
pub struct Shot {
    bytes: Arc<[u8]>,
    answer: AnswerKind,
}

/// How long one request took, in nanoseconds.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    /// To the first byte of the body.
    pub first_byte: u64,
    /// To the end of the body.
    pub total: u64,
}

/// What one round gave.
#[derive(Debug, Default)]
pub struct Round {
    /// One entry a request.
    pub samples: Vec<Sample>,
    /// From its start until the last request was done.
    pub elapsed: Duration,
}

/// Connections to one target, kept open from round to round.
#[derive(Debug)]
pub struct Fleet {
    shot: Shot,
    connections: Vec<Connection>,
}

#[derive(Debug)]
struct Connection {
    stream: TcpStream,
    inbox: BytesMut,
    tail: Vec<u8>,
}

/// How the end of a body is found.
#[derive(Debug, Clone, Copy)]
enum Framing {
    Length(usize),
    Chunked,
}

impl Shot {
    /// A Messages call on `target` with this body.
    #[must_use]
    pub fn new(target: &Target, body: &str, answer: AnswerKind, pace: Option<Duration>) -> Self {
        let pace = pace.map(|pace| format!("{}: {}\r\n", crate::answers::PACE_HEADER, pace.as_millis()));
        let head = format!(
            "POST /v1/messages HTTP/1.1\r\nhost: {}\r\nuser-agent: bench\r\naccept-encoding: identity\r\ncontent-type: application/json\r\nanthropic-version: 2023-06-01\r\nx-api-key: {}\r\n{}: {}\r\n{}content-length: {}\r\n\r\n",
            target.address(),
            target.api_key(),
            crate::answers::ANSWER_HEADER,
            answer.name(),
            pace.unwrap_or_default(),
            body.len(),
        );
        Self { bytes: [head.as_bytes(), body.as_bytes()].concat().into(), answer }
    }
}

impl Fleet {
    /// Opens `count` connections to `target`.
    ///
    /// # Errors
    ///
    /// When one is refused.
    pub async fn open(target: &Target, count: usize, shot: Shot) -> io::Result<Self> {
        let mut connections = Vec::with_capacity(count);
        for _ in 0..count {
            let stream = TcpStream::connect(target.address()).await?;
            stream.set_nodelay(true)?;
            let (inbox, tail) = (BytesMut::with_capacity(INBOX_BYTES), Vec::new());
            connections.push(Connection { stream, inbox, tail });
        }
        Ok(Self { shot, connections })
    }

    /// Every connection asks again and again until `span` is over, at least once; what is under way then is finished.
    ///
    /// # Errors
    ///
    /// When an answer is wrong, or a connection breaks: then no number of the run can be trusted.
    pub async fn round(&mut self, span: Duration) -> io::Result<Round> {
        let start = Instant::now();
        let mut running = JoinSet::new();
        for connection in self.connections.drain(..) {
            running.spawn(connection.fire(self.shot.clone(), start + span));
        }
        let mut round = Round::default();
        while let Some(ended) = running.join_next().await {
            let (connection, samples) = ended.map_err(io::Error::other)??;
            self.connections.push(connection);
            round.samples.extend(samples);
        }
        round.elapsed = start.elapsed();
        Ok(round)
    }

    /// Every connection asks once; gives the running streams as soon as the first byte of each body is there.
    /// Dropping them breaks them off.
    ///
    /// # Errors
    ///
    /// When an answer is wrong or a connection breaks before that.
    pub async fn hold_open(self) -> io::Result<JoinSet<io::Result<()>>> {
        let (count, begun) = (self.connections.len(), Arc::new(AtomicUsize::new(0)));
        let all_begun = Arc::new(tokio::sync::Notify::new());
        let mut running = JoinSet::new();
        for mut connection in self.connections {
            let (shot, begun, all_begun) = (self.shot.clone(), Arc::clone(&begun), Arc::clone(&all_begun));
            running.spawn(async move {
                connection.stream.write_all(&shot.bytes).await?;
                let framing = connection.read_head().await?;
                if begun.fetch_add(1, Ordering::SeqCst) + 1 == count {
                    all_begun.notify_one();
                }
                connection.read_body(framing, shot.answer).await
            });
        }
        tokio::select! {
            () = all_begun.notified() => Ok(running),
            Some(ended) = running.join_next() => {
                ended.map_err(io::Error::other)??;
                Err(io::Error::other("a stream ended before all were open"))
            }
        }
    }
}

impl Connection {
    async fn fire(mut self, shot: Shot, deadline: Instant) -> io::Result<(Self, Vec<Sample>)> {
        let mut samples = Vec::new();
        loop {
            let start = Instant::now();
            self.stream.write_all(&shot.bytes).await?;
            let framing = self.read_head().await?;
            let first_byte = nanos_since(start);
            self.read_body(framing, shot.answer).await?;
            samples.push(Sample { first_byte, total: nanos_since(start) });
            if Instant::now() >= deadline {
                return Ok((self, samples));
            }
        }
    }

    /// Reads the head, and waits for the first byte of the body.
    async fn read_head(&mut self) -> io::Result<Framing> {
        loop {
            if let Some((framing, length)) = parse_head(&self.inbox)? {
                self.inbox.advance(length);
                if self.inbox.is_empty() {
                    self.fill().await?;
                }
                return Ok(framing);
            }
            self.fill().await?;
        }
    }

    async fn read_body(&mut self, framing: Framing, answer: AnswerKind) -> io::Result<()> {
        self.tail.clear();
        match framing {
            Framing::Length(length) => self.take(length).await?,
            Framing::Chunked => while self.read_chunk().await? {},
        }
        let mark = answer.end_mark();
        if memchr::memmem::find(&self.tail, mark).is_some() { Ok(()) } else { Err(wrong("the answer is not whole")) }
    }

    /// Reads a chunk; whether it was not the last.
    async fn read_chunk(&mut self) -> io::Result<bool> {
        let end = loop {
            match memchr::memchr(b'\n', &self.inbox) {
                Some(end) => break end,
                None => self.fill().await?,
            }
        };
        let line = std::str::from_utf8(&self.inbox[..end]).ok();
        let size = line.and_then(|line| usize::from_str_radix(line.trim_end(), 16).ok());
        let size = size.ok_or_else(|| wrong("a chunk size is not a hex number"))?;
        self.inbox.advance(end + 1);
        self.take(size).await?;
        while self.inbox.len() < 2 {
            self.fill().await?;
        }
        self.inbox.advance(2);
        Ok(size > 0)
    }

    /// Consumes `length` bytes of the body, and keeps the last ones.
    async fn take(&mut self, mut length: usize) -> io::Result<()> {
        while length > 0 {
            if self.inbox.is_empty() {
                self.fill().await?;
            }
            let count = length.min(self.inbox.len());
            let seen = &self.inbox[..count];
            self.tail.extend_from_slice(&seen[count.saturating_sub(TAIL_BYTES)..]);
            let surplus = self.tail.len().saturating_sub(TAIL_BYTES);
            self.tail.drain(..surplus);
            self.inbox.advance(count);
            length -= count;
        }
        Ok(())
    }

    async fn fill(&mut self) -> io::Result<()> {
        self.inbox.reserve(INBOX_BYTES / 2);
        let count = self.stream.read_buf(&mut self.inbox).await?;
        if count == 0 { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
    }
}

fn nanos_since(start: Instant) -> u64 {
    u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX)
}

fn wrong(message: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message)
}

fn parse_head(inbox: &[u8]) -> io::Result<Option<(Framing, usize)>> {
    let mut lines = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut response = httparse::Response::new(&mut lines);
    let parsed = response.parse(inbox).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
    let httparse::Status::Complete(length) = parsed else { return Ok(None) };
    if response.code != Some(200) {
        let text = String::from_utf8_lossy(&inbox[..inbox.len().min(1000)]).into_owned();
        return Err(io::Error::new(io::ErrorKind::InvalidData, format!("not answered 200:\n{text}")));
    }
    let is = |name: &'static str| move |line: &&httparse::Header<'_>| line.name.eq_ignore_ascii_case(name);
    if let Some(line) = response.headers.iter().find(is("content-length")) {
        let number = std::str::from_utf8(line.value).ok().and_then(|text| text.parse().ok());
        return Ok(Some((Framing::Length(number.ok_or_else(|| wrong("content-length is not a number"))?), length)));
    }
    if response.headers.iter().any(|line| is("transfer-encoding")(&line)) {
        return Ok(Some((Framing::Chunked, length)));
    }
    Err(wrong("the answer does not say where it ends"))
}

//! Turns a reply into bytes, and writes them the way the reply says. What is written here is exactly what was scripted.

use crate::upstream::{
    answer::{Labels, Segment},
    reply::{Framing, LineEnd, Payload, Reply, Split, Then, Wait},
    request::Received,
};
use bytes::Bytes;
use domain::TokenUsage;
use std::{
    io::{self, Write as _},
    time::Duration,
};
use tokio::io::{AsyncWrite, AsyncWriteExt as _};

/// Headers that the provider sends with every answer of the API. Limits as the lowest tier has them.
const DOCUMENTED_HEADERS: [(&str, &str); 14] = [
    ("date", "Mon, 23 Nov 2026 09:30:00 GMT"),
    ("anthropic-organization-id", "3f2b6c1e-0000-4000-8000-000000000000"),
    ("anthropic-ratelimit-requests-limit", "50"),
    ("anthropic-ratelimit-requests-remaining", "49"),
    ("anthropic-ratelimit-requests-reset", "2026-11-23T09:31:00Z"),
    ("anthropic-ratelimit-tokens-limit", "38000"),
    ("anthropic-ratelimit-tokens-remaining", "37000"),
    ("anthropic-ratelimit-tokens-reset", "2026-11-23T09:31:00Z"),
    ("anthropic-ratelimit-input-tokens-limit", "30000"),
    ("anthropic-ratelimit-input-tokens-remaining", "29000"),
    ("anthropic-ratelimit-input-tokens-reset", "2026-11-23T09:31:00Z"),
    ("anthropic-ratelimit-output-tokens-limit", "8000"),
    ("anthropic-ratelimit-output-tokens-remaining", "8000"),
    ("anthropic-ratelimit-output-tokens-reset", "2026-11-23T09:31:00Z"),
];

/// What becomes of the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Finish {
    /// All was said; the next request may come.
    KeepAlive,
    /// All was said; the connection ends.
    Close,
    /// The script ends the connection early, with FIN.
    CutClose,
    /// The script ends the connection early, with RST.
    CutReset,
}

/// A reply as bytes.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) status: u16,
    before_head: Wait,
    head: Vec<u8>,
    head_piece: usize,
    body: Bytes,
    /// Ends of the pieces, ascending; the last is the body's end.
    piece_ends: Vec<usize>,
    /// From which byte on which usage is known.
    tells: Vec<(usize, TokenUsage)>,
    chunked: bool,
    pace: Duration,
    stop: Option<(usize, Then)>,
    finish: Finish,
}

/// Names that change from request to request.
pub(crate) struct Names<'a> {
    pub(crate) request_id: &'a str,
    pub(crate) message_id: &'a str,
}

impl Plan {
    pub(crate) fn new(reply: Reply, request: &Received, names: &Names<'_>) -> Self {
        let streamed = request.streamed && matches!(reply.payload, Payload::Message(_));
        let segments = if request.method == "HEAD" { Vec::new() } else { segments(&reply, request, names) };
        let segments = if reply.gzip { vec![compressed(&segments)] } else { segments };
        let (body, segment_ends, tells) = joined(&segments);
        let framing = reply.framing.unwrap_or(if streamed { Framing::Chunked } else { Framing::Length });
        let verbatim = matches!(reply.payload, Payload::Verbatim(_));
        let head = if verbatim {
            Vec::new()
        } else {
            head(&reply, request, names.request_id, (framing, body.len(), streamed))
        };
        let asked_to_close = request.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"));
        let closes = verbatim || asked_to_close || matches!(framing, Framing::LengthOff(_) | Framing::UntilClose);
        Self {
            status: reply.status,
            before_head: reply.before_head,
            head_piece: if let Split::Every(size) = reply.split { size.max(1) } else { usize::MAX },
            head,
            piece_ends: piece_ends(&reply.split, body.len(), segment_ends, reply.stop.as_ref().map(|stop| stop.0)),
            body,
            tells,
            chunked: !verbatim && framing == Framing::Chunked,
            pace: reply.pace,
            stop: reply.stop,
            finish: if closes { Finish::Close } else { Finish::KeepAlive },
        }
    }

    /// The usage that a reader of the first `body_bytes` knows.
    pub(crate) fn told_by(&self, body_bytes: usize) -> TokenUsage {
        let told = self.tells.iter().rev().find(|(end, _)| *end <= body_bytes);
        told.map_or(TokenUsage::ZERO, |(_, usage)| *usage)
    }

    /// Writes the reply, counting the body's bytes in `written` as the socket takes them.
    ///
    /// # Errors
    ///
    /// When the connection breaks.
    pub(crate) async fn deliver<W>(&self, writer: &mut W, written: &mut usize) -> io::Result<Finish>
    where
        W: AsyncWrite + Unpin,
    {
        self.before_head.over().await;
        for piece in self.head.chunks(self.head_piece) {
            writer.write_all(piece).await?;
        }
        for &end in &self.piece_ends {
            if let Some(finish) = self.stop_at(*written).await {
                return Ok(finish);
            }
            self.write_piece(writer, &self.body[*written..end]).await?;
            *written = end;
            if !self.pace.is_zero() {
                tokio::time::sleep(self.pace).await;
            }
        }
        if let Some(finish) = self.stop_at(*written).await {
            return Ok(finish);
        }
        if self.chunked {
            writer.write_all(b"0\r\n\r\n").await?;
        }
        Ok(self.finish)
    }

    async fn write_piece<W: AsyncWrite + Unpin>(&self, writer: &mut W, piece: &[u8]) -> io::Result<()> {
        if !self.chunked {
            return writer.write_all(piece).await;
        }
        let mut chunk = format!("{:x}\r\n", piece.len()).into_bytes();
        chunk.extend_from_slice(piece);
        chunk.extend_from_slice(b"\r\n");
        writer.write_all(&chunk).await
    }

    /// What the script wants at this byte; none: to go on.
    async fn stop_at(&self, written: usize) -> Option<Finish> {
        let (after, then) = self.stop.as_ref()?;
        if written != (*after).min(self.body.len()) {
            return None;
        }
        match then {
            Then::Close => Some(Finish::CutClose),
            Then::Reset => Some(Finish::CutReset),
            Then::Stall => std::future::pending().await,
            Then::Gate(gate) => {
                gate.pass().await;
                None
            }
        }
    }
}

fn segments(reply: &Reply, request: &Received, names: &Names<'_>) -> Vec<Segment> {
    let plain = |bytes: &[u8]| vec![Segment { bytes: bytes.to_vec(), tells: None }];
    match &reply.payload {
        Payload::Bytes(bytes) | Payload::Verbatim(bytes) => plain(bytes),
        Payload::Error(kind) => plain(kind.body(kind.message(), names.request_id).as_bytes()),
        Payload::Message(answer) => {
            let model = request.model.as_deref().unwrap_or_default();
            let labels = Labels { message_id: names.message_id, model };
            if !request.streamed {
                return vec![answer.document(&labels)];
            }
            let mut events = answer.events(&labels);
            for event in &mut events {
                event.bytes = with_line_ends(std::mem::take(&mut event.bytes), reply.line_end);
            }
            events
        }
    }
}

fn with_line_ends(bytes: Vec<u8>, line_end: LineEnd) -> Vec<u8> {
    let end: &[u8] = match line_end {
        LineEnd::Lf => return bytes,
        LineEnd::CrLf => b"\r\n",
        LineEnd::Cr => b"\r",
    };
    bytes.split(|&byte| byte == b'\n').collect::<Vec<_>>().join(end)
}

fn compressed(segments: &[Segment]) -> Segment {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    for segment in segments {
        encoder.write_all(&segment.bytes).expect("writing to a Vec cannot fail");
    }
    Segment {
        bytes: encoder.finish().expect("writing to a Vec cannot fail"),
        tells: segments.iter().rev().find_map(|segment| segment.tells),
    }
}

fn joined(segments: &[Segment]) -> (Bytes, Vec<usize>, Vec<(usize, TokenUsage)>) {
    let (mut body, mut ends, mut tells) = (Vec::new(), Vec::new(), Vec::new());
    for segment in segments {
        body.extend_from_slice(&segment.bytes);
        ends.push(body.len());
        tells.extend(segment.tells.map(|usage| (body.len(), usage)));
    }
    (body.into(), ends, tells)
}

/// Where the body is cut into pieces; `stop` is always such a place, so that the script can act there.
fn piece_ends(split: &Split, length: usize, segment_ends: Vec<usize>, stop: Option<usize>) -> Vec<usize> {
    let sizes = match split {
        Split::Events => None,
        Split::Whole => Some(vec![length]),
        Split::Every(size) => Some(vec![*size]),
        Split::Sizes(sizes) => Some(sizes.clone()),
    };
    let mut ends = sizes.map_or(segment_ends, |sizes| {
        let mut sizes = sizes.into_iter().map(|size| size.max(1)).cycle();
        let next =
            |&end: &usize| (end < length).then(|| end.saturating_add(sizes.next().unwrap_or(length)).min(length));
        std::iter::successors(Some(0), next).collect()
    });
    ends.extend(stop.filter(|&at| at < length));
    ends.sort_unstable();
    ends.dedup();
    ends.retain(|&end| end > 0);
    ends
}

fn head(reply: &Reply, request: &Received, request_id: &str, body: (Framing, usize, bool)) -> Vec<u8> {
    let (framing, body_bytes, streamed) = body;
    let content_type = match (&reply.content_type, streamed) {
        (Some(content_type), _) => content_type.clone(),
        (None, true) => "text/event-stream; charset=utf-8".to_owned(),
        (None, false) => "application/json".to_owned(),
    };
    let mut lines = vec![("content-type".to_owned(), content_type), ("request-id".to_owned(), request_id.to_owned())];
    if streamed {
        lines.push(("cache-control".to_owned(), "no-cache".to_owned()));
    }
    lines.extend(DOCUMENTED_HEADERS.map(|(name, value)| (name.to_owned(), value.to_owned())));
    lines.retain(|(name, _)| !is_left_out(reply, name));
    lines.extend(reply.headers.iter().cloned());
    if reply.gzip {
        lines.push(("content-encoding".to_owned(), "gzip".to_owned()));
    }
    let is_head = request.method == "HEAD";
    match framing {
        Framing::Chunked if !is_head => lines.push(("transfer-encoding".to_owned(), "chunked".to_owned())),
        Framing::UntilClose => lines.push(("connection".to_owned(), "close".to_owned())),
        Framing::LengthOff(off) => lines.push(("content-length".to_owned(), off_by(body_bytes, off).to_string())),
        Framing::Length | Framing::Chunked => lines.push(("content-length".to_owned(), body_bytes.to_string())),
    }
    let reason = http::StatusCode::from_u16(reply.status).ok().and_then(|status| status.canonical_reason());
    let mut head = format!("HTTP/1.1 {} {}\r\n", reply.status, reason.unwrap_or_default());
    for (name, value) in lines {
        head.extend([name.as_str(), ": ", &value, "\r\n"]);
    }
    head.push_str("\r\n");
    head.into_bytes()
}

fn off_by(length: usize, off: i64) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX).saturating_add_signed(off)
}

/// Whether a documented header is left out: by name, by its beginning, or because the script has its own.
fn is_left_out(reply: &Reply, name: &str) -> bool {
    let by_name = |pattern: &String| match pattern.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => name == pattern,
    };
    reply.left_out.iter().any(by_name) || reply.headers.iter().any(|(own, _)| own.eq_ignore_ascii_case(name))
}

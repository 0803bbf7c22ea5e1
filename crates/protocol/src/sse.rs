//! Server-sent events (WHATWG HTML, 9.2.6), as a push decoder that reads beside the bytes being forwarded.
//!
//! It keeps bytes only of an event that is spread over chunks; an event inside one chunk is borrowed from it. Every
//! event says at which offset of the stream it begins, so that a forwarder can send all before it and hold the rest.
//! `id` and `retry` are read over: nobody reconnects a model's answer.

use memchr::{memchr, memchr2};

/// Largest event, in bytes: an image in base64 within one event stays below it. A larger one is no stream of ours.
pub const EVENT_BYTES_MAX: usize = 8 << 20;

/// Memory that is kept between events spread over chunks, in bytes; what a rare large event needed is given back.
const KEPT_BYTES_MAX: usize = 16 << 10;

const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// One event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event<'a> {
    /// The `event` field; empty when there was none.
    pub name: &'a [u8],
    /// The `data` fields, joined by line feeds.
    pub data: &'a [u8],
    /// Offset in the stream at which the event begins: everything before it belongs to what came earlier.
    pub start: u64,
}

/// An event was larger than [`EVENT_BYTES_MAX`]. The decoder reads no further.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an event of the stream is larger than {EVENT_BYTES_MAX} bytes")]
pub struct EventTooLarge;

/// Splits a byte stream into events. Where the chunks are cut changes nothing but what must be copied.
#[derive(Debug)]
pub struct Decoder {
    /// The beginning of the open event, when it came in earlier chunks.
    open: Vec<u8>,
    open_start: u64,
    position: u64,
    line: Line,
    joined: Vec<u8>,
    is_overfull: bool,
}

/// Where in a line the stream stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Line {
    /// Before its first byte.
    Empty,
    /// Before its first byte, behind a carriage return: a line feed still belongs to the line before.
    EmptyAfterReturn,
    /// Behind its first byte.
    Begun,
}

impl Default for Decoder {
    fn default() -> Self {
        Self { open: Vec::new(), open_start: 0, position: 0, line: Line::Empty, joined: Vec::new(), is_overfull: false }
    }
}

impl Decoder {
    /// Reads `chunk` and calls `on_event` for each event that it ends, in order.
    ///
    /// # Errors
    ///
    /// When an event is too large: the events before it have been given out, and every later call fails.
    pub fn push(&mut self, chunk: &[u8], mut on_event: impl FnMut(Event<'_>)) -> Result<(), EventTooLarge> {
        if self.is_overfull {
            return Err(EventTooLarge);
        }
        let mut rest = self.take_line_feed(chunk);
        while !rest.is_empty() {
            let Some(end) = self.find_end(rest) else { return self.keep(rest) };
            let (block, after) = rest.split_at(end);
            self.finish(block, &mut on_event)?;
            rest = after;
        }
        Ok(())
    }

    /// Offset in the stream at which the event begins that has not ended yet; [`position`](Self::position) when there
    /// is none. All before it has been given out.
    #[must_use]
    pub const fn open_start(&self) -> u64 {
        self.open_start
    }

    /// Bytes read so far.
    #[must_use]
    pub const fn position(&self) -> u64 {
        self.position
    }

    /// A line feed at the start of a chunk, behind a carriage return at the end of the last.
    fn take_line_feed<'c>(&mut self, chunk: &'c [u8]) -> &'c [u8] {
        let (Line::EmptyAfterReturn, Some((&first, rest))) = (self.line, chunk.split_first()) else { return chunk };
        self.line = Line::Empty;
        if first != b'\n' {
            return chunk;
        }
        self.position += 1;
        if self.open.is_empty() {
            self.open_start = self.position;
        } else {
            self.open.push(first);
        }
        rest
    }

    /// The offset in `bytes` behind the empty line that ends the open event.
    fn find_end(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut at = 0;
        while let Some(length) = memchr2(b'\n', b'\r', &bytes[at..]) {
            let ends_event = length == 0 && self.line == Line::Empty;
            let ended_by = bytes[at + length];
            at += length + 1;
            self.line = Line::Empty;
            if ended_by == b'\r' {
                match bytes.get(at) {
                    Some(b'\n') => at += 1,
                    Some(_) => {}
                    None => self.line = Line::EmptyAfterReturn,
                }
            }
            if ends_event {
                return Some(at);
            }
        }
        if at < bytes.len() {
            self.line = Line::Begun;
        }
        None
    }

    fn keep(&mut self, bytes: &[u8]) -> Result<(), EventTooLarge> {
        self.check_room(bytes.len())?;
        self.open.extend_from_slice(bytes);
        self.position += bytes.len() as u64;
        Ok(())
    }

    fn finish(&mut self, block: &[u8], on_event: &mut impl FnMut(Event<'_>)) -> Result<(), EventTooLarge> {
        self.check_room(block.len())?;
        let whole = if self.open.is_empty() {
            block
        } else {
            self.open.extend_from_slice(block);
            &self.open
        };
        let whole = if self.open_start == 0 { whole.strip_prefix(BYTE_ORDER_MARK).unwrap_or(whole) } else { whole };
        if let Some((name, data)) = read_fields(whole, &mut self.joined) {
            on_event(Event { name, data, start: self.open_start });
        }
        self.position += block.len() as u64;
        self.open_start = self.position;
        for buffer in [&mut self.open, &mut self.joined] {
            buffer.clear();
            buffer.shrink_to(KEPT_BYTES_MAX);
        }
        Ok(())
    }

    fn check_room(&mut self, bytes: usize) -> Result<(), EventTooLarge> {
        if self.open.len() + bytes <= EVENT_BYTES_MAX {
            return Ok(());
        }
        self.is_overfull = true;
        self.open = Vec::new();
        Err(EventTooLarge)
    }
}

/// Name and data of an event; none when it has no data, which makes it no event.
fn read_fields<'e>(whole: &'e [u8], joined: &'e mut Vec<u8>) -> Option<(&'e [u8], &'e [u8])> {
    let (mut name, mut first, mut lines): (&[u8], &[u8], usize) = (b"", b"", 0);
    let mut rest = whole;
    while !rest.is_empty() {
        // A line feed behind a carriage return makes one empty line more, which says nothing inside an event.
        let (line, after) = match memchr2(b'\n', b'\r', rest) {
            Some(length) => (&rest[..length], &rest[length + 1..]),
            None => (rest, &rest[rest.len()..]),
        };
        rest = after;
        match split_field(line) {
            (b"event", value) => name = value,
            (b"data", value) => {
                match lines {
                    0 => first = value,
                    1 => joined.extend(first.iter().chain(b"\n").chain(value)),
                    _ => joined.extend(b"\n".iter().chain(value)),
                }
                lines += 1;
            }
            _ => {}
        }
    }
    match lines {
        0 => None,
        1 => Some((name, first)),
        _ => Some((name, joined)),
    }
}

/// A line's field name and value, one space behind the colon left out. A comment has an empty name.
fn split_field(line: &[u8]) -> (&[u8], &[u8]) {
    let Some(colon) = memchr(b':', line) else { return (line, b"") };
    let value = &line[colon + 1..];
    (&line[..colon], value.strip_prefix(b" ").unwrap_or(value))
}

//! Frames of `application/vnd.amazon.eventstream`: a push decoder and an encoder. What is in a payload is not known here.
//!
//! A frame: total length and length of the headers (4 bytes each, big endian), CRC-32 of these; the headers; the payload; CRC-32 of all
//! before it.

/// Largest frame, in bytes: an event of [`EVENT_BYTES_MAX`](crate::sse::EVENT_BYTES_MAX) in base64, with its padding and headers. AWS
/// allows 24 MiB, of which nothing here makes use.
pub const FRAME_BYTES_MAX: usize = 12 << 20;

/// Memory that is kept between frames spread over chunks, in bytes; what a rare large frame needed is given back.
const KEPT_BYTES_MAX: usize = 16 << 10;

const PRELUDE_BYTES: usize = 12;
const CHECKSUM_BYTES: usize = 4;

/// The type of a header whose value is a text.
const TEXT: u8 = 7;

/// A stream that is not what it says. The decoder reads no further.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrameFault {
    /// A checksum does not fit: bytes were changed, or it is no such stream.
    #[error("a frame's checksum does not fit")]
    Checksum,
    /// The lengths contradict each other, or a header does not end where it should.
    #[error("a frame's lengths contradict each other")]
    Lengths,
    /// A frame is larger than [`FRAME_BYTES_MAX`].
    #[error("a frame is larger than {FRAME_BYTES_MAX} bytes")]
    TooLarge,
}

/// A whole frame whose checksums fit.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame<'a> {
    headers: &'a [u8],
    pub(super) payload: &'a [u8],
}

/// Splits a byte stream into frames. Where the chunks are cut changes nothing but what must be copied.
#[derive(Debug, Default)]
pub(super) struct FrameDecoder {
    /// The beginning of the open frame, when it came in earlier chunks.
    open: Vec<u8>,
}

impl FrameDecoder {
    /// Reads `chunk` and calls `on_frame` for each frame that it ends, in order, until one is a fault. Behind a fault it must not be
    /// called again.
    pub(super) fn push<E: From<FrameFault>>(
        &mut self,
        chunk: &[u8],
        mut on_frame: impl FnMut(Frame<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut rest = chunk;
        while !rest.is_empty() {
            if self.open.is_empty()
                && let Some(length) = frame_length(rest)?
                && let Some((whole, after)) = rest.split_at_checked(length)
            {
                on_frame(Frame::read(whole)?)?;
                rest = after;
                continue;
            }
            let wanted = frame_length(&self.open)?.unwrap_or(PRELUDE_BYTES);
            let (more, after) = rest.split_at(rest.len().min(wanted - self.open.len()));
            self.open.extend_from_slice(more);
            rest = after;
            if frame_length(&self.open)? == Some(self.open.len()) {
                on_frame(Frame::read(&self.open)?)?;
                self.open.clear();
                self.open.shrink_to(KEPT_BYTES_MAX);
            }
        }
        Ok(())
    }

    /// Whether the stream stands inside a frame: what ends here was cut.
    pub(super) const fn is_inside(&self) -> bool {
        !self.open.is_empty()
    }
}

/// The length of the frame that `bytes` begin with; none when they are too few to tell.
fn frame_length(bytes: &[u8]) -> Result<Option<usize>, FrameFault> {
    let Some((prelude, _)) = bytes.split_first_chunk::<PRELUDE_BYTES>() else { return Ok(None) };
    let (total, headers) = lengths(prelude)?;
    if total > FRAME_BYTES_MAX {
        return Err(FrameFault::TooLarge);
    }
    let least = headers.checked_add(PRELUDE_BYTES + CHECKSUM_BYTES).ok_or(FrameFault::Lengths)?;
    if total < least { Err(FrameFault::Lengths) } else { Ok(Some(total)) }
}

/// Lengths of the frame and of its headers, of a prelude whose checksum fits.
fn lengths(prelude: &[u8; PRELUDE_BYTES]) -> Result<(usize, usize), FrameFault> {
    let [total, headers, checksum] = [0, 4, 8].map(|at| number(&prelude[at..at + 4]));
    if crc32fast::hash(&prelude[..8]) != checksum {
        return Err(FrameFault::Checksum);
    }
    let wide = |length: u32| usize::try_from(length).map_err(|_| FrameFault::TooLarge);
    Ok((wide(total)?, wide(headers)?))
}

/// Four bytes, the highest first.
fn number(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0, |number, byte| (number << 8) | u32::from(*byte))
}

impl<'a> Frame<'a> {
    /// Takes a frame apart; `whole` has the length that its prelude says.
    fn read(whole: &'a [u8]) -> Result<Self, FrameFault> {
        let (prelude, _) = whole.split_first_chunk::<PRELUDE_BYTES>().ok_or(FrameFault::Lengths)?;
        let (_, headers_length) = lengths(prelude)?;
        let (checked, checksum) = whole.split_last_chunk::<CHECKSUM_BYTES>().ok_or(FrameFault::Lengths)?;
        if crc32fast::hash(checked) != number(checksum) {
            return Err(FrameFault::Checksum);
        }
        let (headers, payload) =
            checked[PRELUDE_BYTES..].split_at_checked(headers_length).ok_or(FrameFault::Lengths)?;
        let mut rest = headers;
        while !rest.is_empty() {
            (_, rest) = Header::read(rest).ok_or(FrameFault::Lengths)?;
        }
        Ok(Self { headers, payload })
    }

    /// The text in the header `name`; none where it is not there, or no text.
    pub(super) fn text(&self, name: &str) -> Option<&'a str> {
        let mut rest = self.headers;
        while let Some((header, after)) = Header::read(rest) {
            if header.name == name.as_bytes() {
                return header.text.and_then(|text| std::str::from_utf8(text).ok());
            }
            rest = after;
        }
        None
    }
}

struct Header<'a> {
    name: &'a [u8],
    text: Option<&'a [u8]>,
}

impl<'a> Header<'a> {
    /// The header that `bytes` begin with, and what is behind it.
    fn read(bytes: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (&name_length, rest) = bytes.split_first()?;
        let (name, rest) = rest.split_at_checked(usize::from(name_length))?;
        let (&kind, rest) = rest.split_first()?;
        let (length, rest) = match kind {
            // True, false; then numbers of 1 to 8 bytes, an instant, a UUID.
            0 | 1 => (0, rest),
            2 => (1, rest),
            3 => (2, rest),
            4 => (4, rest),
            5 | 8 => (8, rest),
            9 => (16, rest),
            // Bytes, a text: with their length before them.
            6 | TEXT => {
                let (length, rest) = rest.split_first_chunk::<2>()?;
                (usize::from(u16::from_be_bytes(*length)), rest)
            }
            _ => return None,
        };
        let (value, rest) = rest.split_at_checked(length)?;
        Some((Self { name, text: (kind == TEXT).then_some(value) }, rest))
    }
}

/// Appends a frame with `headers` (names and texts of at most 255 bytes, all of ours) and the payload to `out`.
pub(super) fn write(headers: &[(&str, &str)], payload: &[&[u8]], out: &mut Vec<u8>) {
    let headers_length: usize = headers.iter().map(|(name, text)| 1 + name.len() + 1 + 2 + text.len()).sum();
    let payload_length: usize = payload.iter().map(|part| part.len()).sum();
    let total = PRELUDE_BYTES + headers_length + payload_length + CHECKSUM_BYTES;
    let start = out.len();
    out.reserve(total);
    out.extend(four_bytes(total));
    out.extend(four_bytes(headers_length));
    out.extend(crc32fast::hash(&out[start..]).to_be_bytes());
    for (name, text) in headers {
        let length = |text: &str| u8::try_from(text.len()).expect("names and texts of our frames are short");
        out.push(length(name));
        out.extend_from_slice(name.as_bytes());
        out.extend([TEXT, 0, length(text)]);
        out.extend_from_slice(text.as_bytes());
    }
    for part in payload {
        out.extend_from_slice(part);
    }
    out.extend(crc32fast::hash(&out[start..]).to_be_bytes());
}

fn four_bytes(length: usize) -> [u8; 4] {
    u32::try_from(length).expect("an event is smaller than 4 GiB: `sse::EVENT_BYTES_MAX`").to_be_bytes()
}

//! A stream without `alt=sse`: one JSON array whose elements come one by one, as a push decoder that reads beside the
//! bytes being forwarded.
//!
//! It keeps bytes only of an element that is spread over chunks, and looks at each byte once. Inside an element only
//! strings and brackets are followed, which is enough to find its end.

use crate::sse::{EVENT_BYTES_MAX, Event};
use memchr::memchr2;

/// Memory that is kept between elements spread over chunks, in bytes; what a rare large one needed is given back.
const KEPT_BYTES_MAX: usize = 16 << 10;

/// Why a stream is read no further. The elements before it have been given out, and every later call fails alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ArrayError {
    /// An element was larger than [`EVENT_BYTES_MAX`].
    #[error("an element of the stream is larger than {EVENT_BYTES_MAX} bytes")]
    TooLarge,
    /// What came is no array of objects.
    #[error("the stream is no JSON array of objects: {expected} expected at byte {at}")]
    Malformed {
        /// Offset in the stream, in bytes.
        at: u64,
        /// What should have stood there.
        expected: &'static str,
    },
}

/// Splits a byte stream into the elements of its array. Where the chunks are cut changes nothing but what must be copied.
#[derive(Debug, Default)]
pub struct Decoder {
    place: Place,
    /// The beginning of the open element, when it came in earlier chunks.
    open: Vec<u8>,
    open_start: u64,
    position: u64,
    failure: Option<ArrayError>,
}

/// Where in the array the stream stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Place {
    /// Before its opening bracket.
    #[default]
    Before,
    /// Behind it: the first element, or the end.
    Begun,
    /// Behind a comma: an element.
    BehindComma,
    /// Within an element, below so many open brackets.
    Within { depth: usize, string: InString },
    /// Behind an element: a comma, or the end.
    BehindElement,
    /// Behind its closing bracket.
    Closed,
}

/// Whether a string is open, and a backslash its last byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum InString {
    No,
    Yes,
    Escape,
}

impl Decoder {
    /// Reads `chunk` and calls `on_element` for each element that it ends, in order: as an event without a name, whose
    /// `start` is behind the element before, so that the comma belongs to it.
    ///
    /// # Errors
    ///
    /// When an element is too large, or the stream is no array of objects.
    pub fn push(&mut self, chunk: &[u8], mut on_element: impl FnMut(Event<'_>)) -> Result<(), ArrayError> {
        if let Some(failure) = self.failure {
            return Err(failure);
        }
        let pushed = self.walk(chunk, &mut on_element);
        if let Err(failure) = pushed {
            self.failure = Some(failure);
            self.open = Vec::new();
        }
        pushed
    }

    /// Offset in the stream behind the last element that has ended. All before it has been given out.
    #[must_use]
    pub const fn open_start(&self) -> u64 {
        self.open_start
    }

    /// Bytes read so far.
    #[must_use]
    pub const fn position(&self) -> u64 {
        self.position
    }

    /// Whether the array has ended. A transport that ends before it, ends a stream that was cut.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.place == Place::Closed
    }

    fn walk(&mut self, chunk: &[u8], on_element: &mut impl FnMut(Event<'_>)) -> Result<(), ArrayError> {
        let mut rest = chunk;
        while let Some(&byte) = rest.first() {
            if let Place::Within { .. } = self.place {
                rest = self.element(rest, on_element)?;
                continue;
            }
            if !matches!(byte, b' ' | b'\n' | b'\r' | b'\t') {
                self.place = self.between(byte)?;
            }
            if !matches!(self.place, Place::Within { .. }) {
                self.position += 1;
                rest = &rest[1..];
            }
        }
        Ok(())
    }

    /// What `byte`, which is no white space, leads to between elements.
    const fn between(&self, byte: u8) -> Result<Place, ArrayError> {
        let element = Place::Within { depth: 0, string: InString::No };
        match (self.place, byte) {
            (Place::Before, b'[') => Ok(Place::Begun),
            (Place::Begun | Place::BehindComma, b'{') => Ok(element),
            (Place::BehindElement, b',') => Ok(Place::BehindComma),
            (Place::Begun | Place::BehindElement, b']') => Ok(Place::Closed),
            (place, _) => Err(ArrayError::Malformed { at: self.position, expected: place.expected() }),
        }
    }

    /// Reads on in the open element, and gives what is behind its end.
    fn element<'c>(&mut self, bytes: &'c [u8], on_element: &mut impl FnMut(Event<'_>)) -> Result<&'c [u8], ArrayError> {
        let end = self.find_end(bytes);
        let (block, rest) = bytes.split_at(end.unwrap_or(bytes.len()));
        if self.open.len() + block.len() > EVENT_BYTES_MAX {
            return Err(ArrayError::TooLarge);
        }
        self.position += block.len() as u64;
        if end.is_none() {
            self.open.extend_from_slice(block);
            return Ok(rest);
        }
        let whole = if self.open.is_empty() {
            block
        } else {
            self.open.extend_from_slice(block);
            &self.open
        };
        on_element(Event { name: b"", data: whole, start: self.open_start });
        self.open.clear();
        self.open.shrink_to(KEPT_BYTES_MAX);
        self.open_start = self.position;
        self.place = Place::BehindElement;
        Ok(rest)
    }

    /// The offset in `bytes` behind the open element's closing bracket.
    fn find_end(&mut self, bytes: &[u8]) -> Option<usize> {
        let Place::Within { mut depth, mut string } = self.place else { return Some(0) };
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            at += 1;
            match (string, byte) {
                (InString::Escape, _) | (InString::No, b'"') => string = InString::Yes,
                (InString::Yes, b'\\') => string = InString::Escape,
                (InString::Yes, b'"') => string = InString::No,
                (InString::Yes, _) => at += memchr2(b'"', b'\\', &bytes[at..]).unwrap_or(bytes.len() - at),
                (InString::No, b'{' | b'[') => depth += 1,
                (InString::No, b'}' | b']') => {
                    depth = depth.saturating_sub(1);
                    if depth == 0 {
                        return Some(at);
                    }
                }
                (InString::No, _) => {}
            }
        }
        self.place = Place::Within { depth, string };
        None
    }
}

impl Place {
    const fn expected(self) -> &'static str {
        match self {
            Self::Before => "an array",
            Self::Begun => "an object or `]`",
            Self::BehindComma => "an object",
            Self::Within { .. } | Self::BehindElement => "`,` or `]`",
            Self::Closed => "the end",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Elements = Vec<(String, u64)>;

    fn decode<'c>(chunks: impl IntoIterator<Item = &'c [u8]>) -> (Elements, Result<bool, ArrayError>) {
        let (mut decoder, mut elements) = (Decoder::default(), Vec::new());
        let pushed = chunks.into_iter().try_for_each(|chunk| {
            decoder.push(chunk, |element| {
                elements.push((String::from_utf8_lossy(element.data).into_owned(), element.start));
            })
        });
        (elements, pushed.map(|()| decoder.is_closed()))
    }

    const STREAM: &str = "[{\"a\": \"}]\\\"{\",\r\n \"b\": [{}, [1]]}\n,\r\n{\"é\\\\\":{\"x\":\"\\\\\"}}\r\n]\n";

    #[test]
    fn elements_are_the_same_wherever_the_stream_is_cut() {
        let (elements, closed) = decode([STREAM.as_bytes()]);
        assert_eq!(closed, Ok(true));
        let second = r#"{"é\\":{"x":"\\"}}"#;
        let start = STREAM.find("\n,").expect("a comma") as u64;
        assert_eq!(elements.last(), Some(&(second.to_owned(), start)));
        for cut in 0..=STREAM.len() {
            let (first, rest) = STREAM.as_bytes().split_at(cut);
            assert_eq!(decode([first, rest]).0, elements, "cut at {cut}");
            assert_eq!(decode([first]).1, Ok(cut >= STREAM.len() - 1), "cut at {cut}");
        }
        assert_eq!(decode(STREAM.as_bytes().chunks(1)).0, elements);
    }

    #[test]
    fn the_open_element_begins_where_the_last_one_ended() {
        let mut decoder = Decoder::default();
        for (chunk, open_start, position) in
            [(" [", 0, 2), ("{}", 4, 4), (" ,{\"a\"", 4, 10), (":1}", 13, 13), ("]", 13, 14)]
        {
            decoder.push(chunk.as_bytes(), |_| ()).expect("an array");
            assert_eq!((decoder.open_start(), decoder.position()), (open_start, position), "{chunk:?}");
        }
        assert!(decoder.is_closed());
    }

    #[test]
    fn what_is_no_array_of_objects_is_refused_with_the_place() {
        for (stream, at) in
            [("{}", 0), ("[1]", 1), ("[{},]", 4), ("[{} {}]", 4), ("[,", 1), ("[]x", 2), ("data: {}", 0)]
        {
            let Err(ArrayError::Malformed { at: found, .. }) = decode([stream.as_bytes()]).1 else {
                panic!("{stream}")
            };
            assert_eq!(found, at, "{stream}");
            assert_eq!(decode(stream.as_bytes().chunks(1)).1, decode([stream.as_bytes()]).1, "{stream}");
        }
        assert_eq!(decode([&b"[]"[..]]), (Vec::new(), Ok(true)));
    }

    #[test]
    fn an_element_over_the_bound_is_refused_and_stays_so() {
        let element = [b"[\"".as_slice(), &vec![b'x'; EVENT_BYTES_MAX]].concat();
        let stream = [b"[{\"a\":".as_slice(), &element].concat();
        let mut decoder = Decoder::default();
        let pushed = stream.chunks(1 << 20).try_for_each(|chunk| decoder.push(chunk, |_| ()));
        assert_eq!(pushed, Err(ArrayError::TooLarge));
        assert_eq!(decoder.push(b"x", |_| ()), Err(ArrayError::TooLarge));
    }
}

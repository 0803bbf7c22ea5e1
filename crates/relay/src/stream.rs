//! A provider's stream, given out in whole events: what a client has received of it can always be followed by an event of ours.

use crate::{
    decode::{Coding, Decoder as CodingDecoder},
    form::Form,
    rewrite::Rewrite,
};
use bytes::{Bytes, BytesMut};
use domain::{Dialect, RequestId};
use futures_util::{Stream, StreamExt};
use http_body::Body;
use http_body_util::BodyDataStream;
use protocol::{
    Ending, Meaning, Reading, Refusal, StreamReader,
    bedrock::{self, StreamFault},
    sse,
};
use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};
use upstream::UpstreamBody;

/// A stream of events from upstream, read beside being forwarded.
pub(crate) struct AnswerStream {
    pieces: Pieces,
    decoder: sse::Decoder,
    reader: StreamReader,
    form: Form,
    rewrite: Option<Rewrite>,
    /// The beginning of the event that has not ended yet.
    open: BytesMut,
    /// From the event on that may be the last: what waits for the end to be sure.
    held: Option<BytesMut>,
    has_begun: bool,
}

/// Where a stream comes from.
pub(crate) struct StreamSource {
    /// The body of the upstream's answer.
    pub(crate) body: UpstreamBody,
    /// The codings that lie on it.
    pub(crate) codings: Vec<Coding>,
    /// What it is written in.
    pub(crate) dialect: Dialect,
    /// Whether it comes in AWS's frames.
    pub(crate) is_framed: bool,
}

enum Pieces {
    Plain(UpstreamBody),
    Coded(CodingDecoder),
    Framed(Box<Frames>),
}

/// A stream in AWS's frames, given out as events.
struct Frames {
    pieces: Pieces,
    decoder: bedrock::StreamDecoder,
    has_failed: bool,
}

/// What came of waiting for the upstream.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// More of the stream.
    Events {
        /// Whole events, as they came; may be empty while one is open.
        before: Bytes,
        /// The terminal event and what came with it. Nothing of the answer follows.
        terminal: Option<Bytes>,
    },
    /// The transport has ended. Whether the answer has, the reader knows.
    End,
    /// The transport broke, or what came is no stream of events.
    Broken,
}

impl AnswerStream {
    /// Reads what comes of `source`. The client takes it in `form`, written anew where it is not forwarded as it comes.
    pub(crate) fn new(source: StreamSource, form: Form, rewrite: Option<Rewrite>) -> Self {
        let StreamSource { body, codings, dialect, is_framed } = source;
        let pieces = codings.into_iter().rev().fold(Pieces::Plain(body), Pieces::decoded);
        let pieces = if is_framed { Pieces::Framed(Box::new(Frames::of(pieces))) } else { pieces };
        Self {
            pieces,
            decoder: sse::Decoder::default(),
            reader: StreamReader::new(dialect),
            form,
            rewrite,
            open: BytesMut::new(),
            held: None,
            has_begun: false,
        }
    }

    /// The next events. Cancel-safe.
    pub(crate) async fn next(&mut self) -> Step {
        std::future::poll_fn(|cx| self.poll_step(cx)).await
    }

    pub(crate) fn poll_step(&mut self, cx: &mut Context<'_>) -> Poll<Step> {
        Poll::Ready(match ready!(self.pieces.poll_piece(cx)) {
            Some(Ok(piece)) => self.take(piece),
            Some(Err(_)) => Step::Broken,
            None => self.end(),
        })
    }

    /// Reads what is left to the transport's end, so that the connection can be used again.
    pub(crate) fn poll_rest(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while let Some(Ok(_)) = ready!(self.pieces.poll_piece(cx)) {}
        Poll::Ready(())
    }

    /// Whether the answer has begun.
    pub(crate) const fn content_seen(&self) -> bool {
        self.reader.content_seen()
    }

    /// Whether the answer is whole unless more of it comes.
    pub(crate) const fn may_be_whole(&self) -> bool {
        self.held.is_some()
    }

    /// How it ended in its own words, if it has.
    pub(crate) const fn ending(&self) -> Option<&Ending> {
        self.reader.ending()
    }

    /// The usage as far as it is known.
    pub(crate) fn reading(&self) -> Reading {
        self.reader.reading()
    }

    /// Whether the upstream's own last words can be passed on to the client.
    pub(crate) fn speaks_client_s_dialect(&self) -> bool {
        self.rewrite.as_ref().is_none_or(|rewrite| !rewrite.is_converted())
    }

    /// `refusal` as what the client hears last of this stream.
    pub(crate) fn last_words(&self, refusal: &Refusal, id: &RequestId) -> Bytes {
        let has_begun = self.rewrite.as_ref().map_or(self.has_begun, Rewrite::has_begun);
        self.form.last_words(refusal, id, has_begun)
    }

    /// Nothing more comes: the answer is whole where its dialect says so, and else was cut.
    pub(crate) fn end(&mut self) -> Step {
        match self.reader.end_of_transport() {
            Some(Ending::Whole) => {
                let held = self.held.take().unwrap_or_default();
                Step::Events { before: Bytes::new(), terminal: Some(self.closed(held)) }
            }
            Some(Ending::Failed(_)) | None => Step::End,
        }
    }

    fn take(&mut self, piece: Bytes) -> Step {
        if self.rewrite.is_some() { self.take_anew(&piece) } else { self.take_as_it_is(piece) }
    }

    /// Events that pass as bytes: only where they begin and end is looked at.
    fn take_as_it_is(&mut self, piece: Bytes) -> Step {
        let open_start = self.decoder.position() - self.open.len() as u64;
        let (reader, mut turn) = (&mut self.reader, Turn::default());
        let decoded = self.decoder.push(&piece, |event| turn.take(reader.read(&event), event.start));
        if decoded.is_err() {
            return Step::Broken;
        }
        let whole = in_memory(self.decoder.open_start() - open_start);
        if whole == 0 {
            self.open.extend_from_slice(&piece);
            return Step::Events { before: Bytes::new(), terminal: None };
        }
        let mut events = self.join(piece);
        self.open.extend_from_slice(&events.split_off(whole));
        let hold_from = turn.hold_from.map(|start| in_memory(start - open_start));
        self.sort(events, hold_from, &turn)
    }

    /// Events that are written anew, one by one.
    fn take_anew(&mut self, piece: &Bytes) -> Step {
        let (reader, mut turn, mut out) = (&mut self.reader, Turn::default(), Vec::new());
        let Some(rewrite) = &mut self.rewrite else { return Step::Broken };
        let mut written = Ok(());
        let decoded = self.decoder.push(piece, |event| {
            if !turn.is_over && written.is_ok() {
                let meaning = reader.read(&event);
                turn.take(meaning, out.len() as u64);
                written = rewrite.event(&event, meaning, &mut out);
            }
        });
        if decoded.is_err() || written.is_err() {
            return Step::Broken;
        }
        let hold_from = turn.hold_from.map(in_memory);
        self.sort(out.into(), hold_from, &turn)
    }

    /// Sorts whole events into what the client gets at once, what is held from `hold_from` on, and the end.
    fn sort(&mut self, mut events: Bytes, hold_from: Option<usize>, turn: &Turn) -> Step {
        let released = if turn.goes_on { self.held.take() } else { None };
        if let Some(held) = &mut self.held {
            held.extend_from_slice(&std::mem::take(&mut events));
        } else if let Some(at) = hold_from {
            self.held = Some(BytesMut::from(&events.split_off(at)[..]));
        }
        let before = match released {
            Some(mut released) => {
                released.extend_from_slice(&events);
                released.freeze()
            }
            None => events,
        };
        self.has_begun |= !before.is_empty();
        let last = if turn.is_over { self.held.take() } else { None };
        Step::Events { before, terminal: last.map(|last| self.closed(last)) }
    }

    /// The last bytes with what closes the stream behind them.
    fn closed(&mut self, last: BytesMut) -> Bytes {
        let is_whole = matches!(self.reader.ending(), Some(Ending::Whole));
        let Some(rewrite) = self.rewrite.as_mut().filter(|_| is_whole) else { return last.freeze() };
        let mut last = last.to_vec();
        rewrite.close(&mut last);
        last.into()
    }

    /// The open event's beginning with `piece` behind it.
    fn join(&mut self, piece: Bytes) -> Bytes {
        if self.open.is_empty() {
            return piece;
        }
        self.open.extend_from_slice(&piece);
        self.open.split().freeze()
    }
}

/// What the events of one piece come to.
#[derive(Debug, Default)]
struct Turn {
    /// Where the event begins from which on all is held.
    hold_from: Option<u64>,
    /// Whether more of the answer came behind what was held.
    goes_on: bool,
    /// Whether the answer has ended.
    is_over: bool,
}

impl Turn {
    fn take(&mut self, meaning: Meaning, start: u64) {
        match meaning {
            Meaning::Content => (self.hold_from, self.goes_on) = (None, true),
            Meaning::Finish | Meaning::End | Meaning::Failure => {
                self.hold_from.get_or_insert(start);
                self.is_over |= meaning.is_terminal();
            }
            Meaning::Aside | Meaning::UsageOnly | Meaning::Garbage => {}
        }
    }
}

/// A length of bytes that are in memory.
fn in_memory(bytes: u64) -> usize {
    usize::try_from(bytes).expect("an event fits the memory it is in")
}

impl Pieces {
    fn decoded(self, coding: Coding) -> Self {
        let pieces: Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send>> = match self {
            Self::Plain(body) => BodyDataStream::new(body).map(|piece| piece.map_err(io::Error::other)).boxed(),
            Self::Framed(mut frames) => futures_util::stream::poll_fn(move |cx| frames.poll_next(cx)).boxed(),
            Self::Coded(mut decoder) => futures_util::stream::poll_fn(move |cx| decoder.poll_next(cx)).boxed(),
        };
        Self::Coded(CodingDecoder::of_stream(coding, pieces))
    }

    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        match self {
            Self::Coded(decoder) => decoder.poll_next(cx),
            Self::Framed(frames) => frames.poll_next(cx),
            Self::Plain(body) => loop {
                match ready!(Pin::new(&mut *body).poll_frame(cx)) {
                    Some(Ok(frame)) => {
                        if let Ok(piece) = frame.into_data() {
                            return Poll::Ready(Some(Ok(piece)));
                        }
                    }
                    Some(Err(error)) => return Poll::Ready(Some(Err(io::Error::other(error)))),
                    None => return Poll::Ready(None),
                }
            },
        }
    }
}

impl Frames {
    fn of(pieces: Pieces) -> Self {
        Self { pieces, decoder: bedrock::StreamDecoder::default(), has_failed: false }
    }

    /// The next events. What the provider says in a frame of its own when it gives up becomes an `error` event, the last.
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        if self.has_failed {
            return Poll::Ready(None);
        }
        loop {
            let piece = match ready!(self.pieces.poll_piece(cx)) {
                Some(Ok(piece)) => piece,
                other => return Poll::Ready(other),
            };
            let mut events = Vec::new();
            match self.decoder.push(&piece, &mut events) {
                Ok(()) if events.is_empty() => continue,
                Ok(()) => return Poll::Ready(Some(Ok(events.into()))),
                Err(StreamFault::Refused(error)) => {
                    self.has_failed = true;
                    events.extend_from_slice(&bedrock::error_event(&error));
                    return Poll::Ready(Some(Ok(events.into())));
                }
                Err(fault) => return Poll::Ready(Some(Err(io::Error::other(fault)))),
            }
        }
    }
}

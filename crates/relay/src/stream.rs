//! A provider's stream, given out in whole events: what a client has received of it can always be followed by an event of ours.

use crate::decode::{Coding, Decoder as CodingDecoder};
use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt};
use http_body::Body;
use http_body_util::BodyDataStream;
use protocol::{Ending, Reading, anthropic::UsageReader, sse};
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
    reader: UsageReader,
    /// The beginning of the event that has not ended yet.
    open: BytesMut,
}

enum Pieces {
    Plain(UpstreamBody),
    Coded(CodingDecoder),
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
    /// Reads the body of an upstream's answer; `codings` are undone on the way.
    pub(crate) fn new(body: UpstreamBody, codings: Vec<Coding>) -> Self {
        let pieces = codings.into_iter().rev().fold(Pieces::Plain(body), Pieces::decoded);
        Self { pieces, decoder: sse::Decoder::default(), reader: UsageReader::default(), open: BytesMut::new() }
    }

    /// The next events. Cancel-safe.
    pub(crate) async fn next(&mut self) -> Step {
        std::future::poll_fn(|cx| self.poll_step(cx)).await
    }

    pub(crate) fn poll_step(&mut self, cx: &mut Context<'_>) -> Poll<Step> {
        Poll::Ready(match ready!(self.pieces.poll_piece(cx)) {
            Some(Ok(piece)) => self.take(piece),
            Some(Err(_)) => Step::Broken,
            None => Step::End,
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

    /// How it ended in its own words, if it has.
    pub(crate) const fn ending(&self) -> Option<&Ending> {
        self.reader.ending()
    }

    /// The usage as far as it is known.
    pub(crate) fn reading(&self) -> Reading {
        self.reader.reading()
    }

    fn take(&mut self, piece: Bytes) -> Step {
        let open_start = self.decoder.position() - self.open.len() as u64;
        let (reader, mut terminal_start) = (&mut self.reader, None);
        let decoded = self.decoder.push(&piece, |event| {
            if reader.read(&event).is_terminal() {
                terminal_start.get_or_insert(event.start);
            }
        });
        if decoded.is_err() {
            return Step::Broken;
        }
        let whole = usize::try_from(self.decoder.open_start() - open_start).expect("an event fits the memory it is in");
        if whole == 0 {
            self.open.extend_from_slice(&piece);
            return Step::Events { before: Bytes::new(), terminal: None };
        }
        let mut before = self.join(piece);
        self.open.extend_from_slice(&before.split_off(whole));
        let terminal = terminal_start.map(|start| {
            let at = usize::try_from(start - open_start).expect("an event fits the memory it is in");
            before.split_off(at)
        });
        Step::Events { before, terminal }
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

impl Pieces {
    fn decoded(self, coding: Coding) -> Self {
        let pieces: Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send>> = match self {
            Self::Plain(body) => BodyDataStream::new(body).map(|piece| piece.map_err(io::Error::other)).boxed(),
            Self::Coded(mut decoder) => futures_util::stream::poll_fn(move |cx| decoder.poll_next(cx)).boxed(),
        };
        Self::Coded(CodingDecoder::of_stream(coding, pieces))
    }

    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        match self {
            Self::Coded(decoder) => decoder.poll_next(cx),
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

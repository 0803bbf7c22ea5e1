//! Content codings undone while reading: of request bodies, and of answers that come compressed although none was asked for.

use async_compression::tokio::bufread::{BrotliDecoder, GzipDecoder, ZlibDecoder, ZstdDecoder};
use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt};
use http::{HeaderMap, header};
use std::{
    fmt, io,
    pin::Pin,
    task::{Context, Poll},
};
use tokio::io::AsyncRead;
use tokio_util::io::{StreamReader, poll_read_buf};

/// Codings that may lie on top of each other. Nobody sends two; more would be an attack.
const CODINGS_MAX: usize = 2;

/// Bytes decoded at once.
const DECODED_BYTES: usize = 32 << 10;

/// A content coding (RFC 9110, 8.4.1; RFC 7932; RFC 8878).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Coding {
    Gzip,
    Deflate,
    Brotli,
    Zstd,
}

/// Bytes with one coding undone. Holds no more than one piece at a time.
pub(crate) struct Decoder(Pin<Box<dyn AsyncRead + Send>>);

/// The codings that `headers` name, in the order in which they were applied; none when one is not known.
pub(crate) fn codings(headers: &HeaderMap) -> Option<Vec<Coding>> {
    let mut codings = Vec::new();
    for value in headers.get_all(header::CONTENT_ENCODING) {
        codings.extend(Coding::parse_list(value.to_str().ok()?)?);
    }
    (codings.len() <= CODINGS_MAX).then_some(codings)
}

impl Coding {
    /// Reads a `Content-Encoding`: the codings in the order in which they were applied; none when one is not known.
    fn parse_list(value: &str) -> Option<Vec<Self>> {
        let names =
            value.split(',').map(str::trim).filter(|name| !name.is_empty() && !name.eq_ignore_ascii_case("identity"));
        let codings: Vec<_> = names.map(Self::parse).collect::<Option<_>>()?;
        (codings.len() <= CODINGS_MAX).then_some(codings)
    }

    fn parse(name: &str) -> Option<Self> {
        match name.to_ascii_lowercase().as_str() {
            "gzip" | "x-gzip" => Some(Self::Gzip),
            "deflate" => Some(Self::Deflate),
            "br" => Some(Self::Brotli),
            "zstd" => Some(Self::Zstd),
            _ => None,
        }
    }
}

impl Decoder {
    /// Undoes `coding` of a stream of pieces.
    pub(crate) fn of_stream(coding: Coding, pieces: impl Stream<Item = io::Result<Bytes>> + Send + 'static) -> Self {
        let reader = StreamReader::new(pieces.boxed());
        Self(match coding {
            Coding::Gzip => Box::pin(GzipDecoder::new(reader)),
            Coding::Deflate => Box::pin(ZlibDecoder::new(reader)),
            Coding::Brotli => Box::pin(BrotliDecoder::new(reader)),
            Coding::Zstd => Box::pin(ZstdDecoder::new(reader)),
        })
    }

    /// Undoes `coding` of bytes that are all there.
    pub(crate) fn of_bytes(coding: Coding, bytes: Bytes) -> Self {
        Self::of_stream(coding, futures_util::stream::iter([Ok(bytes)]))
    }

    /// The next piece. Cancel-safe.
    pub(crate) async fn next(&mut self) -> Option<io::Result<Bytes>> {
        std::future::poll_fn(|cx| self.poll_next(cx)).await
    }

    pub(crate) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        let mut piece = BytesMut::with_capacity(DECODED_BYTES);
        poll_read_buf(self.0.as_mut(), cx, &mut piece).map(|read| match read {
            Ok(0) => None,
            Ok(_) => Some(Ok(piece.freeze())),
            Err(error) => Some(Err(error)),
        })
    }
}

impl fmt::Display for Coding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
            Self::Brotli => "br",
            Self::Zstd => "zstd",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_known_codings_are_taken() {
        assert_eq!(Coding::parse_list("GZIP, br"), Some(vec![Coding::Gzip, Coding::Brotli]));
        assert_eq!(Coding::parse_list("identity"), Some(vec![]));
        assert_eq!(Coding::parse_list("compress"), None);
        assert_eq!(Coding::parse_list("gzip,gzip,gzip"), None);
    }

    #[tokio::test]
    async fn what_was_cut_is_an_error_and_not_an_end() {
        // `printf hi | gzip -n`, without its last byte.
        let gzip: &[u8] = &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0xcb, 0xc8, 4, 0, 0xac, 0x2a, 0x93, 0xd8, 2, 0, 0, 0];
        let whole = decode_all(Bytes::from_static(gzip)).await.expect("whole");
        assert_eq!(whole, b"hi");
        assert!(decode_all(Bytes::copy_from_slice(&gzip[..gzip.len() - 1])).await.is_err());
    }

    async fn decode_all(bytes: Bytes) -> io::Result<Vec<u8>> {
        let mut decoder = Decoder::of_bytes(Coding::Gzip, bytes);
        let mut all = Vec::new();
        while let Some(piece) = decoder.next().await {
            all.extend_from_slice(&piece?);
        }
        Ok(all)
    }
}

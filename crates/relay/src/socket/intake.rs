//! What a client sends is counted while it comes: a message that is being received takes of the memory that all requests share.

use crate::budget::{Budget, BudgetSpent, Hold};
use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Bytes of a message that are not counted: the usual turn of a client fits, and as many of all sockets together are few.
const FREE_BYTES: u64 = 16 << 10;

/// Bytes that are taken of the budget at once.
const STEP_BYTES: u64 = 256 << 10;

/// A socket's transport.
pub(super) struct Intake<S> {
    transport: S,
    budget: Budget,
    /// Bytes that came since the last message.
    read_bytes: u64,
    hold: Hold,
    covered_bytes: u64,
}

impl<S> Intake<S> {
    pub(super) fn new(transport: S, budget: Budget) -> Self {
        Self { transport, budget, read_bytes: 0, hold: Budget::hold(), covered_bytes: FREE_BYTES }
    }

    /// A message has come: gives the memory that it takes, and begins to count the next.
    pub(super) fn take(&mut self) -> Hold {
        (self.read_bytes, self.covered_bytes) = (0, FREE_BYTES);
        std::mem::replace(&mut self.hold, Budget::hold())
    }

    /// So many bytes that came were none of a message.
    pub(super) const fn forgive(&mut self, bytes: u64) {
        self.read_bytes = self.read_bytes.saturating_sub(bytes);
    }

    /// Whether a part of a message has come.
    pub(super) const fn is_receiving(&self) -> bool {
        self.read_bytes > 0
    }

    fn cover(&mut self) -> io::Result<()> {
        if self.read_bytes < self.covered_bytes {
            return Ok(());
        }
        let wanted = self.read_bytes + STEP_BYTES;
        self.budget.try_cover(&mut self.hold, wanted).map_err(|BudgetSpent| io::ErrorKind::OutOfMemory)?;
        self.covered_bytes = wanted;
        Ok(())
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Intake<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.cover()?;
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.transport).poll_read(cx, buffer);
        self.read_bytes += (buffer.filled().len() - before) as u64;
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Intake<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.transport).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.transport).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.transport).poll_shutdown(cx)
    }
}

//! How many output tokens a stream held that was cut before its upstream counted them. An estimate, always marked so.

/// Bytes of JSON text per output token. Providers give four characters of English; text in other scripts has fewer
/// characters but more bytes to a token, so that bytes are the steadier measure.
pub const BYTES_PER_TOKEN: u64 = 4;

/// Output that was seen since the upstream last reported a count: per content block the bytes of text, thinking and
/// tool input as written in JSON, divided by [`BYTES_PER_TOKEN`] and rounded up, so that no block with content is free.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct OutputEstimate {
    block_bytes: u64,
    closed_tokens: u64,
}

impl OutputEstimate {
    /// Adds to the open block.
    pub(crate) fn add(&mut self, bytes: usize) {
        self.block_bytes = self.block_bytes.saturating_add(bytes as u64);
    }

    /// Ends the open block.
    pub(crate) fn close_block(&mut self) {
        *self = Self { block_bytes: 0, closed_tokens: self.tokens() };
    }

    /// Tokens of all blocks.
    pub(crate) const fn tokens(&self) -> u64 {
        self.closed_tokens.saturating_add(self.block_bytes.div_ceil(BYTES_PER_TOKEN))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_block_is_rounded_up_once() {
        let mut estimate = OutputEstimate::default();
        for bytes in [1, 1, 3] {
            estimate.add(bytes);
        }
        assert_eq!(estimate.tokens(), 2, "5 bytes in one block");
        estimate.close_block();
        estimate.add(1);
        assert_eq!(estimate.tokens(), 3, "and 1 byte in the next");
    }

    #[test]
    fn a_block_without_content_is_no_token() {
        let mut estimate = OutputEstimate::default();
        estimate.add(0);
        estimate.close_block();
        assert_eq!(estimate.tokens(), 0);
    }
}

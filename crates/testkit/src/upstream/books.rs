//! The upstream's own books: every request, what was answered, and what it billed. The relay's ledger must agree.

use crate::upstream::request::Received;
use domain::TokenUsage;

/// How an answer went out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// It is still going out.
    Running,
    /// The socket took every byte, the end of the body included.
    Whole,
    /// The script cut it after so many bytes of the body.
    Cut {
        /// Bytes of the body that the socket took.
        body_bytes: usize,
    },
    /// The client left after so many bytes of the body.
    Left {
        /// Bytes of the body that the socket took.
        body_bytes: usize,
    },
}

/// One request and what became of it.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// The request.
    pub request: Received,
    /// Whether it was a Messages call: what is billed.
    pub is_message: bool,
    /// The `request-id` of the answer.
    pub request_id: String,
    /// The status of the answer; 0 when there was no head.
    pub status: u16,
    /// How the answer went out.
    pub delivery: Delivery,
    /// What it costs: the last usage that the bytes told which the socket took. An answer that was delivered whole
    /// costs its final usage, a stream cut after `message_start` what that event said, an error nothing.
    pub billed: TokenUsage,
    /// What was wrong with the request.
    pub complaints: Vec<String>,
}

/// A snapshot of all exchanges, in the order in which the requests came.
#[derive(Debug, Clone, Default)]
pub struct Books {
    /// The exchanges.
    pub exchanges: Vec<Exchange>,
}

impl Books {
    /// Tokens billed, all in all.
    #[must_use]
    pub fn billed(&self) -> TokenUsage {
        self.exchanges.iter().map(|exchange| exchange.billed).sum()
    }

    /// Tokens billed for answers that were delivered whole.
    #[must_use]
    pub fn billed_whole(&self) -> TokenUsage {
        let whole = self.exchanges.iter().filter(|exchange| exchange.delivery == Delivery::Whole);
        whole.map(|exchange| exchange.billed).sum()
    }

    /// The exchange whose answer had this `request-id`.
    #[must_use]
    pub fn by_request_id(&self, request_id: &str) -> Option<&Exchange> {
        self.exchanges.iter().find(|exchange| exchange.request_id == request_id)
    }

    /// The Messages calls.
    pub fn messages(&self) -> impl Iterator<Item = &Exchange> {
        self.exchanges.iter().filter(|exchange| exchange.is_message)
    }

    /// Everything that was wrong with the requests; a relay in order leaves none.
    #[must_use]
    pub fn complaints(&self) -> Vec<&str> {
        self.exchanges.iter().flat_map(|exchange| &exchange.complaints).map(String::as_str).collect()
    }
}

//! One record as bytes: how the journal and the packed ledgers keep an [`Attempt`]. Nothing here reads or writes a store.
//!
//! A version byte, two bytes of flags, the enums' codes, then texts and numbers in a fixed order; numbers are varints (LEB128,
//! signed ones zigzag first). Ids that are UUIDs take 16 bytes, times are told from `admitted_at`, and what equals its neighbour
//! is left out: about 110 bytes for a usual record. Codes are given once and never change their meaning.

mod codes;
mod reader;
mod writer;

use domain::Attempt;

/// The version that [`pack`] writes, and the latest that [`unpack`] reads.
pub const VERSION: u8 = 1;

/// Why bytes are no record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PackedError {
    /// A later version of the relay packed them.
    #[error("the record has version {0}; this version of the relay reads up to {VERSION}")]
    Newer(u8),
    /// They are cut short, or were changed.
    #[error("the record is damaged at its {0}")]
    Damaged(&'static str),
}

/// Appends `attempt` to `bytes`.
pub fn pack(attempt: &Attempt, bytes: &mut Vec<u8>) {
    writer::pack(attempt, bytes);
}

/// Reads what [`pack`] appended, and nothing after it.
///
/// # Errors
///
/// When a later version packed it, or when `bytes` are not exactly one whole record.
pub fn unpack(bytes: &[u8]) -> Result<Attempt, PackedError> {
    reader::unpack(bytes)
}

#[cfg(test)]
mod tests;

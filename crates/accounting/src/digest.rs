//! Short ids of texts, so that a record can say which edition of a price it used.

use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;

/// Bytes of SHA-256 that are kept: enough to tell the editions of one installation's price list apart.
const DIGEST_BYTES: usize = 4;

/// Eight hex digits of the SHA-256 of all `parts`, each closed by a line feed.
pub(crate) fn short<'a>(parts: impl IntoIterator<Item = &'a str>) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(part);
        hasher.update("\n");
    }
    hasher.finalize().iter().take(DIGEST_BYTES).fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

//! Cursors: the place after the last item of a page, as a text that clients hand back unread.
//!
//! A cursor names the list and order that it belongs to, so that it cannot be used in another one.

use crate::refusal::Refusal;
use base64ct::{Base64UrlUnpadded, Encoding};
use serde::{Serialize, de::DeserializeOwned};

/// Longest cursor that is read, in bytes; ours hold a name and an id.
pub(crate) const CURSOR_BYTES_MAX: usize = 4096;

/// The cursor of `place` within `list`.
pub(crate) fn write(list: &str, place: &impl Serialize) -> String {
    let text = serde_json::to_vec(&(list, place)).expect("texts and numbers always serialise");
    Base64UrlUnpadded::encode_string(&text)
}

/// The place that `cursor` names within `list`.
///
/// # Errors
///
/// When it is no cursor, or one of another list.
pub(crate) fn read<T: DeserializeOwned>(list: &str, cursor: &str) -> Result<T, Refusal> {
    let refuse = || {
        let message = "it is not a cursor that this list gave in this order; leave it out to begin at the start";
        Refusal::parameter("cursor", message)
    };
    if cursor.len() > CURSOR_BYTES_MAX {
        return Err(refuse());
    }
    let text = Base64UrlUnpadded::decode_vec(cursor).map_err(|_| refuse())?;
    let (of, place): (String, T) = serde_json::from_slice(&text).map_err(|_| refuse())?;
    if of == list { Ok(place) } else { Err(refuse()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_only_by_its_own_list() {
        let cursor = write("keys.name", &(1, "é"));
        assert_eq!(read::<(u8, String)>("keys.name", &cursor).expect("reads"), (1, "é".to_owned()));
        assert!(read::<(u8, String)>("keys.created_at", &cursor).is_err());
        for wrong in ["", "!", "e30", &cursor[1..], &"A".repeat(5000)] {
            assert!(read::<(u8, String)>("keys.name", wrong).is_err(), "{wrong:?}");
        }
    }
}

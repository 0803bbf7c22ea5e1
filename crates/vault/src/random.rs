//! Unguessable bytes and texts, from the operating system and from nowhere else.

use secrecy::SecretString;
use zeroize::Zeroizing;

/// Letters and digits: what passes through every shell, file and form unchanged.
pub(crate) const ALPHANUMERIC: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// Letters and digits that nobody takes for another when reading them from a screen.
pub(crate) const UNAMBIGUOUS: &[u8] = b"ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnpqrstuvwxyz23456789";

/// `N` random bytes.
///
/// # Panics
///
/// When the operating system has no randomness: then no secret can be made, and none must be pretended.
pub(crate) fn bytes<const N: usize>() -> Zeroizing<[u8; N]> {
    let mut bytes = Zeroizing::new([0; N]);
    getrandom::fill(bytes.as_mut_slice()).expect("every supported system has randomness once it has booted");
    bytes
}

/// `length` characters, each with the same chance for every character of `alphabet` (1 to 256 ASCII characters).
pub(crate) fn text(alphabet: &[u8], length: usize) -> SecretString {
    // Bytes at or above the last whole multiple are thrown away: the remainder would prefer the first characters.
    let fair_below = 256 - 256 % alphabet.len();
    let mut text = Zeroizing::new(String::with_capacity(length));
    while text.len() < length {
        let draw = bytes::<64>();
        let fair = draw.iter().map(|&byte| usize::from(byte)).filter(|&byte| byte < fair_below);
        let missing = length - text.len();
        text.extend(fair.take(missing).map(|byte| char::from(alphabet[byte % alphabet.len()])));
    }
    SecretString::from(text.as_str())
}

/// `N` random bytes as lower-case hex digits, two a byte.
pub(crate) fn hex_digits<const N: usize>() -> Zeroizing<String> {
    Zeroizing::new(hex::encode(bytes::<N>().as_slice()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;
    use std::collections::BTreeSet;

    #[test]
    fn a_text_has_the_asked_length_and_every_character_of_the_alphabet_occurs() {
        let text = text(UNAMBIGUOUS, 20_000);
        assert_eq!(text.expose_secret().len(), 20_000);
        let seen: BTreeSet<u8> = text.expose_secret().bytes().collect();
        assert_eq!(seen, UNAMBIGUOUS.iter().copied().collect());
    }

    #[test]
    fn the_unambiguous_alphabet_has_no_look_alikes() {
        assert!(!UNAMBIGUOUS.iter().any(|character| b"0O1lIo".contains(character)));
    }
}

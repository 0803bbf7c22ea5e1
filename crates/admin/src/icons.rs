//! What a key is recognised by at a glance: an emoji, a name, or a small image. Images are told by their first bytes, and none is
//! taken that could carry a script.

use crate::{faults::Reason, texts};
use base64ct::{Base64, Encoding};

/// Longest emoji or name, in characters.
pub(crate) const TEXT_CHARS_MAX: usize = 32;

/// Largest image, in bytes: enough for 64 by 64 points, and a list of keys stays small.
const IMAGE_BYTES_MAX: usize = 16 * 1024;

/// Longest document of an image: its Base64 and what stands in front.
pub(crate) const URI_BYTES_MAX: usize = IMAGE_BYTES_MAX.div_ceil(3) * 4 + 32;

/// What a `data:` URI begins with (RFC 2397).
const SCHEME: &str = "data:";

/// What is wrong with an image that is none of those that are taken.
const TAKEN: &str = "write a PNG, JPEG or WebP image as data:image/png;base64,…";

/// An icon: one line of text, or an image as a `data:` URI.
pub(crate) fn parse(text: &str) -> Result<String, Reason> {
    let text = text.trim();
    let is_uri = text.get(..SCHEME.len()).is_some_and(|scheme| scheme.eq_ignore_ascii_case(SCHEME));
    if is_uri { image(text).map(|()| text.to_owned()) } else { texts::line(text, TEXT_CHARS_MAX) }
}

fn image(uri: &str) -> Result<(), Reason> {
    let Some((head, encoded)) = uri.split_once(',') else { return Err(format!("is no image; {TAKEN}").into()) };
    let begins_right: fn(&[u8]) -> bool = match head {
        "data:image/png;base64" => |bytes| bytes.starts_with(b"\x89PNG\r\n\x1a\n"),
        "data:image/jpeg;base64" => |bytes| bytes.starts_with(b"\xff\xd8\xff"),
        "data:image/webp;base64" => |bytes| bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP"),
        _ if head.to_ascii_lowercase().contains("svg") => {
            return Err(format!("is an SVG image, which can carry scripts and is not taken; {TAKEN}").into());
        }
        _ => return Err(format!("is of another kind than those that are taken; {TAKEN}").into()),
    };
    if uri.len() > URI_BYTES_MAX {
        return Err(too_large());
    }
    let bytes = Base64::decode_vec(encoded).map_err(|_| Reason::from("is no valid Base64 behind the comma"))?;
    match bytes.len() {
        0..=IMAGE_BYTES_MAX if begins_right(&bytes) => Ok(()),
        0..=IMAGE_BYTES_MAX => Err(format!("is not the image that it says it is; {TAKEN}").into()),
        _ => Err(too_large()),
    }
}

fn too_large() -> Reason {
    format!("is larger than {IMAGE_BYTES_MAX} bytes; make the image smaller").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uri(kind: &str, bytes: &[u8]) -> String {
        format!("data:image/{kind};base64,{}", Base64::encode_string(bytes))
    }

    const PNG: &[u8] = b"\x89PNG\r\n\x1a\n and the rest";

    #[test]
    fn an_icon_is_a_short_text_or_a_small_image() {
        for icon in ["🦀", "rocket", &"é".repeat(32), &uri("png", PNG), &uri("jpeg", b"\xff\xd8\xff\xe0")] {
            assert_eq!(parse(icon).as_deref(), Ok(icon));
        }
        assert!(parse(&uri("webp", b"RIFF\x10\0\0\0WEBPVP8 ")).is_ok());
        for wrong in ["", "  ", "a\nb", &"x".repeat(33), "data:", "data:text/html;base64,PGI+", "data:image/png,abc"] {
            assert!(parse(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn an_image_is_what_it_says_it_is() {
        assert!(parse(&uri("png", b"<script>")).is_err_and(|reason| reason.contains("not the image")));
        assert!(parse("data:image/png;base64,!!!").is_err_and(|reason| reason.contains("Base64")));
        for svg in [uri("svg+xml", b"<svg/>"), "DATA:image/SVG+xml,<svg/>".to_owned()] {
            assert!(parse(&svg).is_err_and(|reason| reason.contains("SVG")), "{svg}");
        }
    }

    #[test]
    fn an_image_has_at_most_sixteen_kibibytes() {
        let of_bytes = |count: usize| uri("png", &[PNG, &vec![0; count - PNG.len()]].concat());
        assert!(parse(&of_bytes(IMAGE_BYTES_MAX)).is_ok());
        for count in [IMAGE_BYTES_MAX + 1, IMAGE_BYTES_MAX * 2] {
            assert!(parse(&of_bytes(count)).is_err_and(|reason| reason.contains("larger")), "{count}");
        }
    }
}

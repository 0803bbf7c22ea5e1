//! Text that came from outside, made harmless within a line: no newline can begin another line, no control character reaches a
//! terminal, and no value is longer than its bound.

use std::fmt;

/// Bytes of one value, before escaping: enough for an error with its causes, too little for a body.
pub(super) const VALUE_BYTES_MAX: usize = 8 << 10;

/// What stands at the end of a value that was cut.
const CUT: &str = "…";

/// What is escaped beside control characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Quotes {
    /// Quotation marks and backslashes, as in a JSON string (RFC 8259, 7).
    Escaped,
    /// Nothing.
    Plain,
}

/// Takes text in pieces and appends it escaped.
pub(super) struct Escaped<'a> {
    out: &'a mut Vec<u8>,
    quotes: Quotes,
    bytes_left: usize,
}

impl<'a> Escaped<'a> {
    pub(super) const fn new(out: &'a mut Vec<u8>, quotes: Quotes) -> Self {
        Self { out, quotes, bytes_left: VALUE_BYTES_MAX }
    }
}

impl fmt::Write for Escaped<'_> {
    /// Fails when the value is cut, which ends its formatting early.
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if text.len() <= self.bytes_left {
            self.bytes_left -= text.len();
            push(self.out, text, self.quotes);
            return Ok(());
        }
        push(self.out, cut(text, self.bytes_left), self.quotes);
        self.out.extend_from_slice(CUT.as_bytes());
        self.bytes_left = 0;
        Err(fmt::Error)
    }
}

/// The beginning of `text`, at most `bytes_max` long and ending with a whole character.
pub(super) fn cut(text: &str, bytes_max: usize) -> &str {
    let mut end = bytes_max.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// Appends `text` escaped, in runs of what needs none.
fn push(out: &mut Vec<u8>, text: &str, quotes: Quotes) {
    let bytes = text.as_bytes();
    let mut run_start = 0;
    for (at, byte) in bytes.iter().copied().enumerate() {
        let (control, length) = match byte {
            0..0x20 | 0x7f => (byte, 1),
            b'"' | b'\\' if quotes == Quotes::Escaped => {
                out.extend_from_slice(&bytes[run_start..at]);
                out.push(b'\\');
                run_start = at;
                continue;
            }
            // U+0080 to U+009F, among them a second way to begin a terminal's command.
            0xc2 if bytes[at + 1] < 0xa0 => (bytes[at + 1], 2),
            _ => continue,
        };
        out.extend_from_slice(&bytes[run_start..at]);
        push_control(out, control);
        run_start = at + length;
    }
    out.extend_from_slice(&bytes[run_start..]);
}

fn push_control(out: &mut Vec<u8>, control: u8) {
    const DIGITS: [u8; 16] = *b"0123456789abcdef";
    match control {
        b'\n' => out.extend_from_slice(b"\\n"),
        b'\r' => out.extend_from_slice(b"\\r"),
        b'\t' => out.extend_from_slice(b"\\t"),
        _ => {
            out.extend_from_slice(b"\\u00");
            out.extend([DIGITS[usize::from(control >> 4)], DIGITS[usize::from(control & 15)]]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::fmt::Write;

    fn escaped(text: &str, quotes: Quotes) -> String {
        let mut out = Vec::new();
        // An error says that the text was cut, which shows.
        let _ = Escaped::new(&mut out, quotes).write_str(text);
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn control_characters_never_reach_a_terminal() {
        assert_eq!(
            escaped("a\u{1b}[31m\r\n\t\u{7f}\u{9b}é\u{a0}", Quotes::Plain),
            "a\\u001b[31m\\r\\n\\t\\u007f\\u009bé\u{a0}"
        );
    }

    #[test]
    fn quotes_are_left_alone_where_nothing_is_quoted() {
        assert_eq!(escaped(r#"say "hi" \"#, Quotes::Plain), r#"say "hi" \"#);
    }

    #[test]
    fn a_long_value_is_cut_at_a_character() {
        let text = "é".repeat(VALUE_BYTES_MAX);
        assert_eq!(escaped(&format!("x{text}"), Quotes::Escaped), format!("x{}…", "é".repeat(VALUE_BYTES_MAX / 2 - 1)));
    }

    proptest! {
        #[test]
        fn an_escaped_text_is_a_json_string(text in any::<String>()) {
            let read: String = serde_json::from_str(&format!("\"{}\"", escaped(&text, Quotes::Escaped))).expect("JSON");
            prop_assert_eq!(read, text);
        }
    }
}

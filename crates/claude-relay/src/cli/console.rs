//! The terminal, if there is one: how wide it is, whether it is coloured, and asking the person in front of it.

use crate::{cli::CommandError, config::Environment};
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};
use secrecy::SecretString;
use std::io::{self, BufRead, IsTerminal, Read, Write};
use zeroize::Zeroizing;

/// Narrowest width that a table is fitted to.
const WIDTH_MIN: usize = 20;

/// Longest secret in bytes; that of an OAuth account with all its tokens has some KiB.
const SECRET_BYTES_MAX: usize = 64 << 10;

/// Longest answer to a question, in bytes.
const REPLY_BYTES_MAX: u64 = 1024;

/// What a command writes to, and whom it may ask.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Console {
    /// Columns that a line may take; none: as many as it has.
    pub(crate) width: Option<usize>,
    /// Whether words are coloured.
    pub(crate) colour: Colour,
    /// In which form answers are shown.
    pub(crate) form: Form,
}

/// Whether words are coloured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Colour {
    On,
    Off,
}

/// In which form answers are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// Tables.
    People,
    /// Documents, as they came.
    Json,
}

/// Whether to ask before something is destroyed.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(crate) struct Consent {
    /// Do not ask
    #[arg(long, short = 'y')]
    yes: bool,
}

impl Console {
    /// That in front of which this program was started.
    pub(crate) fn in_front(form: Form) -> Self {
        let environment = Environment::inherited();
        let is_terminal = io::stdout().is_terminal();
        let told = environment.get("COLUMNS").and_then(|columns| columns.parse().ok());
        let measured =
            || tcgetwinsize(io::stdout()).ok().map(|size| usize::from(size.ws_col)).filter(|width| *width > 0);
        let width = told.or_else(|| is_terminal.then(measured).flatten()).map(|width| width.max(WIDTH_MIN));
        let plain = !is_terminal || environment.get("NO_COLOR").is_some() || environment.get("TERM") == Some("dumb");
        Self { width, colour: if plain { Colour::Off } else { Colour::On }, form }
    }
}

/// Writes to standard output.
pub(crate) fn print(text: &str) -> Result<(), CommandError> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()?;
    Ok(())
}

/// Writes a document as it came.
pub(crate) fn print_document(document: &[u8]) -> Result<(), CommandError> {
    let mut out = io::stdout().lock();
    out.write_all(document)?;
    if !document.is_empty() && !document.ends_with(b"\n") {
        out.write_all(b"\n")?;
    }
    out.flush()?;
    Ok(())
}

impl Consent {
    /// Lets go on only who agrees to `question`, `Delete the API key x?`.
    pub(crate) fn ask(self, question: &str) -> Result<(), CommandError> {
        if self.yes {
            return Ok(());
        }
        if !io::stdin().is_terminal() {
            return Err(format!("{question} Nobody is here to answer; say so with --yes. Nothing was changed.").into());
        }
        write!(io::stderr(), "{question} [y/N] ")?;
        let mut reply = String::new();
        io::stdin().lock().take(REPLY_BYTES_MAX).read_line(&mut reply)?;
        if agrees(&reply) { Ok(()) } else { Err("Nothing was changed.".into()) }
    }
}

fn agrees(reply: &str) -> bool {
    matches!(reply.trim().to_ascii_lowercase().as_str(), "y" | "yes")
}

/// Asks for a secret, which is not shown while it is typed.
pub(crate) fn ask_secret(question: &str) -> Result<SecretString, CommandError> {
    let mut terminal = io::stderr();
    write!(terminal, "{question}: ")?;
    let typed = {
        let _silence = Silence::begin()?;
        read_typed(&mut io::stdin().lock())
    };
    writeln!(terminal)?;
    typed
}

/// The terminal without its echo, until this value is dropped.
struct Silence(Termios);

impl Silence {
    fn begin() -> io::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut silent = before.clone();
        // Signals off as well: Ctrl-C is read as a character, so that the echo comes back before the program ends.
        silent.local_modes.remove(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG);
        tcsetattr(io::stdin(), OptionalActions::Flush, &silent)?;
        Ok(Self(before))
    }
}

impl Drop for Silence {
    fn drop(&mut self) {
        // A terminal that is gone needs no echo.
        let _ = tcsetattr(io::stdin(), OptionalActions::Flush, &self.0);
    }
}

/// Reads until Enter, with Backspace and Ctrl-U as usual.
fn read_typed(input: &mut impl Read) -> Result<SecretString, CommandError> {
    let mut typed = Zeroizing::new(Vec::with_capacity(SECRET_BYTES_MAX));
    let mut byte = [0];
    while input.read(&mut byte)? == 1 {
        match byte[0] {
            b'\n' | b'\r' | 0x04 => break,
            0x03 => return Err("Nothing was changed.".into()),
            0x15 => typed.clear(),
            0x08 | 0x7f => {
                // A character of UTF-8 goes as a whole.
                while typed.pop().is_some_and(|last| last & 0xc0 == 0x80) {}
            }
            other if typed.len() < SECRET_BYTES_MAX => typed.push(other),
            _ => return Err("that is longer than 64 KiB, which no secret is".into()),
        }
    }
    secret(&typed)
}

/// Reads a secret from a file or from standard input; one line's end behind it is not part of it.
pub(crate) fn read_secret(input: impl Read) -> Result<SecretString, CommandError> {
    let mut read = Zeroizing::new(Vec::with_capacity(SECRET_BYTES_MAX + 1));
    input.take(SECRET_BYTES_MAX as u64 + 1).read_to_end(&mut read)?;
    if read.len() > SECRET_BYTES_MAX {
        return Err("that is longer than 64 KiB, which no secret is".into());
    }
    let line = read.strip_suffix(b"\n").unwrap_or(&read);
    secret(line.strip_suffix(b"\r").unwrap_or(line))
}

fn secret(bytes: &[u8]) -> Result<SecretString, CommandError> {
    match std::str::from_utf8(bytes) {
        Ok("") => Err("no secret was given; nothing was changed".into()),
        Ok(text) => Ok(SecretString::from(text)),
        Err(_) => Err("the secret is not UTF-8".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;

    #[test]
    fn only_a_yes_is_a_yes() {
        assert!(agrees("y\n") && agrees(" YES \n"));
        assert!(!agrees("\n") && !agrees("n\n") && !agrees("yesterday\n"));
    }

    #[test]
    fn what_is_typed_can_be_corrected() {
        let typed = |text: &str| read_typed(&mut text.as_bytes()).map(|secret| secret.expose_secret().to_owned());
        assert_eq!(typed("wrong\x15sk-aü\x7fb\r").expect("a secret"), "sk-ab");
        assert!(typed("sk\x03").is_err() && typed("\n").is_err());
    }

    #[test]
    fn a_line_s_end_is_no_part_of_a_secret() {
        let read = |text: &str| read_secret(text.as_bytes()).map(|secret| secret.expose_secret().to_owned());
        assert_eq!(read("sk-a\r\n").expect("a secret"), "sk-a");
        assert_eq!(read(" sk-a").expect("a secret"), " sk-a");
        assert!(read("\n").is_err() && read(&"x".repeat(SECRET_BYTES_MAX + 1)).is_err());
    }
}

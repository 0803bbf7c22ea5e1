//! Tables for people, no wider than their terminal. A character that would move the cursor never gets there.

use crate::cli::console::{Colour, Console};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// What stands between two columns.
const GAP: &str = "  ";

/// Narrowest that a column of texts becomes while another can give way.
const TEXT_WIDTH_MIN: usize = 8;

/// Narrowest that any column becomes.
const WIDTH_MIN: usize = 2;

/// What stands at the end of a text that was cut.
const CUT: char = '…';

/// A column.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Column {
    title: &'static str,
    align: Align,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Align {
    Left,
    Right,
}

/// What is in one place of a table.
#[derive(Debug, Clone)]
pub(crate) struct Cell {
    text: String,
    tone: Tone,
}

/// What a word means to whoever reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    Plain,
    Good,
    Doubtful,
    Bad,
    Title,
}

/// Rows under titles.
#[derive(Debug)]
pub(crate) struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<Cell>>,
}

/// A column of texts.
pub(crate) const fn texts(title: &'static str) -> Column {
    Column { title, align: Align::Left }
}

/// A column of numbers, which are not cut while a text can be.
pub(crate) const fn numbers(title: &'static str) -> Column {
    Column { title, align: Align::Right }
}

impl Cell {
    /// A word in a tone.
    pub(crate) fn toned(text: impl AsRef<str>, tone: Tone) -> Self {
        Self { text: harmless(text.as_ref()), tone }
    }
}

impl<T: AsRef<str>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self::toned(text, Tone::Plain)
    }
}

impl Table {
    /// Without rows.
    pub(crate) fn new(columns: impl Into<Vec<Column>>) -> Self {
        Self { columns: columns.into(), rows: Vec::new() }
    }

    /// Adds a row; it has as many cells as there are columns.
    pub(crate) fn push(&mut self, row: impl Into<Vec<Cell>>) {
        self.rows.push(row.into());
    }

    /// The lines of the table.
    pub(crate) fn render(&self, console: &Console) -> String {
        let widths = fit(&self.natural_widths(), &self.columns, console.width);
        let titles = self.columns.iter().map(|column| Cell::toned(column.title, Tone::Title)).collect::<Vec<_>>();
        let rows = std::iter::once(&titles).chain(&self.rows);
        rows.map(|row| self.line(row, &widths, console)).collect()
    }

    fn natural_widths(&self) -> Vec<usize> {
        let widest = |at: usize| self.rows.iter().filter_map(|row| row.get(at)).map(|cell| cell.text.width()).max();
        let columns = self.columns.iter().enumerate();
        columns.map(|(at, column)| column.title.width().max(widest(at).unwrap_or(0))).collect()
    }

    fn line(&self, row: &[Cell], widths: &[usize], console: &Console) -> String {
        let mut line = String::new();
        let mut written = 0;
        for ((cell, column), &width) in row.iter().zip(&self.columns).zip(widths) {
            let text = cut(&cell.text, width);
            let space = " ".repeat(width.saturating_sub(text.width()));
            let before = if column.align == Align::Right { space.as_str() } else { "" };
            if written > 0 {
                line.push_str(GAP);
            }
            line.push_str(before);
            line.push_str(&paint(&text, cell.tone, console.colour));
            if before.is_empty() {
                line.push_str(&space);
            }
            written += 1;
        }
        format!("{}\n", line.trim_end())
    }
}

/// Takes from the widest column of texts first, then from any, until the line fits.
fn fit(natural: &[usize], columns: &[Column], width: Option<usize>) -> Vec<usize> {
    let mut widths = natural.to_vec();
    let Some(width) = width else { return widths };
    let room = width.saturating_sub(GAP.len() * columns.len().saturating_sub(1));
    while widths.iter().sum::<usize>() > room {
        let is_text = |at: &usize| columns[*at].align == Align::Left && widths[*at] > TEXT_WIDTH_MIN;
        let text = (0..widths.len()).filter(is_text).max_by_key(|at| widths[*at]);
        let any = || (0..widths.len()).filter(|at| widths[*at] > WIDTH_MIN).max_by_key(|at| widths[*at]);
        let Some(at) = text.or_else(any) else { break };
        widths[at] -= 1;
    }
    widths
}

/// The beginning of `text` that takes `width` columns at most.
pub(crate) fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut taken = String::new();
    let mut room = width.saturating_sub(1);
    for letter in text.chars() {
        let needs = letter.width().unwrap_or(0);
        if needs > room {
            break;
        }
        room -= needs;
        taken.push(letter);
    }
    taken.push(CUT);
    taken
}

/// Text in a tone, as terminals understand it.
pub(crate) fn paint(text: &str, tone: Tone, colour: Colour) -> String {
    let code = match tone {
        Tone::Plain => return text.to_owned(),
        Tone::Good => "32",
        Tone::Doubtful => "33",
        Tone::Bad => "31",
        Tone::Title => "1",
    };
    match colour {
        Colour::On if !text.is_empty() => format!("\x1b[{code}m{text}\x1b[0m"),
        Colour::On | Colour::Off => text.to_owned(),
    }
}

/// Text without what moves a cursor, ends a line or turns its direction.
pub(crate) fn harmless(text: &str) -> String {
    let is_harmful = |letter: char| {
        letter.is_control() || matches!(letter, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars().map(|letter| if is_harmful(letter) { char::REPLACEMENT_CHARACTER } else { letter }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::console::Form;

    fn console(width: Option<usize>) -> Console {
        Console { width, colour: Colour::Off, form: Form::People }
    }

    fn table() -> Table {
        let mut table = Table::new([texts("NAME"), texts("NOTE"), numbers("COST")]);
        table.push([Cell::from("alice"), "short".into(), "$1.00".into()]);
        table.push([Cell::from("鍵盤の開発チーム"), "a long note that nobody needs to read".into(), "$12.50".into()]);
        table
    }

    #[test]
    fn columns_stand_below_each_other_also_where_letters_are_wide() {
        let expected = "\
NAME              NOTE                                     COST
alice             short                                   $1.00
鍵盤の開発チーム  a long note that nobody needs to read  $12.50
";
        assert_eq!(table().render(&console(None)), expected);
    }

    #[test]
    fn no_line_is_wider_than_the_terminal_and_numbers_are_cut_last() {
        for width in [20, 21, 30, 33, 40, 63, 80] {
            let rendered = table().render(&console(Some(width)));
            for line in rendered.lines() {
                assert!(line.width() <= width, "{width}: {line}");
            }
            assert!(width < 30 || rendered.contains("$12.50"), "{rendered}");
        }
    }

    #[test]
    fn a_wide_letter_is_not_halved() {
        assert_eq!(cut("鍵盤の", 4), "鍵…");
        assert_eq!(cut("鍵盤", 4), "鍵盤");
        assert_eq!(cut("abc", 2), "a…");
    }

    #[test]
    fn a_name_cannot_move_the_cursor_or_begin_a_line() {
        let cell = Cell::from("a\x1b[2Jb\nc\u{202e}d");
        assert_eq!(cell.text, "a\u{fffd}[2Jb\u{fffd}c\u{fffd}d");
    }

    #[test]
    fn a_tone_is_a_colour_where_there_are_colours_only() {
        assert_eq!(paint("ready", Tone::Good, Colour::On), "\x1b[32mready\x1b[0m");
        assert_eq!(paint("ready", Tone::Good, Colour::Off), "ready");
    }
}

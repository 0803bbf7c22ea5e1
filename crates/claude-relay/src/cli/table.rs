//! Tables for people, no wider than their terminal. A character that would move the cursor never gets there.

use crate::cli::console::{Colour, Console};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// What stands between two columns.
const GAP: &str = "  ";

/// Narrowest that a column of texts becomes while another can give way.
const TEXT_WIDTH_MIN: usize = 8;

/// Width at which a text can still be read: before columns become narrower, those that can be spared go.
const TEXT_WIDTH_GOOD: usize = 14;

/// Narrowest that any column becomes.
const WIDTH_MIN: usize = 2;

/// What stands at the end of a text that was cut.
const CUT: char = '…';

/// A column.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Column {
    title: &'static str,
    align: Align,
    need: Need,
}

/// Which columns stay where there is little room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Need {
    Always,
    /// The greater goes the sooner.
    Spare(u8),
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
    Column { title, align: Align::Left, need: Need::Always }
}

/// A column of numbers, which are not cut while a text can be.
pub(crate) const fn numbers(title: &'static str) -> Column {
    Column { title, align: Align::Right, need: Need::Always }
}

impl Column {
    /// Left out where there is little room; the greater `rank` the sooner.
    pub(crate) const fn spare(self, rank: u8) -> Self {
        Self { need: Need::Spare(rank), ..self }
    }
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
        let natural = self.natural_widths();
        let shown = spare(&natural, &self.columns, console.width);
        let columns = shown.iter().map(|at| self.columns[*at]).collect::<Vec<_>>();
        let natural = shown.iter().map(|at| natural[*at]).collect::<Vec<_>>();
        let widths = fit(&natural, &columns, console.width);
        let titles = columns.iter().map(|column| Cell::toned(column.title, Tone::Title)).collect();
        let rows = self.rows.iter().map(|row| shown.iter().filter_map(|at| row.get(*at).cloned()).collect::<Vec<_>>());
        std::iter::once(titles).chain(rows).map(|row: Vec<Cell>| line(&row, &columns, &widths, console)).collect()
    }

    fn natural_widths(&self) -> Vec<usize> {
        let widest = |at: usize| self.rows.iter().filter_map(|row| row.get(at)).map(|cell| cell.text.width()).max();
        let columns = self.columns.iter().enumerate();
        columns.map(|(at, column)| column.title.width().max(widest(at).unwrap_or(0))).collect()
    }
}

fn line(row: &[Cell], columns: &[Column], widths: &[usize], console: &Console) -> String {
    let places = row.iter().zip(columns).zip(widths);
    let cells = places.map(|((cell, column), &width)| {
        let text = cut(&cell.text, width);
        let space = " ".repeat(width.saturating_sub(text.width()));
        let text = paint(&text, cell.tone, console.colour);
        if column.align == Align::Right { format!("{space}{text}") } else { format!("{text}{space}") }
    });
    format!("{}\n", cells.collect::<Vec<_>>().join(GAP).trim_end())
}

/// Which columns are shown: what can be spared goes until the rest can be read.
fn spare(natural: &[usize], columns: &[Column], width: Option<usize>) -> Vec<usize> {
    let mut shown: Vec<usize> = (0..columns.len()).collect();
    let Some(width) = width else { return shown };
    let good = |at: &usize| match columns[*at].align {
        Align::Left => natural[*at].min(TEXT_WIDTH_GOOD),
        Align::Right => natural[*at],
    };
    while shown.iter().map(good).sum::<usize>() + GAP.len() * shown.len().saturating_sub(1) > width {
        let place = (0..shown.len()).max_by_key(|place| columns[shown[*place]].need);
        match place {
            Some(place) if columns[shown[place]].need > Need::Always => drop(shown.remove(place)),
            _ => break,
        }
    }
    shown
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
        letter.is_control()
            || matches!(letter, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
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
    fn columns_that_can_be_spared_go_before_the_others_become_hard_to_read() {
        let mut table = Table::new([texts("NAME"), texts("ID").spare(2), numbers("COST").spare(1)]);
        table.push([Cell::from("alice"), "0123456789".into(), "$1.00".into()]);
        let titles = |width| table.render(&console(Some(width))).lines().next().map(str::to_owned);
        assert_eq!(titles(24).as_deref(), Some("NAME   ID           COST"));
        assert_eq!(titles(23).as_deref(), Some("NAME    COST"));
        assert_eq!(titles(20).as_deref(), Some("NAME    COST"));
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

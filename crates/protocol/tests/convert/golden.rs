//! Golden files: `requests/CLIENT` and `answers/UPSTREAM` are what comes in, `expected` what goes out. Where a file
//! differs, what came out is written beside the build, to be looked at and copied.

use crate::{NOW, convert_stream, golden_files, model_of, pairs, way_back};
use domain::Dialect;
use protocol::convert;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// The files of a folder, in order.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = match fs::read_dir(folder) {
        Ok(entries) => entries.map(|entry| entry.expect("a readable folder").path()).collect(),
        Err(_) => Vec::new(),
    };
    files.sort();
    files
}

/// Compares with the file at `path` below `expected`; says where the difference can be seen.
fn difference(path: &Path, found: &str) -> Option<String> {
    let expected = fs::read_to_string(golden_files().join("expected").join(path)).unwrap_or_default();
    if expected == found {
        return None;
    }
    let beside = Path::new(env!("CARGO_TARGET_TMPDIR")).join("convert-expected").join(path);
    fs::create_dir_all(beside.parent().expect("a folder")).expect("a folder that can be made");
    fs::write(&beside, found).expect("a file that can be written");
    Some(format!("{} differs; what came out: {}", path.display(), beside.display()))
}

/// JSON with a member a line, order and numbers untouched.
fn laid_out(json: &[u8]) -> String {
    let (mut out, mut depth, mut in_text, mut is_escaped) = (String::new(), 0_usize, false, false);
    let text = std::str::from_utf8(json).expect("UTF-8");
    let line = |out: &mut String, depth: usize| {
        out.push('\n');
        out.push_str(&"  ".repeat(depth));
    };
    for letter in text.chars() {
        match letter {
            _ if in_text => {
                in_text = is_escaped || letter != '"';
                is_escaped = !is_escaped && letter == '\\';
                out.push(letter);
            }
            '{' | '[' => {
                depth += 1;
                out.push(letter);
                line(&mut out, depth);
            }
            '}' | ']' => {
                depth -= 1;
                line(&mut out, depth);
                out.push(letter);
            }
            ',' => {
                out.push(letter);
                line(&mut out, depth);
            }
            ':' => out.push_str(": "),
            letter if letter.is_whitespace() => {}
            letter => {
                in_text = letter == '"';
                out.push(letter);
            }
        }
    }
    out + "\n"
}

fn converted_request(from: Dialect, to: Dialect, body: &[u8]) -> String {
    match convert::request(from, to, body, model_of(to), NOW) {
        Ok(converted) => laid_out(&converted.body),
        Err(error) => format!("400 {error}\n"),
    }
}

fn converted_answer(from: Dialect, to: Dialect, file: &Path) -> String {
    let input = fs::read(file).expect("a readable file");
    let converter = way_back(from, to);
    if file.extension().is_some_and(|ending| ending == "json") {
        return laid_out(&converter.document(&input).expect("an answer of the dialect"));
    }
    let (out, failure) = convert_stream(converter, &input);
    let out = String::from_utf8(out).expect("UTF-8");
    match failure {
        None => out,
        Some(error) => format!("{out}failed: {:?} {:?}\n", error.kind, error.message),
    }
}

#[test]
fn requests_become_what_the_golden_files_say() {
    let mut differences = Vec::new();
    for (from, to) in pairs() {
        for file in files(&golden_files().join("requests").join(from.to_string())) {
            let found = converted_request(from, to, &fs::read(&file).expect("a readable file"));
            let name = file.file_name().expect("a name");
            let path = Path::new("requests").join(format!("{from}-to-{to}")).join(name);
            differences.extend(difference(&path, &found));
        }
    }
    assert!(differences.is_empty(), "{differences:#?}");
}

#[test]
fn answers_become_what_the_golden_files_say() {
    let mut differences = Vec::new();
    for (from, to) in pairs() {
        for file in files(&golden_files().join("answers").join(to.to_string())) {
            let found = converted_answer(from, to, &file);
            let name = file.file_name().expect("a name");
            let path = Path::new("answers").join(format!("{to}-for-{from}")).join(name);
            differences.extend(difference(&path, &found));
        }
    }
    assert!(differences.is_empty(), "{differences:#?}");
}

#[test]
fn every_golden_file_is_looked_at() {
    let mut known = 0;
    for (from, to) in pairs() {
        known += files(&golden_files().join("requests").join(from.to_string())).len();
        known += files(&golden_files().join("answers").join(to.to_string())).len();
    }
    let folders = ["requests", "answers"].map(|kind| files(&golden_files().join("expected").join(kind)));
    let expected: usize = folders.iter().flatten().map(|folder| files(folder).len()).sum();
    assert_eq!(expected, known);
}

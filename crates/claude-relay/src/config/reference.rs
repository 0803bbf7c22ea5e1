//! The manual's page on settings, made from the table. Committed as `docs/configuration.md`; a test keeps it fresh.

use super::{
    earlier,
    setting::{DefaultKind, Home, Spec},
    table,
};
use std::fmt::Write;

const INTRODUCTION: &str = "\
# Settings

<!-- Made from crates/claude-relay/src/config/table.rs by its tests; do not edit. -->

Settings are read once, at the start, from three places; the later wins:

1. one file in TOML: `claude-relay.toml` in the data directory if it is there, or the one named with `--config`. A key
   that is not in the list below is refused;
2. the environment. A variable that is set to nothing counts as not set. `.env` files are not read: let your shell,
   `docker compose` or systemd (`EnvironmentFile=`) do it;
3. the flags of `claude-relay serve` and `claude-relay setup`.

A setting `log.level` is `level` in the table `[log]` of the file, and `LOG_LEVEL` in the environment. Times have a unit
(`500ms`, `30s`, `10m`, `24h`), sizes too (`100MB`; powers of 1024). A value of the earlier service under its own name
keeps its own unit.

Secrets stand in the environment only: files are copied and shared, and flags show in process lists. What the
environment does not give is made at the first start and kept in `secrets.env` in the data directory (mode 0600).
";

/// The whole page, as Markdown.
#[must_use]
pub fn markdown() -> String {
    let mut page = String::from(INTRODUCTION);
    for spec in table::ALL {
        page.push_str(&section(spec));
    }
    page.push_str(
        "\n## Settings of the earlier service that are not used yet\n\n\
         Each one that is set is named in a warning at the start.\n\n",
    );
    for name in earlier::UNUSED {
        writeln!(page, "* `{name}`").expect("writing to a string does not fail");
    }
    page
}

fn section(spec: &Spec) -> String {
    let mut names = vec![format!("environment `{}`", spec.environment_name())];
    names.extend(spec.flag.map(|flag| format!("flag `{flag}`")));
    names.extend(spec.earlier.iter().map(|earlier| match earlier.unit {
        "" => format!("earlier `{}`", earlier.name),
        unit => format!("earlier `{}` (in {unit})", earlier.name),
    }));
    let place = match spec.home {
        Home::Anywhere => "",
        Home::Secret => " Not in the file.",
    };
    let default = match spec.default_kind {
        DefaultKind::Value => format!("`{}`", spec.default),
        DefaultKind::Words => spec.default.to_owned(),
    };
    let (name, doc, values, names) = (spec.name, spec.doc, spec.values, names.join(", "));
    format!("\n## `{name}`\n\n{doc}\n\n* Takes: {values}. Default: {default}.\n* Names: {names}.{place}\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::FILE_NAME;
    use std::{fs, path::Path};

    #[test]
    fn the_page_in_the_manual_is_fresh() {
        let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/configuration.md"));
        let fresh = markdown();
        if fs::read_to_string(path).is_ok_and(|committed| committed == fresh) {
            return;
        }
        fs::write(path, fresh).expect("the manual can be written");
        panic!("docs/configuration.md was stale; it has been written anew: look at the difference and commit it");
    }

    #[test]
    fn the_page_names_the_file_that_is_read() {
        assert!(markdown().contains(FILE_NAME));
    }
}

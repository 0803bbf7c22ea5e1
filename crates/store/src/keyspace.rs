//! The keyspace table: one entry per family of keys. A family that is not in it cannot be written.
//!
//! Everything that walks what is stored reads this table: the engines' schemas, export, import, copying, sanitising, clean-up,
//! and the operator's manual. Names and classes are those of the specification.

mod families;

pub use families::TABLE;

/// What a key of a family holds in Redis. In SQLite each family is a table or a view of the same name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Fields by name.
    Hash,
    /// One value.
    String,
    /// Members.
    Set,
    /// Members with scores.
    SortedSet,
    /// A list of bounded length.
    List,
}

/// How long a key lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Life {
    /// Until somebody deletes it.
    UntilDeleted,
    /// As long as the record that it belongs to.
    WithRecord,
    /// Until its time to live, its window or its lease is over.
    Timed,
    /// `TOKEN_USAGE_RETENTION` days.
    Retention,
    /// `audit.retention_days` days.
    AuditRetention,
    /// Seven days.
    Week,
    /// For ever, or until the store itself goes.
    Forever,
}

/// What moves with an installation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Must last; exported.
    Record,
    /// Must last for its retention; exported.
    Usage,
    /// Survives a restart; carried by an engine copy, not exported.
    State,
    /// Belongs to a running process; not exported.
    Live,
    /// Belongs to the store itself; never exported or imported.
    Store,
}

/// What a column of a record holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnKind {
    /// A text.
    Text,
    /// A whole number.
    Integer,
    /// Ciphertext of `vault`; masked wherever it is shown, replaced where it is shared.
    Secret,
}

/// What a list may do by a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listing {
    /// Nothing.
    Unlisted,
    /// Filter and order.
    Listed,
    /// Filter, order, and search for a text in it.
    Searched,
    /// Filter by the items of its value, a JSON array of texts, and count by item. A value that is no array has none.
    Items,
}

/// Columns whose filters hold for counts by item too: an engine may keep them beside the items.
pub const COUNTED_BY: &[&str] = &["state"];

/// A field of the records of a family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: &'static str,
    /// What it holds.
    pub kind: ColumnKind,
    /// What a list may do by it.
    pub listing: Listing,
}

/// A column whose value no two records of the family share, and the family that maps the value to the id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unique {
    /// The column.
    pub column: &'static str,
    /// The family of the mapping.
    pub index: Family,
}

/// One family of keys.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// Which.
    pub family: Family,
    /// The name in front of the first parameter; the table's name in SQLite with `:` as `_`.
    pub name: &'static str,
    /// The whole key with its parameters, the subject in braces: `usage:daily:{date}:{key}:{model}` of the specification is
    /// `usage:daily:DATE:{KEY}:MODEL` here, where braces are literal.
    pub pattern: &'static str,
    /// What a key holds.
    pub kind: Kind,
    /// How long it lives.
    pub life: Life,
    /// What moves with an installation.
    pub class: Class,
    /// Fields, for families that [`Records`](crate::Records) serves; empty otherwise.
    pub columns: &'static [Column],
    /// Unique columns.
    pub unique: &'static [Unique],
    /// What it holds, for the manual.
    pub holds: &'static str,
}

pub use families::Family;

impl Family {
    /// The table's entry.
    #[must_use]
    pub fn entry(self) -> &'static Entry {
        &TABLE[self as usize]
    }

    /// The name in front of the first parameter, `usage:daily`.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.entry().name
    }

    /// The family with this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        TABLE.iter().find(|entry| entry.name == name).map(|entry| entry.family)
    }

    /// The column with this name, if the family has it.
    #[must_use]
    pub fn column(self, name: &str) -> Option<&'static Column> {
        self.entry().columns.iter().find(|column| column.name == name)
    }

    /// For a family that maps a unique value to an id: the family of the records and the column.
    #[must_use]
    pub fn indexed(self) -> Option<(Self, &'static str)> {
        let owner = |entry: &'static Entry| entry.unique.iter().map(move |unique| (entry.family, unique));
        TABLE
            .iter()
            .flat_map(owner)
            .find(|(_, unique)| unique.index == self)
            .map(|(family, unique)| (family, unique.column))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn each_entry_stands_at_its_family_s_place() {
        for (place, entry) in TABLE.iter().enumerate() {
            assert_eq!(entry.family as usize, place, "{}", entry.name);
            assert_eq!(Family::parse(entry.name), Some(entry.family));
        }
    }

    #[test]
    fn names_are_unique_and_begin_their_patterns() {
        let names: BTreeSet<_> = TABLE.iter().map(|entry| entry.name).collect();
        assert_eq!(names.len(), TABLE.len());
        for entry in TABLE {
            assert!(entry.pattern.starts_with(entry.name), "{}", entry.pattern);
        }
    }

    #[test]
    fn each_pattern_has_at_most_one_part_in_braces() {
        for entry in TABLE {
            let opened = entry.pattern.matches('{').count();
            assert!(opened <= 1 && opened == entry.pattern.matches('}').count(), "{}", entry.pattern);
        }
    }

    #[test]
    fn no_column_is_called_as_what_engines_keep_beside_them() {
        for entry in TABLE {
            assert!(entry.family.column("version").is_none() && entry.family.column("id").is_none(), "{}", entry.name);
        }
    }

    #[test]
    fn a_unique_column_is_a_column() {
        for entry in TABLE {
            for unique in entry.unique {
                assert!(entry.family.column(unique.column).is_some(), "{}.{}", entry.name, unique.column);
                assert_eq!(unique.index.indexed(), Some((entry.family, unique.column)));
            }
        }
    }

    #[test]
    fn every_family_of_the_specification_is_in_the_table() {
        let specified = [
            "api_key",
            "api_key_hash",
            "api_key_usage",
            "api_key_cost",
            "claude_account",
            "claude_console_account",
            "gemini_account",
            "openai_account",
            "openai_responses_account",
            "bedrock_account",
            "azure_openai_account",
            "droid_account",
            "ccr_account",
            "user",
            "user_email",
            "user_session",
            "admin",
            "admin_username",
            "admin_credentials",
            "session",
            "sticky_session",
            "session_window",
            "usage:daily",
            "usage:account",
            "usage:global",
            "rate_limit",
            "rate_limit_state",
            "overload",
            "concurrency",
            "concurrency:key",
            "concurrency:queue",
            "concurrency:queue:stats",
            "concurrency:queue:wait_times",
            "webhook_config",
            "user_msg_queue_lock",
            "user_msg_queue_last",
            "system_info",
            "schema",
            "key_check",
            "model_pricing",
        ];
        for name in specified {
            assert!(Family::parse(name).is_some(), "{name}");
        }
    }
}

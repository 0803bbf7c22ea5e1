//! The arrows between our crates, and what each crate must never see. The one table here is the architecture's.

use super::Finding;
use super::tree::Tree;
use crate::workspace::{Dependency, Origin, Package, Purpose};

/// What one crate may name.
struct Room {
    name: &'static str,
    /// Our crates that it may use. What is not here is forbidden.
    may_use: &'static [&'static str],
    /// Foreign crates that it must not use.
    never: &'static [&'static [&'static str]],
}

/// Sockets, files, databases, runtimes: what a crate that only decides must not see.
const INPUT_AND_OUTPUT: &[&str] =
    &["tokio", "tokio-util", "tokio-stream", "async-std", "smol", "mio", "socket2", "fs4"];

/// HTTP, on either side.
const HTTP: &[&str] = &["axum", "hyper", "hyper-util", "hyper-rustls", "reqwest", "rustls", "tower", "tower-http"];

/// HTTP as a server.
const SERVERS: &[&str] = &["axum", "tower", "tower-http"];

/// The storage engines.
const ENGINES: &[&str] = &["rusqlite", "libsqlite3-sys", "sqlx", "redis", "fred"];

/// The storage engine that several machines share.
const REDIS: &[&str] = &["redis", "fred"];

/// A crate that does no I/O at all.
const PURE: &[&[&str]] = &[INPUT_AND_OUTPUT, HTTP, ENGINES];

/// Every crate of the workspace, from the bottom up.
const ROOMS: [Room; 18] = [
    Room { name: "domain", may_use: &[], never: PURE },
    Room { name: "protocol", may_use: &["domain"], never: PURE },
    Room { name: "scheduling", may_use: &["domain"], never: PURE },
    Room { name: "accounting", may_use: &["domain"], never: PURE },
    Room { name: "vault", may_use: &["domain"], never: PURE },
    Room { name: "store", may_use: &["domain"], never: &[HTTP, ENGINES] },
    Room { name: "store-sqlite", may_use: &["domain", "store"], never: &[HTTP, REDIS] },
    Room {
        name: "store-redis",
        may_use: &["domain", "store"],
        never: &[HTTP, &["rusqlite", "libsqlite3-sys", "sqlx"]],
    },
    Room { name: "journal", may_use: &["domain", "store"], never: &[HTTP, REDIS] },
    Room { name: "upstream", may_use: &["domain", "protocol"], never: &[ENGINES] },
    Room { name: "credentials", may_use: &["domain", "store", "vault", "upstream"], never: &[SERVERS, ENGINES] },
    Room { name: "jobs", may_use: &["domain", "store"], never: &[HTTP, ENGINES] },
    Room {
        name: "relay",
        may_use: &[
            "domain",
            "protocol",
            "scheduling",
            "accounting",
            "vault",
            "store",
            "journal",
            "upstream",
            "credentials",
        ],
        never: &[ENGINES],
    },
    Room {
        name: "admin",
        may_use: &[
            "domain",
            "protocol",
            "scheduling",
            "accounting",
            "vault",
            "store",
            "journal",
            "upstream",
            "credentials",
        ],
        never: &[ENGINES],
    },
    Room {
        name: "claude-relay",
        may_use: &[
            "domain",
            "protocol",
            "scheduling",
            "accounting",
            "vault",
            "store",
            "store-sqlite",
            "store-redis",
            "journal",
            "upstream",
            "credentials",
            "jobs",
            "relay",
            "admin",
        ],
        never: &[],
    },
    Room { name: "testkit", may_use: &["domain", "protocol", "vault", "store", "store-sqlite"], never: &[] },
    Room { name: "bench", may_use: &["domain", "store", "store-sqlite", "store-redis", "testkit"], never: &[ENGINES] },
    Room { name: "xtask", may_use: &[], never: PURE },
];

/// What any crate's tests may use, beside what the crate itself may, and the crate itself with other features.
const FOR_TESTS: [&str; 1] = ["testkit"];

/// Reports every arrow that is not in the table, every crate without a row, and every row without a crate.
pub(crate) fn check(tree: &Tree<'_>) -> Vec<Finding> {
    let packages = &tree.workspace.packages;
    let rows_without_crate = ROOMS
        .iter()
        .filter(|room| !packages.iter().any(|it| it.name == room.name))
        .map(|room| Finding::new(file!(), format!("there is no crate `{}`: delete its row", room.name)));
    packages.iter().flat_map(judge).chain(rows_without_crate).collect()
}

fn judge(package: &Package) -> Vec<Finding> {
    let place = format!("the crate `{}`", package.name);
    let Some(room) = ROOMS.iter().find(|room| room.name == package.name) else {
        return vec![Finding::new(place, format!("has no row in {}: what must it never see?", file!()))];
    };
    let breaches = package.dependencies.iter().filter_map(|it| breach(room, it));
    breaches.map(|text| Finding::new(&*place, text)).collect()
}

fn breach(room: &Room, dependency: &Dependency) -> Option<String> {
    let Dependency { name, purpose, origin } = dependency;
    let for_tests = *purpose == Purpose::Tests;
    let allowed = match origin {
        Origin::Ours => {
            room.may_use.contains(&&**name) || (for_tests && (FOR_TESTS.contains(&&**name) || *name == room.name))
        }
        Origin::Foreign => for_tests || !room.never.iter().any(|group| group.contains(&&**name)),
    };
    (!allowed).then(|| format!("must not use `{name}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, dependency: &str, purpose: Purpose, origin: Origin) -> Package {
        let dependencies = vec![Dependency { name: dependency.to_owned(), purpose, origin }];
        Package { name: name.to_owned(), dependencies }
    }

    #[test]
    fn an_arrow_that_points_up_is_reported() {
        assert_eq!(judge(&package("domain", "store", Purpose::Product, Origin::Ours)).len(), 1);
    }

    #[test]
    fn the_planes_do_not_see_each_other() {
        let relay = judge(&package("relay", "admin", Purpose::Product, Origin::Ours));
        let admin = judge(&package("admin", "relay", Purpose::Product, Origin::Ours));

        assert_eq!((relay.len(), admin.len()), (1, 1));
    }

    #[test]
    fn a_crate_that_decides_does_no_input_and_output() {
        assert_eq!(judge(&package("scheduling", "tokio", Purpose::Product, Origin::Foreign)).len(), 1);
    }

    #[test]
    fn the_ports_name_no_engine() {
        assert_eq!(judge(&package("store", "rusqlite", Purpose::Product, Origin::Foreign)).len(), 1);
    }

    #[test]
    fn the_test_kit_does_not_ship() {
        assert_eq!(judge(&package("relay", "testkit", Purpose::Product, Origin::Ours)).len(), 1);
    }

    #[test]
    fn the_test_kit_serves_every_crate_s_tests() {
        assert_eq!(judge(&package("relay", "testkit", Purpose::Tests, Origin::Ours)), []);
    }

    #[test]
    fn an_arrow_of_the_table_is_not_reported() {
        assert_eq!(judge(&package("journal", "store", Purpose::Product, Origin::Ours)), []);
    }

    #[test]
    fn a_crate_without_a_row_is_reported() {
        assert_eq!(judge(&package("helpers", "domain", Purpose::Product, Origin::Ours)).len(), 1);
    }
}

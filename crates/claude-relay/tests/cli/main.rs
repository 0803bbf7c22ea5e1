//! The command line as operators and scripts use it: on a relay that runs, on the directory of one that is stopped, on either
//! engine. Nothing inside is known here but the admin API's paths.
#![expect(clippy::unwrap_used, reason = "a test stops where it fails, and these functions are parts of tests")]

mod account_groups;
mod accounts;
mod audit;
mod keys;
mod looks;
mod manual;
mod oauth;
mod page;
mod redis;
mod site;
mod socket;
mod tags;
mod usage;
mod users;

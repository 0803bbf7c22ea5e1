//! Credentials between a store and an authorisation server on loopback: when they refresh, how often, and what a crash leaves.

mod crashes;
mod faults;
mod refreshes;
mod stage;

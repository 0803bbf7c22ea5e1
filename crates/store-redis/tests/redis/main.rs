//! The store over real Redis servers: the contracts, what interrupted writers leave, and the servers themselves.

mod books;
mod conformance;
mod fixture;
mod leftovers;
mod servers;

// Named so that it is linked with its provider of cryptography, as it is in the relay's binary.
use rustls as _;

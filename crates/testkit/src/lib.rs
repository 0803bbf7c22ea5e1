//! Tests only: manual clock, scripted upstream, a whole relay on loopback.

//! The wire dialects: event decoding, usage readers, refusals. No I/O.

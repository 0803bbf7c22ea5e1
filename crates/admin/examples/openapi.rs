//! Prints the OpenAPI document of the control plane: `cargo run -p admin --example openapi > crates/admin/openapi.json`.

use std::io::{Write, stdout};

fn main() -> std::io::Result<()> {
    stdout().write_all(admin::openapi_text().as_bytes())
}

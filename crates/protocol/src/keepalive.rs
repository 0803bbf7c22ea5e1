//! What is sent while an upstream is silent. Each dialect has another thing that its clients bear.

use domain::Dialect;

/// A keep-alive for a stream that has begun, complete in itself.
///
/// Chosen by what real clients do with it: an Anthropic `ping` resets Claude Code's idle clock; a `keepalive` event
/// resets Codex's, which a comment does not; Chat clients ignore comments; Gemini's clients fail at comments and take
/// a chunk without text.
#[must_use]
pub const fn keepalive(dialect: Dialect) -> &'static [u8] {
    match dialect {
        Dialect::Anthropic => b"event: ping\ndata: {\"type\": \"ping\"}\n\n",
        Dialect::OpenAiChat => b": keep-alive\n\n",
        Dialect::OpenAiResponses => b"event: keepalive\ndata: {\"type\":\"keepalive\"}\n\n",
        Dialect::Gemini => {
            b"data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"\"}],\"role\":\"model\"},\"index\":0}]}\r\n\r\n"
        }
    }
}

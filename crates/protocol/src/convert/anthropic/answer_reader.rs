//! Reads a Messages answer: a document, or event by event.

use crate::{
    answer::{UpstreamError, UpstreamErrorKind},
    convert::{
        answer::{Begin, CallHead, Piece, Stop, Usage},
        fields::{Fault, Field, Fields},
        seal::Seal,
    },
    sse::Event,
};
use domain::Dialect;
use std::borrow::Cow;

/// Gives out the pieces of an event, or the failure that it tells. The provider sends one block after the other, so that
/// nothing needs to be kept from event to event.
pub(in crate::convert) fn event<'e>(
    event: &Event<'e>,
    out: &mut Vec<Piece<'e>>,
) -> Result<Option<UpstreamError>, Fault> {
    let mut fields = Fields::of_body(event.data)?;
    match &*fields.required_text("type")? {
        "message_start" => head(&mut fields.required("message")?.object()?, out)?,
        "content_block_start" => block(fields.required("content_block")?, out)?,
        "content_block_delta" => delta(fields.required("delta")?.object()?, out)?,
        "message_delta" => {
            out.push(Piece::Usage(read_usage(fields.counts("usage"))));
            stop(&mut fields.required("delta")?.object()?, out)?;
        }
        "error" => return Ok(Some(error(fields))),
        // Pings, edges of blocks, and whatever is added later: the provider asks clients to pass over it.
        _ => {}
    }
    Ok(None)
}

/// Gives out the pieces of a whole answer.
pub(in crate::convert) fn document<'b>(body: &'b [u8], out: &mut Vec<Piece<'b>>) -> Result<(), Fault> {
    let mut fields = Fields::of_body(body)?;
    let kind = fields.required("type")?;
    if kind.text()? != "message" {
        return Err(kind.fault("must be message"));
    }
    head(&mut fields, out)?;
    for content in fields.list("content")? {
        block(content, out)?;
    }
    stop(&mut fields, out)
}

fn head<'e>(message: &mut Fields<'e>, out: &mut Vec<Piece<'e>>) -> Result<(), Fault> {
    let id = message.required_text("id")?;
    let model = message.required_text("model")?;
    out.push(Piece::Begin(Begin { id, model, created_secs: None }));
    out.push(Piece::Usage(read_usage(message.counts("usage"))));
    Ok(())
}

fn stop<'e>(fields: &mut Fields<'e>, out: &mut Vec<Piece<'e>>) -> Result<(), Fault> {
    let sequence = fields.text("stop_sequence")?;
    let Some(reason) = fields.text("stop_reason")? else { return Ok(()) };
    out.push(Piece::Stop(match &*reason {
        "stop_sequence" => Stop::Sequence(sequence),
        "max_tokens" | "model_context_window_exceeded" => Stop::Length,
        "tool_use" => Stop::Calls,
        "refusal" => Stop::Withheld,
        _ => Stop::Done,
    }));
    Ok(())
}

/// A block of a document, or the beginning of one in a stream: there its texts are empty.
fn block<'e>(field: Field<'e>, out: &mut Vec<Piece<'e>>) -> Result<(), Fault> {
    let mut fields = field.object()?;
    let kind = fields.required("type")?;
    match &*kind.text()? {
        "text" => out.push(Piece::Text(fields.required_text("text")?)),
        "thinking" => {
            out.push(Piece::Thought(fields.required_text("thinking")?));
            seal(fields.text("signature")?, out);
        }
        "redacted_thinking" => {
            out.push(Piece::SealedThought(Seal::new(Dialect::Anthropic, fields.required_text("data")?)));
        }
        "tool_use" => {
            let (id, name) = (fields.required_text("id")?, fields.required_text("name")?);
            out.push(Piece::Call(CallHead { id, name, seal: None }));
            let input = fields.required("input")?.raw_object()?;
            if input.get().bytes().filter(|byte| !byte.is_ascii_whitespace()).count() > "{}".len() {
                out.push(Piece::Arguments(Cow::Borrowed(input.get())));
            }
        }
        _ => return Err(kind.fault("is a kind of block that was not asked for")),
    }
    Ok(())
}

fn delta<'e>(mut fields: Fields<'e>, out: &mut Vec<Piece<'e>>) -> Result<(), Fault> {
    match &*fields.required_text("type")? {
        "text_delta" => out.push(Piece::Text(fields.required_text("text")?)),
        "thinking_delta" => out.push(Piece::Thought(fields.required_text("thinking")?)),
        "signature_delta" => seal(Some(fields.required_text("signature")?), out),
        "input_json_delta" => out.push(Piece::Arguments(fields.required_text("partial_json")?)),
        // Citations name the client's own documents; the text holds what they support.
        _ => {}
    }
    Ok(())
}

fn seal<'e>(signature: Option<Cow<'e, str>>, out: &mut Vec<Piece<'e>>) {
    let signature = signature.filter(|signature| !signature.is_empty());
    out.extend(signature.map(|signature| Piece::Seal(Seal::new(Dialect::Anthropic, signature))));
}

fn read_usage(mut usage: Fields<'_>) -> Usage {
    Usage {
        input: usage.tokens("input_tokens"),
        cache_read: usage.tokens("cache_read_input_tokens"),
        cache_write: usage.tokens("cache_creation_input_tokens"),
        output: usage.tokens("output_tokens"),
        thinking: usage.counts("output_tokens_details").tokens("thinking_tokens"),
    }
}

/// What cannot be read is an error without words: the stream has failed anyway.
fn error(mut fields: Fields<'_>) -> UpstreamError {
    let Ok(Some(mut error)) = fields.object("error") else { return UpstreamError::UNTOLD };
    let kind = error.text("type").ok().flatten();
    let message = error.text("message").ok().flatten().unwrap_or_default();
    UpstreamError::new(kind.map_or(UpstreamErrorKind::Other, |kind| UpstreamErrorKind::from_name(&kind)), &message)
}

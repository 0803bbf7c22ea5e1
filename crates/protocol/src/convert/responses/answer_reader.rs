//! Reads a Responses answer: a document, or event by event.

use crate::{
    answer::UpstreamError,
    convert::{
        answer::{Begin, CallHead, Piece, Stop, Usage},
        errors,
        fields::{Fault, Field, Fields},
        seal::Seal,
    },
    sse::Event,
};
use domain::Dialect;
use std::borrow::Cow;

/// Reads one stream.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::convert) struct AnswerReader {
    has_begun: bool,
    has_arguments: bool,
}

impl AnswerReader {
    /// Gives out the pieces of an event, or the failure that it tells.
    pub(in crate::convert) fn event<'e>(
        &mut self,
        event: &Event<'e>,
        out: &mut Vec<Piece<'e>>,
    ) -> Result<Option<UpstreamError>, Fault> {
        let mut fields = Fields::of_body(event.data)?;
        match &*fields.required_text("type")? {
            "response.created" | "response.in_progress" => {
                self.begin(&mut fields.required("response")?.object()?, out)?;
            }
            "response.output_item.added" => self.item_begins(fields.required("item")?.object()?, out)?,
            "response.output_item.done" => self.item_ends(fields.required("item")?.object()?, out)?,
            "response.output_text.delta" => out.push(Piece::Text(fields.required_text("delta")?)),
            "response.refusal.delta" => out.push(Piece::Refusal(fields.required_text("delta")?)),
            "response.reasoning_summary_part.added" if fields.count("summary_index")?.unwrap_or(0) > 0 => {
                out.push(Piece::Thought(Cow::Borrowed(super::BETWEEN_PARTS)));
            }
            "response.reasoning_summary_text.delta" | "response.reasoning_text.delta" => {
                out.push(Piece::Thought(fields.required_text("delta")?));
            }
            "response.function_call_arguments.delta" => {
                self.has_arguments = true;
                out.push(Piece::Arguments(fields.required_text("delta")?));
            }
            "response.completed" | "response.incomplete" => {
                let mut response = fields.required("response")?.object()?;
                self.begin(&mut response, out)?;
                end(&mut response, out)?;
            }
            "response.failed" => {
                let mut response = fields.required("response")?.object()?;
                return Ok(Some(
                    response.take("error").map_or(UpstreamError::UNTOLD, |error| errors::of_openai(&error)),
                ));
            }
            "error" => {
                // The error's members stand beside the type, and with some upstreams in an object of their own.
                return Ok(Some(
                    fields
                        .take("error")
                        .map_or_else(|| errors::of_openai_fields(fields), |error| errors::of_openai(&error)),
                ));
            }
            // Edges of parts, whole texts again, keep-alives, and whatever is added later.
            _ => {}
        }
        Ok(None)
    }

    fn begin<'e>(&mut self, response: &mut Fields<'e>, out: &mut Vec<Piece<'e>>) -> Result<(), Fault> {
        if std::mem::replace(&mut self.has_begun, true) {
            return Ok(());
        }
        let id = response.required_text("id")?;
        let model = response.text("model")?.unwrap_or_default();
        let created_secs = response.take("created_at").and_then(|created| created.count().ok());
        out.push(Piece::Begin(Begin { id, model, created_secs }));
        Ok(())
    }

    fn item_begins<'e>(&mut self, mut item: Fields<'e>, out: &mut Vec<Piece<'e>>) -> Result<(), Fault> {
        if item.text("type")?.as_deref() == Some("function_call") {
            self.has_arguments = false;
            out.push(Piece::Call(call_head(&mut item)?));
        }
        Ok(())
    }

    fn item_ends<'e>(&mut self, mut item: Fields<'e>, out: &mut Vec<Piece<'e>>) -> Result<(), Fault> {
        match item.text("type")?.as_deref() {
            // Some upstreams give the arguments only as a whole.
            Some("function_call") if !self.has_arguments => out.extend(item.text("arguments")?.map(Piece::Arguments)),
            Some("reasoning") => seal(&mut item, out)?,
            _ => {}
        }
        Ok(())
    }
}

/// Gives out the pieces of a whole answer.
pub(in crate::convert) fn document<'b>(body: &'b [u8], out: &mut Vec<Piece<'b>>) -> Result<(), Fault> {
    let mut fields = Fields::of_body(body)?;
    if let Some(error) = fields.take("error") {
        return Err(error.fault("says that the model failed"));
    }
    AnswerReader::default().begin(&mut fields, out)?;
    for item in fields.required("output")?.list()? {
        whole_item(item, out)?;
    }
    end(&mut fields, out)
}

fn whole_item<'b>(item: Field<'b>, out: &mut Vec<Piece<'b>>) -> Result<(), Fault> {
    let mut item = item.object()?;
    let kind = item.required("type")?;
    match &*kind.text()? {
        "message" => {
            for part in item.list("content")? {
                let mut part = part.object()?;
                let kind = part.required("type")?;
                out.push(match &*kind.text()? {
                    "output_text" => Piece::Text(part.required_text("text")?),
                    "refusal" => Piece::Refusal(part.required_text("refusal")?),
                    _ => return Err(kind.fault("is a kind of content that was not asked for")),
                });
            }
        }
        "reasoning" => {
            let parts = item.list("summary")?.into_iter().enumerate().map(|(at, part)| (at > 0, part));
            let whole = item.list("content")?.into_iter().map(|part| (false, part));
            for (is_later, part) in parts.chain(whole).collect::<Vec<_>>() {
                out.extend(is_later.then_some(Piece::Thought(Cow::Borrowed(super::BETWEEN_PARTS))));
                out.push(Piece::Thought(part.object()?.required_text("text")?));
            }
            seal(&mut item, out)?;
        }
        "function_call" => {
            out.push(Piece::Call(call_head(&mut item)?));
            out.extend(item.text("arguments")?.map(Piece::Arguments));
        }
        _ => return Err(kind.fault("is a kind of item that was not asked for")),
    }
    Ok(())
}

fn call_head<'e>(item: &mut Fields<'e>) -> Result<CallHead<'e>, Fault> {
    Ok(CallHead { id: item.required_text("call_id")?, name: item.required_text("name")?, seal: None })
}

fn seal(item: &mut Fields<'_>, out: &mut Vec<Piece<'_>>) -> Result<(), Fault> {
    if let (Some(id), Some(encrypted)) = (item.text("id")?, item.text("encrypted_content")?) {
        out.push(Piece::Seal(Seal::new(Dialect::OpenAiResponses, format!("{id}:{encrypted}"))));
    }
    Ok(())
}

fn end<'e>(response: &mut Fields<'e>, out: &mut Vec<Piece<'e>>) -> Result<(), Fault> {
    out.push(Piece::Usage(read_usage(response.counts("usage"))));
    let reason = match response.object("incomplete_details")? {
        Some(mut details) => details.text("reason")?,
        None => None,
    };
    let is_cut = response.text("status")?.as_deref() == Some("incomplete");
    out.push(Piece::Stop(match reason.as_deref() {
        Some("content_filter") => Stop::Withheld,
        Some(_) => Stop::Length,
        None if is_cut => Stop::Length,
        None => Stop::Done,
    }));
    Ok(())
}

/// In this dialect the input includes what is cached.
fn read_usage(mut usage: Fields<'_>) -> Usage {
    let mut input = usage.counts("input_tokens_details");
    let (cache_read, cache_write) = (input.tokens("cached_tokens"), input.tokens("cache_write_tokens"));
    let thinking = usage.counts("output_tokens_details").tokens("reasoning_tokens");
    let disjoint = Usage::of_whole_input(usage.tokens("input_tokens"), cache_read, cache_write);
    Usage { output: usage.tokens("output_tokens"), thinking, ..disjoint }
}

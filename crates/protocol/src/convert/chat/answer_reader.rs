//! Reads a Chat answer: a document, or chunk by chunk.

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

/// Reads one stream.
#[derive(Debug, Clone, Default)]
pub(in crate::convert) struct AnswerReader {
    has_begun: bool,
    is_thinking: bool,
    call: Option<OpenCall>,
}

/// The call whose arguments come.
#[derive(Debug, Clone)]
struct OpenCall {
    index: u64,
    id: String,
}

impl AnswerReader {
    /// Gives out the pieces of a chunk, or the failure that it tells.
    pub(in crate::convert) fn event<'e>(
        &mut self,
        event: &Event<'e>,
        out: &mut Vec<Piece<'e>>,
    ) -> Result<Option<UpstreamError>, Fault> {
        if event.data == b"[DONE]" {
            return Ok(None);
        }
        let mut fields = Fields::of_body(event.data)?;
        if let Some(error) = fields.take("error") {
            return Ok(Some(errors::of_openai(&error)));
        }
        let choices = fields.list("choices")?;
        // Azure sends a chunk first that says nothing of the answer, not even its id.
        if !choices.is_empty() {
            self.begin(&mut fields, out)?;
        }
        for choice in choices {
            self.choice(choice.object()?, out)?;
        }
        out.push(Piece::Usage(read_usage(fields.counts("usage"))));
        Ok(None)
    }

    /// Gives out the pieces of a whole answer.
    pub(in crate::convert) fn document<'b>(mut self, body: &'b [u8], out: &mut Vec<Piece<'b>>) -> Result<(), Fault> {
        let mut fields = Fields::of_body(body)?;
        self.begin(&mut fields, out)?;
        let choices = fields.required("choices")?;
        let mut list = choices.list()?.into_iter();
        let first = list.next().ok_or_else(|| Fault::new("choices", "must not be empty"))?;
        let mut first = first.object()?;
        let message = first.required("message")?.object()?;
        self.content(message, out)?;
        self.stop(&mut first, out)?;
        out.push(Piece::Usage(read_usage(fields.counts("usage"))));
        Ok(())
    }

    fn begin<'e>(&mut self, fields: &mut Fields<'e>, out: &mut Vec<Piece<'e>>) -> Result<(), Fault> {
        if std::mem::replace(&mut self.has_begun, true) {
            return Ok(());
        }
        let id = fields.text("id")?.unwrap_or_default();
        let model = fields.text("model")?.unwrap_or_default();
        let created_secs = fields.take("created").and_then(|created| created.count().ok());
        out.push(Piece::Begin(Begin { id, model, created_secs }));
        Ok(())
    }

    fn choice<'e>(&mut self, mut choice: Fields<'e>, out: &mut Vec<Piece<'e>>) -> Result<(), Fault> {
        if choice.count("index")?.unwrap_or(0) != 0 {
            return Ok(());
        }
        if let Some(delta) = choice.object("delta")? {
            self.content(delta, out)?;
        }
        self.stop(&mut choice, out)
    }

    fn stop<'e>(&mut self, choice: &mut Fields<'e>, out: &mut Vec<Piece<'e>>) -> Result<(), Fault> {
        let Some(reason) = choice.text("finish_reason")? else { return Ok(()) };
        self.end_thoughts(out);
        out.push(Piece::Stop(match &*reason {
            "length" => Stop::Length,
            "tool_calls" | "function_call" => Stop::Calls,
            "content_filter" => Stop::Withheld,
            _ => Stop::Done,
        }));
        Ok(())
    }

    fn content<'e>(&mut self, mut fields: Fields<'e>, out: &mut Vec<Piece<'e>>) -> Result<(), Fault> {
        // The same thoughts by the two names that upstreams have for them.
        let thoughts = ["reasoning_content", "reasoning"].into_iter().find_map(|name| {
            let text = fields.take(name).and_then(|field| field.text().ok());
            text.filter(|text| !text.is_empty())
        });
        if let Some(text) = thoughts {
            self.is_thinking = true;
            out.push(Piece::Thought(text));
        }
        if let Some(text) = fields.text("content")?.filter(|text| !text.is_empty()) {
            self.end_thoughts(out);
            out.push(Piece::Text(text));
        }
        if let Some(text) = fields.text("refusal")?.filter(|text| !text.is_empty()) {
            self.end_thoughts(out);
            out.push(Piece::Refusal(text));
        }
        for call in fields.list("tool_calls")? {
            self.end_thoughts(out);
            self.call(call, out)?;
        }
        Ok(())
    }

    /// Thoughts go back to this provider as they are, if it was this provider that told them.
    fn end_thoughts(&mut self, out: &mut Vec<Piece<'_>>) {
        if std::mem::take(&mut self.is_thinking) {
            out.push(Piece::Seal(Seal::new(Dialect::OpenAiChat, "")));
        }
    }

    /// A call, whole or a part of one. Another index begins another call, and so does another id: some upstreams give
    /// every call the index 0, or none.
    fn call<'e>(&mut self, field: Field<'e>, out: &mut Vec<Piece<'e>>) -> Result<(), Fault> {
        let mut fields = field.object()?;
        let told = fields.count("index")?;
        let id = fields.text("id")?.filter(|id| !id.is_empty());
        let Some(mut function) = fields.object("function")? else {
            return Err(Fault::new(fields.path_of("function"), "is missing"));
        };
        let open = self.call.as_ref();
        let goes_on = open.is_some_and(|open| {
            told.is_none_or(|told| told == open.index) && id.as_ref().is_none_or(|id| *id == open.id)
        });
        if !goes_on {
            let index = told.or(open.map(|open| open.index + 1)).unwrap_or(0);
            if open.is_some_and(|open| index < open.index) {
                return Err(Fault::new(fields.path_of("index"), "goes back to an earlier call"));
            }
            let Some(id) = id else { return Err(Fault::new(fields.path_of("id"), "is missing")) };
            self.call = Some(OpenCall { index, id: id.to_string() });
            let name = function.required_text("name")?;
            out.push(Piece::Call(CallHead { id, name, seal: super::seal(&mut fields)? }));
        }
        out.extend(function.text("arguments")?.map(Piece::Arguments));
        Ok(())
    }
}

/// In this dialect the input includes what is cached.
fn read_usage(mut usage: Fields<'_>) -> Usage {
    let mut input = usage.counts("prompt_tokens_details");
    let (cache_read, cache_write) = (input.tokens("cached_tokens"), input.tokens("cache_write_tokens"));
    let thinking = usage.counts("completion_tokens_details").tokens("reasoning_tokens");
    let disjoint = Usage::of_whole_input(usage.tokens("prompt_tokens"), cache_read, cache_write);
    Usage { output: usage.tokens("completion_tokens"), thinking, ..disjoint }
}

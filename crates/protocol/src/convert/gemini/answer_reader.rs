//! Reads a `generateContent` answer: a document, or event by event, which are alike.

use crate::{
    answer::{UpstreamError, UpstreamErrorKind},
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

/// Characters of the answer's id that go into the ids of calls: OpenAI's clients expect at most 64 in all.
const ID_CHARACTERS_MAX: usize = 40;

/// Reads one stream.
#[derive(Debug, Clone, Default)]
pub(in crate::convert) struct AnswerReader {
    has_begun: bool,
    id: String,
    calls: u64,
}

/// Why an answer ends.
enum End {
    Stop(Stop<'static>),
    /// The model failed at it.
    Failure,
}

impl AnswerReader {
    /// Gives out the pieces of an event, or the failure that it tells.
    pub(in crate::convert) fn event<'e>(
        &mut self,
        event: &Event<'e>,
        out: &mut Vec<Piece<'e>>,
    ) -> Result<Option<UpstreamError>, Fault> {
        self.answer(event.data, out)
    }

    /// Gives out the pieces of a whole answer.
    pub(in crate::convert) fn document<'b>(mut self, body: &'b [u8], out: &mut Vec<Piece<'b>>) -> Result<(), Fault> {
        match self.answer(body, out)? {
            None if self.has_begun => Ok(()),
            None => Err(Fault::new("candidates", "must not be empty")),
            Some(error) => Err(Fault::new("finishReason", format!("says that the model failed: {}", error.message))),
        }
    }

    fn answer<'e>(&mut self, body: &'e [u8], out: &mut Vec<Piece<'e>>) -> Result<Option<UpstreamError>, Fault> {
        let mut fields = Fields::of_body(body)?;
        if let Some(error) = fields.take("error") {
            return Ok(Some(errors::of_google(&error)));
        }
        let candidates = fields.list("candidates")?;
        let blocked = match fields.object("promptFeedback")? {
            Some(mut feedback) => feedback.text("blockReason")?.is_some(),
            None => false,
        };
        if !candidates.is_empty() || blocked {
            self.begin(&mut fields, out)?;
        }
        out.push(Piece::Usage(read_usage(fields.counts("usageMetadata"))));
        let mut failure = None;
        for candidate in candidates {
            failure = failure.or(self.candidate(candidate.object()?, out)?);
        }
        if blocked {
            out.push(Piece::Stop(Stop::Withheld));
        }
        Ok(failure)
    }

    fn begin<'e>(&mut self, fields: &mut Fields<'e>, out: &mut Vec<Piece<'e>>) -> Result<(), Fault> {
        if std::mem::replace(&mut self.has_begun, true) {
            return Ok(());
        }
        let id = fields.text("responseId")?.unwrap_or_default();
        let model = fields.text("modelVersion")?.unwrap_or_default();
        let is_safe = |letter: &char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-');
        self.id = id.chars().filter(is_safe).take(ID_CHARACTERS_MAX).collect();
        out.push(Piece::Begin(Begin { id, model, created_secs: None }));
        Ok(())
    }

    fn candidate<'e>(
        &mut self,
        mut candidate: Fields<'e>,
        out: &mut Vec<Piece<'e>>,
    ) -> Result<Option<UpstreamError>, Fault> {
        if candidate.count("index")?.unwrap_or(0) != 0 {
            return Ok(None);
        }
        if let Some(mut content) = candidate.object("content")? {
            for part in content.list("parts")? {
                self.part(part, out)?;
            }
        }
        let Some(reason) = candidate.text("finishReason")? else { return Ok(None) };
        match end(&reason) {
            End::Stop(stop) => {
                out.push(Piece::Stop(stop));
                Ok(None)
            }
            End::Failure => Ok(Some(UpstreamError::new(UpstreamErrorKind::Api, &reason))),
        }
    }

    fn part<'e>(&mut self, field: Field<'e>, out: &mut Vec<Piece<'e>>) -> Result<(), Fault> {
        let mut fields = field.object()?;
        let signature = fields.text("thoughtSignature")?;
        if let Some(text) = fields.text("text")? {
            if fields.boolean("thought")?.unwrap_or(false) {
                out.push(Piece::Thought(text));
                out.extend(signature.map(|signature| Piece::Seal(Seal::new(Dialect::Gemini, signature))));
            } else {
                // A signature of mere text may be left out, by the provider's guide.
                out.push(Piece::Text(text));
            }
            return Ok(());
        }
        let Some(mut call) = fields.object("functionCall")? else {
            return if signature.is_some() {
                Ok(())
            } else {
                Err(Fault::new(fields.path(), "is a kind of part that was not asked for"))
            };
        };
        let name = call.required_text("name")?;
        let id = call.text("id")?.filter(|id| !id.is_empty());
        let id = id.unwrap_or_else(|| Cow::Owned(format!("call_{}_{}", self.id, self.calls)));
        self.calls += 1;
        let seal = signature.map(|signature| Seal::new(Dialect::Gemini, signature));
        out.push(Piece::Call(CallHead { id, name, seal }));
        if let Some(args) = call.take("args") {
            out.push(Piece::Arguments(Cow::Borrowed(args.raw_object()?.get())));
        }
        Ok(())
    }
}

/// What the provider's reasons mean. A reason that is not known is taken for a failure: the answer is not what it should be.
fn end(reason: &str) -> End {
    match reason {
        "STOP" => End::Stop(Stop::Done),
        "MAX_TOKENS" => End::Stop(Stop::Length),
        "SAFETY"
        | "RECITATION"
        | "LANGUAGE"
        | "BLOCKLIST"
        | "PROHIBITED_CONTENT"
        | "SPII"
        | "MODEL_ARMOR"
        | "IMAGE_SAFETY"
        | "IMAGE_PROHIBITED_CONTENT"
        | "IMAGE_RECITATION" => End::Stop(Stop::Withheld),
        _ => End::Failure,
    }
}

/// In this dialect the input includes what is cached, and the output does not include what was thought.
fn read_usage(mut usage: Fields<'_>) -> Usage {
    let of_tools = usage.tokens("toolUsePromptTokenCount").unwrap_or(0);
    let whole = usage.tokens("promptTokenCount").map(|prompt| prompt.saturating_add(of_tools));
    let disjoint = Usage::of_whole_input(whole, usage.tokens("cachedContentTokenCount"), None);
    let (said, thought) = (usage.tokens("candidatesTokenCount"), usage.tokens("thoughtsTokenCount"));
    let output = match (said, thought) {
        (None, None) => None,
        (said, thought) => Some(said.unwrap_or(0).saturating_add(thought.unwrap_or(0))),
    };
    Usage { output, thinking: thought, ..disjoint }
}

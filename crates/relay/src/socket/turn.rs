//! One message of a client: what it goes on from, its way through the corridor, and what is kept of its answer for the next.

use super::wire::Heard;
use crate::{
    body::RelayBody,
    budget::{Budget, Hold},
    form::Framing,
    pipeline::Entered,
    relay::Relay,
    route::Call,
    spoken::{Link, Spoken},
};
use bytes::Bytes;
use domain::RequestId;
use http::{Request, Response, request};
use http_body_util::Full;
use protocol::{
    Refusal, ScanError,
    openai::socket::{
        AnswerItems, ClientMessage, Create, Generation, History, Storage, joined, previous_unknown, read_message,
        warm_up_messages,
    },
};
use std::sync::Arc;

/// Of the memory that all requests share, the part that must be free for a conversation to be kept: who has to send it again is
/// served all the same, who finds no memory is not.
const FREE_FOR_REQUESTS: u64 = 2;

/// A message, and the connection that it came on.
pub(super) struct Turn {
    pub(super) id: RequestId,
    pub(super) head: request::Parts,
    pub(super) call: Call,
    pub(super) heard: Heard,
    /// What the last response came to.
    pub(super) kept: Option<Arc<Kept>>,
    /// The connection's socket to an account.
    pub(super) link: Arc<Link>,
}

/// A conversation up to the end of a response.
pub(super) struct Kept {
    response_id: String,
    stem: Stem,
}

/// Items of a conversation, and the memory that they take.
pub(super) struct Stem {
    items: Bytes,
    hold: Hold,
}

/// What a message comes to.
pub(super) enum Told {
    /// Nothing: it asked nothing.
    Nothing,
    /// Messages that are there at once, and what can be gone on from.
    Messages(Vec<Bytes>, Option<Kept>),
    /// An answer out of the corridor.
    Answer(Answer),
}

/// An answer out of the corridor, as it is over HTTP.
pub(super) struct Answer {
    pub(super) response: Response<RelayBody>,
    /// What was asked; none where it is not known, or there was no memory for it.
    pub(super) stem: Option<Stem>,
}

/// Why a message gets no answer.
enum Unanswered {
    Refused(Refusal),
    /// It goes on from a response that nobody knows.
    PreviousUnknown(String),
}

impl Relay {
    /// Serves a message. Dropping it is the client's leaving.
    pub(super) async fn turn(self: Arc<Self>, turn: Turn) -> Told {
        let (id, dialect) = (turn.id.clone(), turn.call.operation.dialect());
        let text = turn.heard.text.clone();
        let asked = match read_message(&text) {
            Ok(ClientMessage::Aside) => return Told::Nothing,
            Ok(ClientMessage::Create(create)) => self.create(turn, &create).await,
            Err(error) => Err(error.into()),
        };
        match asked {
            Ok(told) => told,
            Err(Unanswered::PreviousUnknown(previous)) => Told::Messages(vec![previous_unknown(&previous, &id)], None),
            Err(Unanswered::Refused(refusal)) => {
                Told::Answer(Answer { response: self.refuse(&id, dialect, refusal.into()), stem: None })
            }
        }
    }

    async fn create(self: &Arc<Self>, turn: Turn, create: &Create<'_>) -> Result<Told, Unanswered> {
        let Turn { id, head, call, heard, kept, link } = turn;
        let (history, is_all_known) = history(create, kept.as_deref())?;
        let asked = create.request(history)?;
        let stem = if is_all_known { self.stem(asked.body.slice(asked.items)).await } else { None };
        drop(kept);
        let request = Request::from_parts(head, Full::new(asked.body));
        if create.generation == Generation::WarmUp {
            return self.warm_up(id, call, request, stem).await;
        }
        match self.enter(id, call, request).await? {
            Entered::Answered(response) => Ok(Told::Answer(Answer { response, stem })),
            Entered::Admitted(mut admission) => {
                admission.inbound.form.framing = Framing::Messages;
                if let Some(scan) = &mut admission.inbound.scan {
                    scan.session.get_or_insert_with(|| link.session.clone());
                }
                let previous = create.previous().map(str::to_owned);
                admission.inbound.spoken = Some(Spoken { link, heard, previous });
                Ok(Told::Answer(Answer { response: self.relay(*admission).await, stem }))
            }
        }
    }

    /// A request that is only made ready is checked as any other; no account is asked, and nothing is booked.
    async fn warm_up(
        &self,
        id: RequestId,
        call: Call,
        request: Request<Full<Bytes>>,
        stem: Option<Stem>,
    ) -> Result<Told, Unanswered> {
        let arrival = self.accept(id, call, request);
        let inbound = self.read(self.authenticate(arrival).await?).await?;
        let model = inbound.scan.as_ref().map_or("", |scan| scan.model.as_str());
        let response_id = format!("resp_{}", inbound.id);
        let messages = warm_up_messages(&response_id, model, inbound.at.as_ms().div_euclid(1000));
        Ok(Told::Messages(messages.into(), stem.map(|stem| Kept { response_id, stem })))
    }

    /// `items` with the memory that they take; none where that is needed for requests.
    async fn stem(&self, items: Bytes) -> Option<Stem> {
        let mut hold = Budget::hold();
        let is_kept = self.spare(&mut hold, items.len()).await;
        is_kept.then_some(Stem { items, hold })
    }

    async fn spare(&self, hold: &mut Hold, bytes: usize) -> bool {
        let is_free = self.buffers.free_bytes() >= self.settings.buffer_bytes_max / FREE_FOR_REQUESTS;
        is_free && self.buffers.cover(hold, bytes as u64).await.is_ok()
    }

    /// Keeps the conversation with the answer's items behind it; none where there is nothing to go on from, or no memory for it.
    pub(super) async fn keep(&self, stem: Stem, answer: AnswerItems) -> Option<Kept> {
        let (response_id, more) = answer.finish()?;
        let Stem { items, mut hold } = stem;
        let items = Bytes::from(joined(&items, &more));
        let is_kept = self.spare(&mut hold, items.len()).await;
        is_kept.then_some(Kept { response_id, stem: Stem { items, hold } })
    }

    /// What gathers the items behind `stem`: no more than a request may have.
    pub(super) fn items_behind(&self, stem: Option<&Stem>) -> AnswerItems {
        let bytes_max = usize::try_from(self.settings.body_bytes_max).unwrap_or(usize::MAX);
        AnswerItems::new(stem.map_or(0, |stem| bytes_max.saturating_sub(stem.items.len())))
    }
}

/// What a message goes on from, and whether all of it is known here.
fn history<'a>(create: &Create<'_>, kept: Option<&'a Kept>) -> Result<(History<'a>, bool), Unanswered> {
    let Some(previous) = create.previous() else { return Ok((History::AsSent, true)) };
    match (kept.filter(|kept| kept.response_id == previous), create.storage) {
        (Some(kept), _) => Ok((History::Items(&kept.stem.items), true)),
        (None, Storage::Stored) => Ok((History::AsSent, false)),
        (None, Storage::Unstored) => Err(Unanswered::PreviousUnknown(previous.to_owned())),
    }
}

impl From<Refusal> for Unanswered {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<ScanError> for Unanswered {
    fn from(error: ScanError) -> Self {
        Self::Refused(Refusal::InvalidRequest(error.to_string()))
    }
}

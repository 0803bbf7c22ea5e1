//! The corridor: one request, room by room. Each room takes the previous one's result by value.

use crate::{
    admit::Admission,
    attempt::{Finality, OpenAttempt, Settlement, settle_unserved},
    bedrock,
    body::RelayBody,
    forward::{FailedAttempt, Forwarded},
    refuse::{BUSY_RETRY_AFTER, Told, sign},
    relay::Relay,
    route::{Call, Route},
    verdict::Elsewhere,
};
use bytes::Bytes;
use domain::{AccountId, Dialect, Outcome, RequestId};
use http::{Request, Response};
use http_body::Body;
use journal::Written;
use protocol::Refusal;
use scheduling::NoChoice;
use std::{net::IpAddr, sync::Arc};

/// What the first rooms come to.
pub(crate) enum Entered {
    /// The request goes on to an account.
    Admitted(Box<Admission>),
    /// No account is needed for the answer.
    Answered(Response<RelayBody>),
}

impl Relay {
    /// Answers one request of the data plane under `id`, which no other request has, from a connection with `peer`. It fails never: what goes wrong is told in the client's dialect.
    ///
    /// Cancel-safe: what was set in motion is settled, whenever this is dropped.
    pub async fn respond<B>(
        self: &Arc<Self>,
        id: RequestId,
        route: Route,
        peer: IpAddr,
        request: Request<B>,
    ) -> Response<RelayBody>
    where
        B: Body<Data = Bytes> + Unpin,
    {
        match route {
            Route::Hello => {
                let mut response = Response::new(RelayBody::empty());
                sign(response.headers_mut(), &id);
                response
            }
            Route::Nowhere => self.refuse(&id, Dialect::Anthropic, Refusal::NotFound.into()),
            Route::WebSocket(call) => self.shake_hands(&id, call, request).await,
            Route::WrongMethod { allow } => {
                self.refuse(&id, Dialect::Anthropic, Refusal::MethodNotAllowed { allow }.into())
            }
            Route::Own(call) => {
                let (head, _) = request.into_parts();
                self.tell_own(&id, call, peer, &head).await
            }
            Route::Call(call) => {
                let (dialect, is_bedrock) = (call.operation.dialect(), call.is_bedrock);
                let response = match self.enter(id.clone(), call, request).await {
                    Ok(Entered::Admitted(admission)) => self.relay(*admission).await,
                    Ok(Entered::Answered(response)) => response,
                    Err(refusal) => self.refuse(&id, dialect, refusal.into()),
                };
                if is_bedrock { bedrock::close(response) } else { response }
            }
        }
    }

    /// The rooms that a request passes once.
    pub(crate) async fn enter<B>(&self, id: RequestId, call: Call, request: Request<B>) -> Result<Entered, Refusal>
    where
        B: Body<Data = Bytes> + Unpin,
    {
        let arrival = self.accept(id, call, request);
        let caller = self.authenticate(arrival).await?;
        let inbound = self.read(caller).await?;
        if let Some(list) = self.own_list(&inbound) {
            return Ok(Entered::Answered(list));
        }
        self.admit(inbound).map(|admission| Entered::Admitted(Box::new(admission)))
    }

    /// The rooms that a request may pass again with another account.
    pub(crate) async fn relay(self: &Arc<Self>, admission: Admission) -> Response<RelayBody> {
        let (id, form, presence) = (admission.inbound.id.clone(), admission.inbound.form, admission.presence.clone());
        let streamed = admission.inbound.wants_stream();
        let work = Arc::clone(self).serve(admission);
        self.answer(&id, form, presence, streamed, work).await
    }

    async fn serve(self: Arc<Self>, mut admission: Admission) -> Result<Response<RelayBody>, Told> {
        let mut tried: Vec<AccountId> = Vec::new();
        let mut failed: Option<Box<FailedAttempt>> = None;
        loop {
            let mut assignment = match self.select(&admission, &tried).await {
                Ok(assignment) => assignment,
                Err(none) => return Err(self.give_up(admission, failed, &none).await),
            };
            let Ok(slot) = admission.slot.take().map_or_else(|| self.journal.try_slot(), Ok) else {
                return Err(self.give_up(admission, failed, &NoChoice::default()).await);
            };
            // The attempt before goes into the books as soon as it is sure that another follows.
            if let Some(failed) = failed.take() {
                drop(failed.settle(Outcome::Refused, Finality::Superseded));
            }
            let account = assignment.seat.account.id.clone();
            let session = assignment.session.take();
            tried.push(account.clone());
            let number = u8::try_from(tried.len()).unwrap_or(u8::MAX);
            let attempt = OpenAttempt::begin(Arc::clone(&self), slot, &admission, assignment, number);
            match self.forward(&admission, attempt).await {
                Forwarded::Answered(response) => {
                    if let Some(session) = session {
                        self.affinities.answered(session, &account, self.clock.now());
                    }
                    return Ok(response);
                }
                Forwarded::Failed(last) => {
                    last.attempt.blame(&last.verdict.failure);
                    let may_go_on = last.verdict.elsewhere == Elsewhere::MayServe
                        && number < self.settings.attempts_max
                        && !admission.presence.has_left();
                    failed = Some(last);
                    if !may_go_on {
                        return Err(self.give_up(admission, failed, &NoChoice::default()).await);
                    }
                }
            }
        }
    }

    /// Settles what is owed, and says what the client is told: the last failure, or why there was no attempt.
    async fn give_up(&self, mut admission: Admission, failed: Option<Box<FailedAttempt>>, none: &NoChoice) -> Told {
        let outcome = if admission.presence.has_left() { Outcome::Abandoned } else { Outcome::Refused };
        let (written, told) = if let Some(failed) = failed {
            failed.settle(outcome, Finality::Final)
        } else {
            let reasons = none.to_string();
            let until = none.retry_at.map(|at| at.since(self.clock.now()));
            let retry_after = if none.has_busy() { Some(BUSY_RETRY_AFTER) } else { until };
            let slot = admission.slot.take();
            let written = slot.map(|slot| settle_unserved(self, slot, &admission, &reasons));
            (written, Refusal::NoAccount { reasons, retry_after }.into())
        };
        if let Some(written) = written
            && let Err(error) = written.await
        {
            tracing::error!(error = %error, "a record is not safe yet");
        }
        told
    }
}

impl FailedAttempt {
    /// Settles it; gives besides what the client is told if it was the last.
    fn settle(self, outcome: Outcome, finality: Finality) -> (Option<Written>, Told) {
        let Self { attempt, verdict, reading } = self;
        let settlement = Settlement { outcome, failure: Some(verdict.failure.kind), reading, finality };
        (attempt.settle(&settlement), verdict.told)
    }
}

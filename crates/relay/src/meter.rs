//! Room 5: the stream goes by, its usage is read, and its last event waits until the record is safe. Whoever drops it early has
//! left; what the upstream still says is then read on for the books.

use crate::{
    attempt::{Finality, OpenAttempt, Settlement},
    form::Form,
    presence::Presence,
    read::Inbound,
    relay::Relay,
    stream::{AnswerStream, Step},
    verdict::in_our_words,
};
use bytes::Bytes;
use domain::{FailureKind, Outcome, RequestId};
use journal::Written;
use protocol::Ending;
use scheduling::Failure;
use std::{
    collections::VecDeque,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};
use tokio::time::{Instant, Sleep};

/// How long the transport's end is waited for behind the answer's end, so that the connection can be used again.
const REST_MAX: Duration = Duration::from_secs(2);

/// A stream on its way to a client.
pub(crate) struct Metered {
    relay: Arc<Relay>,
    id: RequestId,
    form: Form,
    presence: Presence,
    ready: VecDeque<Bytes>,
    phase: Phase,
    silence: Silence,
}

/// A stream and the attempt that it belongs to.
pub(crate) struct Flow {
    pub(crate) stream: AnswerStream,
    pub(crate) attempt: OpenAttempt,
}

enum Phase {
    /// Events come and go.
    Flowing(Flow),
    /// The attempt is settled; its last bytes wait for the journal.
    Settling { written: Option<Written>, last: Bytes, rest: Option<AnswerStream> },
    /// The client has it all.
    Done,
}

/// How long the upstream has been silent, and when to say so. The timer is made at the first silence.
struct Silence {
    heard_at: Instant,
    timer: Option<Pin<Box<Sleep>>>,
    keepalive_every: Duration,
    stall_max: Duration,
}

enum Heard {
    /// Nothing behind what may be the last event: it is the last.
    NothingMore,
    Nothing,
    TooLongNothing,
}

impl Metered {
    /// Forwards `flow`, of which `begun` was read already.
    pub(crate) fn new(
        relay: Arc<Relay>,
        inbound: &Inbound,
        presence: Presence,
        flow: Flow,
        begun: VecDeque<Bytes>,
    ) -> Self {
        let (id, form) = (inbound.id.clone(), inbound.form);
        let silence = Silence {
            heard_at: Instant::now(),
            timer: None,
            keepalive_every: relay.settings.keepalive_every,
            stall_max: relay.settings.stall_max,
        };
        relay.metrics.streams_open.inc();
        Self { relay, id, form, presence, ready: begun, phase: Phase::Flowing(flow), silence }
    }

    /// Whether the client has it all.
    pub(crate) fn is_done(&self) -> bool {
        matches!(self.phase, Phase::Done) && self.ready.is_empty()
    }

    /// The next bytes for the client.
    pub(crate) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        loop {
            if let Some(bytes) = self.ready.pop_front() {
                return Poll::Ready(Some(bytes));
            }
            match &mut self.phase {
                Phase::Flowing(flow) => match flow.stream.poll_step(cx) {
                    Poll::Ready(step) => self.take(step),
                    Poll::Pending => match self.silence.poll(cx, flow.stream.may_be_whole()) {
                        Poll::Ready(Heard::NothingMore) => {
                            let step = flow.stream.end();
                            self.take(step);
                        }
                        Poll::Ready(Heard::Nothing) => self.ready.push_back(self.form.keepalive()),
                        Poll::Ready(Heard::TooLongNothing) => self.cut(FailureKind::Timeout),
                        Poll::Pending => return Poll::Pending,
                    },
                },
                Phase::Settling { written, last, rest } => {
                    read_rest(rest, cx);
                    if wait_for(written, cx).is_pending() {
                        return Poll::Pending;
                    }
                    let (last, rest) = (std::mem::take(last), rest.take());
                    self.ready.extend(Some(last).filter(|last| !last.is_empty()));
                    self.phase = Phase::Done;
                    self.relay.metrics.streams_open.dec();
                    self.relay.read_out(rest);
                }
                Phase::Done => return Poll::Ready(None),
            }
        }
    }

    fn take(&mut self, step: Step) {
        self.silence.heard_at = Instant::now();
        match step {
            Step::Events { before, terminal } => {
                self.ready.extend(Some(before).filter(|before| !before.is_empty()));
                if let Some(terminal) = terminal {
                    self.finish(terminal);
                }
            }
            Step::End | Step::Broken => self.cut(FailureKind::Broken),
        }
    }

    /// The answer has ended in its own words, the last of which are `last`: they wait for the journal.
    pub(crate) fn finish(&mut self, last: Bytes) {
        let Some(Flow { stream, attempt }) = self.take_flow() else { return };
        let (outcome, failure) = match stream.ending() {
            Some(Ending::Failed(error)) => (Outcome::Truncated, Some(error.kind.failure())),
            Some(Ending::Whole) | None if self.presence.has_left() => (Outcome::Abandoned, None),
            Some(Ending::Whole) | None => (Outcome::Completed, None),
        };
        let mut last = last;
        if let Some(kind) = failure {
            attempt.blame(&Failure { kind, status: None, reset: None, family: None });
            if !stream.speaks_client_s_dialect() || attempt.seat.destination.is_told_by(&last) {
                last = stream.last_words(&in_our_words(kind), &self.id);
            }
        }
        let settlement = Settlement { outcome, failure, reading: Some(stream.reading()), finality: Finality::Final };
        let written = attempt.settle(&settlement);
        self.phase = Phase::Settling { written, last, rest: Some(stream) };
    }

    /// The upstream has stopped in the middle: the client is told in its own dialect.
    fn cut(&mut self, kind: FailureKind) {
        let Some(Flow { stream, attempt }) = self.take_flow() else { return };
        attempt.blame(&Failure { kind, status: None, reset: None, family: None });
        let reading = Some(stream.reading());
        let settlement =
            Settlement { outcome: Outcome::Truncated, failure: Some(kind), reading, finality: Finality::Final };
        let written = attempt.settle(&settlement);
        let last = stream.last_words(&in_our_words(kind), &self.id);
        self.phase = Phase::Settling { written, last, rest: None };
    }

    fn take_flow(&mut self) -> Option<Flow> {
        match std::mem::replace(&mut self.phase, Phase::Done) {
            Phase::Flowing(flow) => Some(flow),
            other => {
                self.phase = other;
                None
            }
        }
    }
}

impl Drop for Metered {
    fn drop(&mut self) {
        match std::mem::replace(&mut self.phase, Phase::Done) {
            Phase::Flowing(flow) => {
                self.relay.metrics.streams_open.dec();
                self.presence.leave();
                self.relay.drain(flow);
            }
            Phase::Settling { rest, .. } => {
                self.relay.metrics.streams_open.dec();
                self.relay.read_out(rest);
            }
            Phase::Done => {}
        }
    }
}

impl Relay {
    /// Reads on for a client that has left: the provider counts on, and so do the books.
    pub(crate) fn drain(self: &Arc<Self>, flow: Flow) {
        let relay = Arc::clone(self);
        self.tasks.spawn(async move {
            let Flow { mut stream, attempt } = flow;
            let reading = read_to_end(&mut stream, relay.settings.drain_tokens_max);
            if relay.unattended(reading).await.is_none() {
                tracing::debug!(account.id = %attempt.seat.account.id, "a drain was ended at its bound");
            }
            let settlement = Settlement {
                outcome: Outcome::Abandoned,
                failure: None,
                reading: Some(stream.reading()),
                finality: Finality::Final,
            };
            drop(attempt.settle(&settlement));
            if stream.ending().is_some() {
                relay.read_out(Some(stream));
            }
        });
    }

    /// Reads the transport to its end behind an answer's end.
    pub(crate) fn read_out(self: &Arc<Self>, rest: Option<AnswerStream>) {
        let Some(mut rest) = rest else { return };
        self.tasks.spawn(async move {
            let end = std::future::poll_fn(|cx| rest.poll_rest(cx));
            // Without its end the connection is closed instead: nothing else depends on it.
            let _ = tokio::time::timeout(REST_MAX, end).await;
        });
    }
}

async fn read_to_end(stream: &mut AnswerStream, tokens_max: u64) {
    while let Step::Events { terminal: None, .. } = stream.next().await {
        if stream.reading().usage.output >= tokens_max {
            return;
        }
    }
}

fn read_rest(rest: &mut Option<AnswerStream>, cx: &mut Context<'_>) {
    if rest.as_mut().is_some_and(|rest| rest.poll_rest(cx).is_ready()) {
        *rest = None;
    }
}

/// Waits until the record is safe. A journal that cannot write keeps the record and says so itself: the answer is not kept back.
fn wait_for(written: &mut Option<Written>, cx: &mut Context<'_>) -> Poll<()> {
    match written {
        None => Poll::Ready(()),
        Some(pending) => Pin::new(pending).poll(cx).map(|result| {
            if let Err(error) = result {
                tracing::error!(error = %error, "a record is not safe yet");
            }
        }),
    }
}

impl Silence {
    /// Whether the upstream has been silent for too long. Behind an event that `may_be_last` the end is waited for a moment only.
    fn poll(&mut self, cx: &mut Context<'_>, may_be_last: bool) -> Poll<Heard> {
        let every = if may_be_last { REST_MAX.min(self.keepalive_every) } else { self.keepalive_every };
        let due = self.heard_at + every;
        let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(due)));
        if may_be_last && timer.deadline() > due {
            timer.as_mut().reset(due);
        }
        loop {
            std::task::ready!(timer.as_mut().poll(cx));
            let silent = self.heard_at.elapsed();
            if may_be_last && silent >= every {
                return Poll::Ready(Heard::NothingMore);
            }
            if silent >= self.stall_max {
                return Poll::Ready(Heard::TooLongNothing);
            }
            if silent >= every {
                timer.as_mut().reset(Instant::now() + every.min(self.stall_max.saturating_sub(silent)));
                return Poll::Ready(Heard::Nothing);
            }
            timer.as_mut().reset(self.heard_at + every);
        }
    }
}

//! Hears what other nodes change, knows within a second when it hears nothing any more, and what time it is at the servers.

use crate::{
    announce::{Announcer, Heard},
    call::Call,
    engine::{Engine, Lane},
    error::failed,
};
use domain::Timestamp;
use parking_lot::Mutex;
use redis::{AsyncConnectionConfig, PushInfo, PushKind, RedisResult, aio::MultiplexedConnection};
use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};
use store::{Clock, Events, StoreError};
use tokio::{
    sync::mpsc,
    task::JoinHandle,
    time::{Instant, MissedTickBehavior, interval, sleep, timeout},
};

/// How often the node makes itself heard to itself.
const BEAT_EVERY: Duration = Duration::from_millis(250);

/// How long it may hear nothing of itself before it counts as deaf: less than the second that caches may be wrong for.
const SILENCE_MAX: Duration = Duration::from_millis(900);

/// Messages between the connection and this task: a burst of bulk edits fits; beyond it everything is read again.
const MESSAGES_MAX: usize = 4096;

/// How long is waited between two attempts to listen.
const RETRY_AFTER: Duration = Duration::from_millis(250);

/// A beat that took longer says too little about the servers' clock.
const ROUND_TRIP_MAX: Duration = Duration::from_millis(200);

/// A difference of clocks that is not corrected: it is smaller than what can be measured on a busy machine.
const SKEW_MIN_MS: i64 = 20;

/// The running task.
pub(crate) struct Listener {
    task: Mutex<Option<JoinHandle<()>>>,
    skew_ms: Arc<AtomicI64>,
}

/// A node's clock, corrected by what was last heard of the servers'.
struct CorrectedClock {
    node_clock: Arc<dyn Clock>,
    skew_ms: Arc<AtomicI64>,
}

struct Ears {
    engine: Engine,
    announcer: Announcer,
    skew_ms: Arc<AtomicI64>,
    attempts: usize,
}

/// A connection on which messages come in.
struct Subscription {
    messages: mpsc::Receiver<Message>,
    /// Ends with its last clone.
    _connection: MultiplexedConnection,
}

enum Message {
    Text(String),
    Disconnected,
}

/// Nothing is heard any more.
struct Deaf;

impl Listener {
    /// Listens from now on; the first subscription is made before it returns.
    pub(crate) async fn start(engine: Engine, announcer: Announcer) -> Result<Self, StoreError> {
        let skew_ms = Arc::new(AtomicI64::new(0));
        let mut ears = Ears { engine, announcer, skew_ms: Arc::clone(&skew_ms), attempts: 0 };
        let subscribed = ears.subscribe().await.map_err(|error| failed("listen to other nodes", error))?;
        #[expect(clippy::disallowed_methods, reason = "owned and ended by the listener")]
        let task = tokio::spawn(ears.listen(subscribed));
        Ok(Self { task: Mutex::new(Some(task)), skew_ms })
    }

    pub(crate) fn clock(&self, node_clock: Arc<dyn Clock>) -> Arc<dyn Clock> {
        Arc::new(CorrectedClock { node_clock, skew_ms: Arc::clone(&self.skew_ms) })
    }

    pub(crate) async fn stop(&self) {
        let task = self.task.lock().take();
        if let Some(task) = task {
            task.abort();
            // Cancelled, as just asked for.
            let _ = task.await;
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Some(task) = self.task.lock().take() {
            task.abort();
        }
    }
}

impl Clock for CorrectedClock {
    fn now(&self) -> Timestamp {
        let skew_ms = self.skew_ms.load(Ordering::Relaxed);
        Timestamp::from_ms(self.node_clock.now().as_ms().saturating_add(skew_ms))
    }
}

impl Ears {
    async fn listen(mut self, first: Subscription) {
        let mut subscription = Some(first);
        loop {
            if let Some(subscribed) = subscription.take() {
                let Err(Deaf) = self.hear(subscribed).await;
                tracing::warn!("notices of other nodes are not heard; what is cached is asked for again");
                self.announcer.local().lose();
            }
            sleep(RETRY_AFTER).await;
            // Nobody else asks while the store is spared: this finds out that it answers again.
            self.beat().await;
            match self.subscribe().await {
                Ok(subscribed) => {
                    tracing::info!("notices of other nodes are heard again");
                    self.announcer.local().lose();
                    subscription = Some(subscribed);
                }
                Err(error) => tracing::debug!(error = %error, "cannot listen to other nodes"),
            }
        }
    }

    async fn subscribe(&mut self) -> RedisResult<Subscription> {
        let (sender, messages) = mpsc::channel(MESSAGES_MAX);
        // What does not fit is dropped with the sender's error; the beats among it are missed, and everything is read again.
        let config = AsyncConnectionConfig::new().set_push_sender(move |push| sender.try_send(Message::of(push)));
        self.attempts += 1;
        let link = self.engine.link(Lane::Request);
        let mut connection = link.connect_alone(config, self.attempts).await?;
        connection.subscribe(self.announcer.channel()).await?;
        Ok(Subscription { messages, _connection: connection })
    }

    /// Hears until nothing is heard any more.
    async fn hear(&self, mut subscription: Subscription) -> Result<Infallible, Deaf> {
        let mut beats = interval(BEAT_EVERY);
        beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut heard_at = Instant::now();
        let beating = async {
            loop {
                beats.tick().await;
                self.beat().await;
            }
        };
        tokio::pin!(beating);
        loop {
            let left = SILENCE_MAX.saturating_sub(heard_at.elapsed());
            tokio::select! {
                message = timeout(left, subscription.messages.recv()) => match message {
                    Ok(Some(Message::Text(text))) => match self.announcer.read(&text) {
                        Heard::OwnBeat => heard_at = Instant::now(),
                        Heard::Notice(notice) => self.announcer.local().publish(notice),
                        Heard::Nothing => {}
                    },
                    Ok(Some(Message::Disconnected) | None) | Err(_) => return Err(Deaf),
                },
                never = &mut beating => match never {},
            }
        }
    }

    /// Publishes a beat, and asks what time it is. Failing is found out by hearing nothing.
    async fn beat(&self) {
        let publish = Call::command("PUBLISH").arg(self.announcer.channel()).arg(self.announcer.beat());
        let (began, before) = (Instant::now(), unix_ms());
        let answers = self.engine.probe("be heard", [publish, Call::command("TIME")]).await;
        let round_trip = began.elapsed();
        let Some((seconds, micros)) =
            answers.ok().and_then(|[_, time]| redis::from_redis_value::<(i64, i64)>(time).ok())
        else {
            return;
        };
        if round_trip <= ROUND_TRIP_MAX {
            let half = i64::try_from(round_trip.as_millis() / 2).unwrap_or(0);
            let skew_ms = seconds * 1000 + micros / 1000 - (before + half);
            let corrected = if skew_ms.abs() < SKEW_MIN_MS { 0 } else { skew_ms };
            self.skew_ms.store(corrected, Ordering::Relaxed);
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "compared with the servers' clock, not a time that anything is decided by"
)]
fn unix_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

impl Message {
    fn of(push: PushInfo) -> Self {
        match push.kind {
            PushKind::Disconnection => Self::Disconnected,
            // `[channel, text]`; confirmations of the subscription say nothing.
            PushKind::Message => {
                let text = push.data.into_iter().nth(1).and_then(|text| redis::from_redis_value(text).ok());
                Self::Text(text.unwrap_or_default())
            }
            _ => Self::Text(String::new()),
        }
    }
}

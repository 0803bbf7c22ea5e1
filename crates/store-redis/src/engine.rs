//! What every port works with: calls are sent, repeated while that may help, and spared while the store does not answer.

use crate::{
    breaker::Breaker,
    call::Call,
    error::{damaged, failed, lacks_script, may_pass},
    link::Link,
    names::Names,
    options::{RedisOptions, Repeat},
};
use parking_lot::Mutex;
use redis::{FromRedisValue, RedisError, RedisResult, Value};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use store::{StoreError, error::StoreFailure};
use tokio::time::{Instant, sleep, timeout_at};

/// The first wait before a call is repeated; each further one is twice as long.
const REPEAT_MIN: Duration = Duration::from_millis(5);

/// The longest wait before a call is repeated.
const REPEAT_MAX: Duration = Duration::from_millis(250);

/// How long bulk work may take at least: a failover within it is waited for.
const BULK_TIMEOUT_MIN: Duration = Duration::from_secs(20);

/// Commands in one pipeline at most: some hundred kilobytes, and some milliseconds of a server's time.
pub(crate) const PIPELINE_MAX: usize = 512;

/// Which connection, so that requests never wait behind bulk work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lane {
    /// What a request or a person waits for.
    Request,
    /// Batches, mirrors, clean-up.
    Bulk,
}

/// The servers, as the ports see them. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Engine(Arc<Shared>);

struct Shared {
    names: Names,
    request: Way,
    bulk: Way,
    breaker: Mutex<Breaker>,
    round_trips: AtomicU64,
    repeat: Repeat,
}

struct Way {
    link: Link,
    timeout: Duration,
}

impl Engine {
    /// Servers of which nothing is asked yet.
    ///
    /// # Errors
    ///
    /// When the options cannot be used.
    pub(crate) fn new(options: &RedisOptions) -> RedisResult<Self> {
        let way = |timeout| Ok::<_, RedisError>(Way { link: Link::new(options, timeout)?, timeout });
        Ok(Self(Arc::new(Shared {
            names: Names::new(&options.key_prefix),
            request: way(options.timeout)?,
            bulk: way(options.timeout.max(BULK_TIMEOUT_MIN))?,
            breaker: Mutex::default(),
            round_trips: AtomicU64::new(0),
            repeat: options.repeat,
        })))
    }

    /// The keys' names.
    pub(crate) fn names(&self) -> &Names {
        &self.0.names
    }

    /// Waits of requests for the servers so far; commands sent together count once.
    pub(crate) fn round_trips(&self) -> u64 {
        self.0.round_trips.load(Ordering::Relaxed)
    }

    /// The connection that calls of `lane` share, for what is no call.
    pub(crate) fn link(&self, lane: Lane) -> &Link {
        &self.way(lane).link
    }

    /// One call's reply. Cancel-safe: the call may have been carried out.
    pub(crate) async fn ask<T: FromRedisValue>(&self, operation: &'static str, call: Call) -> Result<T, StoreError> {
        let [reply] = self.together(operation, [call]).await?;
        T::from_redis_value(reply).map_err(|_| damaged(operation))
    }

    /// The replies of calls that are sent at once: one round trip, whatever slots they go to. Cancel-safe.
    pub(crate) async fn together<const N: usize>(
        &self,
        operation: &'static str,
        calls: [Call; N],
    ) -> Result<[Value; N], StoreError> {
        let replies = self.send(Lane::Request, operation, calls.into()).await?;
        replies.try_into().map_err(|_| damaged(operation))
    }

    /// The replies of any number of calls, in their order, sent in pipelines of [`PIPELINE_MAX`]. Cancel-safe.
    ///
    /// # Errors
    ///
    /// When one of them fails; the others may have been carried out.
    pub(crate) async fn all(
        &self,
        lane: Lane,
        operation: &'static str,
        calls: Vec<Call>,
    ) -> Result<Vec<Value>, StoreError> {
        let mut replies = Vec::with_capacity(calls.len());
        let mut calls = calls.into_iter();
        loop {
            let pipeline: Vec<_> = calls.by_ref().take(PIPELINE_MAX).collect();
            if pipeline.is_empty() {
                return Ok(replies);
            }
            replies.extend(self.send(lane, operation, pipeline).await?);
        }
    }

    /// The replies of calls that find out whether the store is there: made whether or not it is spared, and counted nowhere.
    pub(crate) async fn probe<const N: usize>(
        &self,
        operation: &'static str,
        calls: [Call; N],
    ) -> Result<[Value; N], StoreError> {
        let replies = self.send_in_time(Lane::Request, operation, calls.into()).await?;
        replies.try_into().map_err(|_| damaged(operation))
    }

    async fn send(&self, lane: Lane, operation: &'static str, calls: Vec<Call>) -> Result<Vec<Value>, StoreError> {
        if lane == Lane::Request {
            self.0.round_trips.fetch_add(1, Ordering::Relaxed);
        }
        if !self.0.breaker.lock().lets_through() {
            return Err(StoreError::new(operation, StoreFailure::Unavailable).caused_by(Spared));
        }
        if self.0.repeat == Repeat::Twice {
            let scripts = calls.iter().filter(|call| call.is_script()).cloned().collect::<Vec<_>>();
            self.send_in_time(lane, operation, scripts).await?;
        }
        self.send_in_time(lane, operation, calls).await
    }

    async fn send_in_time(
        &self,
        lane: Lane,
        operation: &'static str,
        calls: Vec<Call>,
    ) -> Result<Vec<Value>, StoreError> {
        let way = self.way(lane);
        let sent = Attempts::new(calls).until(&way.link, Instant::now() + way.timeout).await;
        self.note(sent.as_ref().err());
        sent.map_err(|error| failed(operation, error))
    }

    /// Tells the breaker how it went: a refusal is an answer, too.
    fn note(&self, trouble: Option<&RedisError>) {
        let mut breaker = self.0.breaker.lock();
        match trouble.filter(|error| may_pass(error)) {
            None => {
                if breaker.answered() {
                    tracing::info!("the store answers again");
                }
            }
            Some(error) => {
                if breaker.failed() {
                    tracing::error!(error = %error, "the store does not answer; it is spared until it does");
                }
            }
        }
    }

    fn way(&self, lane: Lane) -> &Way {
        match lane {
            Lane::Request => &self.0.request,
            Lane::Bulk => &self.0.bulk,
        }
    }
}

/// The store did not answer just now; it was not asked again.
#[derive(Debug, thiserror::Error)]
#[error("it did not answer just now, and is not asked again at once")]
struct Spared;

/// Calls of which some may have to be sent again.
struct Attempts {
    calls: Vec<Call>,
    replies: Vec<Option<Value>>,
    wait: Duration,
}

impl Attempts {
    fn new(calls: Vec<Call>) -> Self {
        let replies = calls.iter().map(|_| None).collect();
        Self { calls, replies, wait: REPEAT_MIN }
    }

    /// Sends what has no reply yet until everything has one, repeating cannot help, or the time is over.
    async fn until(mut self, link: &Link, deadline: Instant) -> RedisResult<Vec<Value>> {
        loop {
            let round = timeout_at(deadline, self.round(link)).await;
            let trouble = match round {
                Ok(None) => return Ok(self.replies.into_iter().flatten().collect()),
                Ok(Some(trouble)) => trouble,
                Err(_) => std::io::Error::from(std::io::ErrorKind::TimedOut).into(),
            };
            // What was not answered in time is not sent again: a slow server has enough to do.
            if !may_pass(&trouble) || trouble.is_timeout() || Instant::now() + self.wait >= deadline {
                return Err(trouble);
            }
            sleep(self.wait).await;
            self.wait = (self.wait * 2).min(REPEAT_MAX);
        }
    }

    /// Sends what has no reply; says what is in the way of the first that has none afterwards, unless it was only a script that
    /// the server did not know: that is mended here.
    async fn round(&mut self, link: &Link) -> Option<RedisError> {
        loop {
            let (trouble, was_loaded) = self.send(link).await;
            if !was_loaded {
                return trouble;
            }
        }
    }

    async fn send(&mut self, link: &Link) -> (Option<RedisError>, bool) {
        let open: Vec<_> = (0..self.calls.len()).filter(|&place| self.replies[place].is_none()).collect();
        if open.is_empty() {
            return (None, false);
        }
        let commands: Vec<_> = open.iter().map(|&place| self.calls[place].command_to_send()).collect();
        let (mut trouble, mut lacked) = (None, false);
        for (place, reply) in open.into_iter().zip(link.send(&commands).await) {
            match reply {
                Ok(reply) => self.replies[place] = Some(reply),
                Err(error) if lacks_script(&error) => {
                    self.calls[place] = self.calls[place].with_text();
                    lacked = true;
                }
                Err(error) if trouble.as_ref().is_none_or(may_pass) => trouble = Some(error),
                Err(_) => {}
            }
        }
        (trouble, lacked)
    }
}

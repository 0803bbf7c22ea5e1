//! Which account a client's session is with, as this node knows it. The store is asked once per session, beside what the request waits
//! for anyway, and told behind its answer: no request waits for that. A binding is a hint: who follows one looks first whether the
//! account may still serve.

use crate::read::Inbound;
use domain::{AccountId, Binding, Timestamp};
use http::HeaderName;
use parking_lot::Mutex;
use quick_cache::{UnitWeighter, sync::Cache};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use store::{Affinity, AffinityKey, AffinityScope};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Sessions that a node remembers. An entry takes about a quarter of a kilobyte; what is forgotten is asked of the store.
const SESSIONS_MAX: u64 = 50_000;

/// Sessions that memory is taken for at the start; it grows with those that come.
const SESSIONS_EXPECTED: usize = 256;

/// Bindings that may wait to be written. More at once are written when their sessions are next used.
const WRITES_MAX: usize = 4096;

/// How long after a binding was to be written it is written again, if it was not.
const REWRITE_AFTER: Duration = Duration::from_secs(5);

/// A binding is renewed once this part of its life is over: one of an hour when less than fifty minutes are left of it.
const RENEWED_AFTER_PART: u32 = 6;

/// Where clients name their sessions, in the order in which they are asked: Claude Code, Codex and what imitates its older name,
/// opencode.
static SESSION_HEADERS: [HeaderName; 5] = [
    HeaderName::from_static("x-claude-code-session-id"),
    HeaderName::from_static("session-id"),
    HeaderName::from_static("session_id"),
    HeaderName::from_static("x-session-affinity"),
    HeaderName::from_static("x-session-id"),
];

/// The sessions of this node's requests.
pub(crate) struct Affinities {
    store: Arc<dyn Affinity>,
    /// How long a binding lives without use; zero: there is none.
    ttl: Duration,
    kept: Cache<AffinityKey, Kept>,
    /// Makes one step of looking and keeping; held for a moment.
    keeping: Mutex<()>,
    /// Grows when notices may have been missed: what was kept before is asked for again.
    doubts: AtomicU64,
    /// Grows with every notice: what was read before it is not kept.
    changes: AtomicU64,
    writes: mpsc::Sender<AffinityKey>,
}

/// Where bindings come out that are to be written: run by one task.
pub(crate) struct AffinityWriter(mpsc::Receiver<AffinityKey>);

#[derive(Debug, Clone)]
struct Kept {
    account: AccountId,
    /// What the store has, as far as is known; none: nothing.
    stored: Option<AccountId>,
    until: Timestamp,
    /// From when on a use is written.
    write_at: Timestamp,
    doubts: u64,
}

/// What a node knows of a session without asking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Known {
    /// It is with this account.
    With(AccountId),
    /// Only the store can say.
    Unsure,
}

/// Sessions that live for `ttl` without use, in `store`; and what is to be run for them.
pub(crate) fn affinities(store: Arc<dyn Affinity>, ttl: Duration) -> (Arc<Affinities>, AffinityWriter) {
    let (writes, written) = mpsc::channel(WRITES_MAX);
    let affinities = Affinities {
        store,
        ttl,
        kept: Cache::with_weighter(SESSIONS_EXPECTED, SESSIONS_MAX, UnitWeighter),
        keeping: Mutex::default(),
        doubts: AtomicU64::new(0),
        changes: AtomicU64::new(0),
        writes,
    };
    (Arc::new(affinities), AffinityWriter(written))
}

/// The session that a request belongs to, by its client's word: a header's, else the body's.
fn session_of(inbound: &Inbound) -> Option<&[u8]> {
    // A list of models is no part of a conversation.
    let scan = inbound.scan.as_ref()?;
    let headers = SESSION_HEADERS.iter().filter_map(|name| inbound.head.headers.get(name));
    let named = headers.map(http::HeaderValue::as_bytes).find(|session| !session.is_empty());
    let in_body = || scan.session.as_deref().map(str::as_bytes);
    named.or_else(in_body)
}

impl Affinities {
    /// The session that `inbound` belongs to; none when it names none, or when there is no choice of accounts.
    pub(crate) fn session(&self, inbound: &Inbound) -> Option<AffinityKey> {
        let service = inbound.service;
        if self.ttl.is_zero() {
            return None;
        }
        let scope = match inbound.key.bindings.get(&service) {
            None => AffinityScope::Key(inbound.key.id.clone()),
            Some(Binding::Group(id)) => AffinityScope::Group(id.clone()),
            Some(Binding::Account(_)) => return None,
        };
        session_of(inbound).map(|session| AffinityKey::of(&scope, service, session))
    }

    /// Where `session` is, if that is known here.
    pub(crate) fn known(&self, session: &AffinityKey, now: Timestamp) -> Known {
        match self.kept.get(session) {
            Some(kept) if now < kept.until && kept.doubts == self.doubts() => Known::With(kept.account),
            _ => Known::Unsure,
        }
    }

    /// Asks the store where `session` is; what was known before counts while it cannot say. Cancel-safe.
    pub(crate) async fn ask(&self, session: &AffinityKey, now: Timestamp) -> Option<AccountId> {
        let changes = self.changes();
        let told = self.store.get(session, None, now).await;
        let _keeping = self.keeping.lock();
        let kept = self.live(session, now);
        let found = match told {
            Ok(found) => found,
            Err(error) => {
                tracing::debug!(error = %error, "the store cannot say where a session is");
                return kept.map(|kept| kept.account);
            }
        };
        let doubts = self.doubts();
        match (kept, &found) {
            // Another request has bound it meanwhile, or this node did while the store was away, which is still to be written.
            (Some(kept), _) if kept.doubts == doubts || (kept.stored.is_none() && found.is_none()) => {
                let account = kept.account.clone();
                self.kept.insert(session.clone(), Kept { doubts, ..kept });
                return Some(account);
            }
            (_, Some(account)) if self.changes() == changes => {
                // Until when it holds is not told: its use is written, which begins a new life.
                let (account, stored) = (account.clone(), Some(account.clone()));
                let kept = Kept { account, stored, until: now.plus(self.ttl), write_at: now, doubts };
                self.kept.insert(session.clone(), kept);
            }
            _ => drop(self.kept.remove(session)),
        }
        found
    }

    /// Notes that `session`, which was seen `with` an account or none, goes to `account`; gives the account that it is with now,
    /// which is another if another request has moved it meanwhile.
    pub(crate) fn bind(
        &self,
        session: &AffinityKey,
        with: Option<&AccountId>,
        account: &AccountId,
        now: Timestamp,
    ) -> AccountId {
        let _keeping = self.keeping.lock();
        let current = self.live(session, now);
        match &current {
            Some(kept) if kept.account == *account => return kept.account.clone(),
            Some(kept) if with != Some(&kept.account) => return kept.account.clone(),
            Some(_) | None => {}
        }
        let stored = current.map_or_else(|| with.cloned(), |kept| kept.stored);
        let account = account.clone();
        let kept =
            Kept { account: account.clone(), stored, until: now.plus(self.ttl), write_at: now, doubts: self.doubts() };
        self.kept.insert(session.clone(), kept);
        account
    }

    /// `account` has answered a request of `session`: that is written, unless it was lately.
    pub(crate) fn answered(&self, session: AffinityKey, account: &AccountId, now: Timestamp) {
        let _keeping = self.keeping.lock();
        let Some(kept) = self.live(&session, now) else { return };
        if kept.account != *account || now < kept.write_at {
            return;
        }
        if self.writes.try_send(session.clone()).is_err() {
            tracing::debug!("more sessions begin than can be written; they are written when they are next used");
        }
        self.kept.insert(session, Kept { until: now.plus(self.ttl), write_at: now.plus(REWRITE_AFTER), ..kept });
    }

    /// A binding has changed in the store; none: any of them may have.
    pub(crate) fn forget(&self, session: Option<&AffinityKey>) {
        let _keeping = self.keeping.lock();
        self.changes.fetch_add(1, Ordering::AcqRel);
        match session {
            Some(session) => drop(self.kept.remove(session)),
            None => self.kept.clear(),
        }
    }

    /// Something may have been missed: the store is asked again, and while it is away what is known counts.
    pub(crate) fn doubt_all(&self) {
        self.changes.fetch_add(1, Ordering::AcqRel);
        self.doubts.fetch_add(1, Ordering::AcqRel);
    }

    fn live(&self, session: &AffinityKey, now: Timestamp) -> Option<Kept> {
        self.kept.get(session).filter(|kept| now < kept.until)
    }

    fn doubts(&self) -> u64 {
        self.doubts.load(Ordering::Acquire)
    }

    fn changes(&self) -> u64 {
        self.changes.load(Ordering::Acquire)
    }

    /// Writes where `session` is now; nothing where it was removed meanwhile.
    async fn write(&self, session: AffinityKey, now: Timestamp) {
        let Some(Kept { account, stored, .. }) = self.live(&session, now) else { return };
        match self.store.bind(&session, stored.as_ref(), &account, self.ttl, now).await {
            Ok(bound) => self.written(&session, &account, bound, now),
            Err(error) => tracing::debug!(error = %error, "a session could not be bound in the store"),
        }
    }

    /// The store has `session` with `bound` now, after it was to be bound to `account`.
    fn written(&self, session: &AffinityKey, account: &AccountId, bound: AccountId, now: Timestamp) {
        let _keeping = self.keeping.lock();
        let Some(kept) = self.live(session, now) else { return };
        let stored = Some(bound.clone());
        let kept = if kept.account == *account {
            let write_at = now.plus(self.ttl / RENEWED_AFTER_PART);
            Kept { account: bound, stored, until: now.plus(self.ttl), write_at, ..kept }
        } else {
            // It was moved meanwhile, which is still to be written.
            Kept { stored, write_at: now, ..kept }
        };
        self.kept.insert(session.clone(), kept);
    }
}

impl AffinityWriter {
    /// Writes bindings until `stop`, and then those that are there.
    pub(crate) async fn run(
        mut self,
        affinities: Arc<Affinities>,
        now: impl Fn() -> Timestamp + Send,
        stop: CancellationToken,
    ) {
        loop {
            let session = tokio::select! {
                biased;
                session = self.0.recv() => session,
                () = stop.cancelled() => None,
            };
            let Some(session) = session else { return };
            affinities.write(session, now()).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{KeyId, Service};
    use store::Bindings;

    const TTL: Duration = Duration::from_secs(3600);
    const NOW: Timestamp = Timestamp::from_ms(1_000_000);

    struct Node {
        affinities: Arc<Affinities>,
        writer: AffinityWriter,
    }

    impl Node {
        fn new(store: &store::Store) -> Self {
            let (affinities, writer) = affinities(Arc::clone(&store.affinity), TTL);
            Self { affinities, writer }
        }

        /// Writes what waits to be written.
        async fn write(&mut self, now: Timestamp) -> usize {
            let mut written = 0;
            while let Ok(session) = self.writer.0.try_recv() {
                self.affinities.write(session, now).await;
                written += 1;
            }
            written
        }

        fn bind(&self, with: Option<&str>, to: &str) -> String {
            self.affinities.bind(&session(), with.map(account).as_ref(), &account(to), NOW).to_string()
        }

        fn known(&self, now: Timestamp) -> Option<String> {
            match self.affinities.known(&session(), now) {
                Known::With(account) => Some(account.to_string()),
                Known::Unsure => None,
            }
        }

        async fn asked(&self) -> Option<String> {
            self.affinities.ask(&session(), NOW).await.map(|account| account.to_string())
        }
    }

    fn account(id: &str) -> AccountId {
        AccountId::parse(id).expect("an id")
    }

    fn session() -> AffinityKey {
        let scope = AffinityScope::Key(KeyId::parse("k1").expect("an id"));
        AffinityKey::of(&scope, Service::Claude, b"s-1")
    }

    #[tokio::test]
    async fn of_two_first_requests_at_once_the_later_follows_the_earlier() {
        let node = Node::new(&store::memory::store());
        assert_eq!((node.asked().await, node.asked().await), (None, None));
        assert_eq!((node.bind(None, "a"), node.bind(None, "b")), ("a".to_owned(), "a".to_owned()));
        assert_eq!(node.known(NOW).as_deref(), Some("a"));
    }

    #[tokio::test]
    async fn two_nodes_agree_on_where_a_session_went_first() {
        let store = store::memory::store();
        let (mut one, mut other) = (Node::new(&store), Node::new(&store));
        for (node, to) in [(&one, "a"), (&other, "b")] {
            assert_eq!(node.asked().await, None);
            node.bind(None, to);
            node.affinities.answered(session(), &account(to), NOW);
        }
        assert_eq!((one.write(NOW).await, other.write(NOW).await), (1, 1));
        assert_eq!((one.known(NOW).as_deref(), other.known(NOW).as_deref()), (Some("a"), Some("a")));
    }

    #[tokio::test]
    async fn a_session_that_moved_twice_before_it_was_written_stays_where_it_went_last() {
        let store = store::memory::store();
        let mut node = Node::new(&store);
        for (with, to) in [(None, "a"), (Some("a"), "b"), (Some("b"), "c")] {
            assert_eq!(node.bind(with, to), to);
            node.affinities.answered(session(), &account(to), NOW);
        }
        node.write(NOW).await;
        assert_eq!(node.known(NOW).as_deref(), Some("c"));
        assert_eq!(store.affinity.get(&session(), None, NOW).await.expect("a read"), Some(account("c")));
    }

    #[tokio::test]
    async fn a_binding_is_renewed_by_its_use_once_a_sixth_of_its_life_is_over() {
        let store = store::memory::store();
        let mut node = Node::new(&store);
        node.bind(None, "a");
        for (minute, writes) in [(0, 1), (1, 0), (9, 0), (10, 1), (19, 0), (20, 1)] {
            let now = NOW.plus(Duration::from_secs(60 * minute));
            node.affinities.answered(session(), &account("a"), now);
            assert_eq!(node.write(now).await, writes, "after {minute} minutes");
        }
        let ends = |minute: u64| NOW.plus(Duration::from_secs(60 * minute));
        assert_eq!(store.affinity.get(&session(), None, ends(79)).await.expect("a read"), Some(account("a")));
        assert_eq!(store.affinity.get(&session(), None, ends(80)).await.expect("a read"), None);
        assert_eq!((node.known(ends(79)).as_deref(), node.known(ends(80))), (Some("a"), None));
    }

    #[tokio::test]
    async fn what_was_flushed_while_a_request_was_under_way_does_not_come_back() {
        let store = store::memory::store();
        let mut node = Node::new(&store);
        node.bind(None, "a");
        node.affinities.answered(session(), &account("a"), NOW);
        node.affinities.forget(None);
        node.affinities.answered(session(), &account("a"), NOW);
        node.write(NOW).await;
        assert_eq!(store.affinity.flush(Bindings::All).await.expect("a flush"), 0);
        assert_eq!(node.known(NOW), None);
    }

    #[tokio::test]
    async fn after_missed_notices_the_store_is_asked_and_what_it_never_had_is_kept() {
        let store = store::memory::store();
        let mut node = Node::new(&store);
        node.bind(None, "a");
        node.affinities.doubt_all();
        assert_eq!(node.known(NOW), None);
        assert_eq!(node.asked().await.as_deref(), Some("a"), "the store never had it");
        node.affinities.answered(session(), &account("a"), NOW);
        node.write(NOW).await;
        store.affinity.bind(&session(), Some(&account("a")), &account("b"), TTL, NOW).await.expect("a binding");
        node.affinities.doubt_all();
        assert_eq!(node.asked().await.as_deref(), Some("b"), "another node has moved it");
        store.affinity.flush(Bindings::All).await.expect("a flush");
        node.affinities.doubt_all();
        assert_eq!(node.asked().await, None, "it was removed");
        assert_eq!(node.known(NOW), None);
    }
}

//! What the books say of every key at once, kept for a short time: a list is ordered by it page after page, and asking the store costs
//! a look at every key that was used. One question is put to the store at a time.

use crate::refusal::Refusal;
use domain::KeyId;
use parking_lot::Mutex;
use std::{collections::HashMap, sync::Arc, time::Duration};
use store::{Rankings, StoreError, rankings::Days};
use tokio::{
    sync::{Mutex as AsyncMutex, OwnedMutexGuard},
    task::JoinSet,
    time::Instant,
};

/// How long an answer is given out as it is: whoever pages through a list does not ask the store again.
const FRESH: Duration = Duration::from_secs(10);

/// How long an answer is given out while the next one is being read: an order is not older than this.
const KEPT: Duration = Duration::from_secs(60);

/// Answers that are kept at most. One takes some 150 bytes for each key that it names, so a hundred thousand keys take 15 MB.
const ANSWERS_MAX: usize = 4;

/// A question about all keys.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Question {
    /// When each was last used, in milliseconds since 1970.
    LastUse,
    /// The rated cost of each over some days, in nano-dollars.
    RatedCost(Days),
    /// Which used this model in some days.
    OfModel(String, Days),
}

/// What is asked for, by the key's id; a key that is not there has none of it.
pub(crate) struct Ranking {
    by_id: HashMap<Arc<str>, i128>,
    /// The same in order, the lowest first; of equal ones the lower id.
    sorted: Vec<(i128, Arc<str>)>,
}

impl Ranking {
    /// Of keys with what each has.
    pub(crate) fn new(ranks: impl Iterator<Item = (KeyId, i128)>) -> Self {
        let mut sorted: Vec<_> = ranks.map(|(key, rank)| (rank, Arc::from(key.as_str()))).collect();
        sorted.sort_unstable();
        Self { by_id: sorted.iter().map(|(rank, id)| (Arc::clone(id), *rank)).collect(), sorted }
    }

    /// What the key with this id has of it.
    pub(crate) fn rank(&self, id: &str) -> Option<i128> {
        self.by_id.get(id).copied()
    }

    /// All that have some, the lowest first; of equal ones the lower id.
    pub(crate) fn sorted(&self) -> &[(i128, Arc<str>)] {
        &self.sorted
    }
}

/// The answers of this node.
pub(crate) struct KeptRankings {
    answers: Arc<Answers>,
    /// The answer that is being read behind a list, if one is. It ends with its owner.
    behind: Mutex<JoinSet<()>>,
}

struct Answers {
    source: Arc<dyn Rankings>,
    kept: Mutex<HashMap<Question, Answer>>,
    /// Held by whoever asks the store.
    turn: Arc<AsyncMutex<()>>,
}

#[derive(Clone)]
struct Answer {
    ranking: Arc<Ranking>,
    read_at: Instant,
}

impl KeptRankings {
    pub(crate) fn new(source: Arc<dyn Rankings>) -> Self {
        let answers = Answers { source, kept: Mutex::default(), turn: Arc::default() };
        Self { answers: Arc::new(answers), behind: Mutex::default() }
    }

    /// The answer, at most a minute old. Only the first one within that time is waited for.
    pub(crate) async fn get(&self, question: Question) -> Result<Arc<Ranking>, Refusal> {
        if let Some(answer) = self.answers.kept(&question) {
            if answer.read_at.elapsed() > FRESH {
                self.read_behind(question);
            }
            return Ok(answer.ranking);
        }
        let turn = Arc::clone(&self.answers.turn).lock_owned().await;
        match self.answers.kept(&question) {
            // Somebody else asked the same meanwhile.
            Some(answer) => Ok(answer.ranking),
            None => Ok(self.answers.read(question, turn).await?),
        }
    }

    /// Begins to read the answer anew, unless one is being read.
    fn read_behind(&self, question: Question) {
        let Ok(turn) = Arc::clone(&self.answers.turn).try_lock_owned() else { return };
        let answers = Arc::clone(&self.answers);
        let mut behind = self.behind.lock();
        while behind.try_join_next().is_some() {}
        behind.spawn(async move {
            if let Err(error) = answers.read(question, turn).await {
                tracing::warn!(%error, "a ranking of keys could not be read anew; the last one is kept until it is a minute old");
            }
        });
    }
}

impl Answers {
    /// The answer that is kept, if it is young enough; those that are not are forgotten.
    fn kept(&self, question: &Question) -> Option<Answer> {
        let mut kept = self.kept.lock();
        kept.retain(|_, answer| answer.read_at.elapsed() <= KEPT);
        kept.get(question).cloned()
    }

    async fn read(&self, question: Question, _turn: OwnedMutexGuard<()>) -> Result<Arc<Ranking>, StoreError> {
        let read_at = Instant::now();
        let ranking = match &question {
            Question::LastUse => {
                let uses = self.source.last_uses().await?;
                Ranking::new(uses.into_iter().map(|(key, at)| (key, at.as_ms().into())))
            }
            Question::RatedCost(days) => {
                let costs = self.source.rated_costs(*days).await?;
                Ranking::new(costs.into_iter().map(|(key, cost)| (key, cost.0)))
            }
            Question::OfModel(model, days) => {
                let keys = self.source.keys_of_model(model, *days).await?;
                Ranking::new(keys.into_iter().map(|key| (key, 1)))
            }
        };
        let ranking = Arc::new(ranking);
        let mut kept = self.kept.lock();
        if kept.len() >= ANSWERS_MAX && !kept.contains_key(&question) {
            let oldest = kept.iter().min_by_key(|(_, answer)| answer.read_at).map(|(question, _)| question.clone());
            oldest.map(|oldest| kept.remove(&oldest));
        }
        kept.insert(question, Answer { ranking: Arc::clone(&ranking), read_at });
        Ok(ranking)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use async_trait::async_trait;
    use domain::{Day, NanoUsd, Timestamp};
    use std::sync::atomic::{AtomicI64, Ordering::SeqCst};

    /// Counts how often it is asked, and says so.
    #[derive(Default)]
    struct Counting(AtomicI64);

    #[async_trait]
    impl Rankings for Counting {
        async fn last_uses(&self) -> Result<Vec<(KeyId, Timestamp)>, StoreError> {
            tokio::task::yield_now().await;
            Ok(vec![(key(), Timestamp::from_ms(self.0.fetch_add(1, SeqCst) + 1))])
        }

        async fn rated_costs(&self, _: Days) -> Result<Vec<(KeyId, NanoUsd)>, StoreError> {
            Ok(vec![(key(), NanoUsd((self.0.fetch_add(1, SeqCst) + 1).into()))])
        }

        async fn keys_of_model(&self, _: &str, _: Days) -> Result<Vec<KeyId>, StoreError> {
            Ok(vec![key()])
        }
    }

    fn key() -> KeyId {
        KeyId::parse("k1").expect("an id")
    }

    fn kept() -> KeptRankings {
        KeptRankings::new(Arc::new(Counting::default()))
    }

    /// Which time the source was asked for the answer that is given.
    async fn asked(kept: &KeptRankings, question: Question) -> i128 {
        kept.get(question).await.expect("an answer").rank(key().as_str()).expect("a rank")
    }

    #[tokio::test(start_paused = true)]
    async fn of_many_who_ask_at_once_one_asks_the_store() {
        let kept = kept();
        let all = futures_util::future::join_all((0..20).map(|_| asked(&kept, Question::LastUse))).await;
        assert_eq!(all, [1; 20]);
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_is_read_anew_behind_who_asks_and_is_never_older_than_a_minute() {
        let kept = kept();
        assert_eq!(asked(&kept, Question::LastUse).await, 1);
        tokio::time::advance(FRESH).await;
        assert_eq!(asked(&kept, Question::LastUse).await, 1);
        tokio::time::advance(Duration::from_millis(1)).await;
        assert_eq!(asked(&kept, Question::LastUse).await, 1);
        while kept.behind.lock().try_join_next().is_none() {
            tokio::task::yield_now().await;
        }
        assert_eq!(asked(&kept, Question::LastUse).await, 2);
        tokio::time::advance(KEPT + Duration::from_millis(1)).await;
        assert_eq!(asked(&kept, Question::LastUse).await, 3);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_kept_is_bounded() {
        let kept = kept();
        let first = Day::parse("2026-11-01").expect("a day");
        for number in 0..2 * i32::try_from(ANSWERS_MAX).expect("few") {
            tokio::time::advance(Duration::from_millis(1)).await;
            let days = Days::new(first, first.plus_days(number)).expect("some days");
            assert_eq!(asked(&kept, Question::RatedCost(days)).await, i128::from(number) + 1);
        }
        assert_eq!(kept.answers.kept.lock().len(), ANSWERS_MAX);
    }
}

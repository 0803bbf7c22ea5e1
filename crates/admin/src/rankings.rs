//! What the books say of every key at once, kept by this node: a list is ordered by it page after page, and asking the store costs a
//! look at every key that was used. One question is put to the store at a time. An answer that is not fresh is given with its age.

use crate::refusal::Refusal;
use domain::KeyId;
use parking_lot::Mutex;
use std::{collections::HashMap, sync::Arc, time::Duration};
use store::{Rankings, StoreError, error::StoreFailure, rankings::Days};
use tokio::{
    sync::{Mutex as AsyncMutex, watch},
    task::{JoinSet, spawn_blocking},
    time::{Instant, timeout},
};

/// How long an answer is given out without a word about its age: whoever pages through a list does not ask the store again.
const FRESH: Duration = Duration::from_secs(10);

/// How long an answer is given out at all, while the next one is being read: an order is not older than this.
const KEPT: Duration = Duration::from_secs(3600);

/// How long a list waits for the next answer while there is an older one. With some ten thousand keys reading takes less, so that
/// only the largest installations ever see an older order.
const PATIENCE: Duration = Duration::from_millis(40);

/// An answer that nobody has asked for is read anew when it is this many times as old as reading it took: a hundredth of a core.
const RESTS: u32 = 100;

/// Answers that are kept at most. One takes some 150 bytes for each key that it names, so a hundred thousand keys take 15 MB.
const ANSWERS_MAX: usize = 6;

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

/// An answer as it is given out.
#[derive(Clone)]
pub(crate) struct Told {
    pub(crate) ranking: Arc<Ranking>,
    /// How long ago it was read, where it is not fresh.
    pub(crate) age: Option<Duration>,
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
    /// What is being read behind those who ask: one task, which ends with its owner.
    behind: Mutex<JoinSet<()>>,
}

struct Answers {
    source: Arc<dyn Rankings>,
    kept: Mutex<HashMap<Question, Answer>>,
    /// Held by whoever asks the store.
    turn: AsyncMutex<()>,
    /// Told of each answer that was read.
    read: watch::Sender<()>,
}

#[derive(Clone)]
struct Answer {
    ranking: Arc<Ranking>,
    /// When reading it began: what was applied before is in it.
    read_at: Instant,
    /// How long reading it took.
    took: Duration,
    asked_at: Instant,
}

impl KeptRankings {
    pub(crate) fn new(source: Arc<dyn Rankings>) -> Self {
        let (kept, turn, read) = (Mutex::default(), AsyncMutex::default(), watch::Sender::new(()));
        Self { answers: Arc::new(Answers { source, kept, turn, read }), behind: Mutex::default() }
    }

    /// The answer. Where there is none, or one older than an hour, it is waited for; else at most [`PATIENCE`], and then the older one
    /// is given with its age. Cancel-safe.
    ///
    /// # Errors
    ///
    /// When there is none and the store cannot be read.
    pub(crate) async fn get(&self, question: Question) -> Result<Told, Refusal> {
        let answer = match self.answers.asked(&question) {
            None => self.answers.read(question, |answer| !answer.is_fresh()).await?,
            Some(answer) if answer.is_fresh() => answer,
            Some(older) => {
                self.read_behind(vec![question.clone()], |answer| !answer.is_fresh());
                timeout(PATIENCE, self.answers.next(&question, older.read_at)).await.unwrap_or(older)
            }
        };
        Ok(answer.told())
    }

    /// Begins to read answers that somebody may soon ask for, unless they are kept and young enough, or others are being read.
    pub(crate) fn prepare(&self, questions: Vec<Question>) {
        self.read_behind(questions, |answer| answer.read_at.elapsed() > FRESH.max(answer.took * RESTS));
    }

    /// Begins to read answers that are not kept, or are `due`, unless others are being read.
    fn read_behind(&self, questions: Vec<Question>, due: fn(&Answer) -> bool) {
        let questions: Vec<_> =
            questions.into_iter().filter(|it| self.answers.kept(it).as_ref().is_none_or(due)).collect();
        let mut behind = self.behind.lock();
        while behind.try_join_next().is_some() {}
        if questions.is_empty() || !behind.is_empty() {
            return;
        }
        let answers = Arc::clone(&self.answers);
        behind.spawn(async move {
            for question in questions {
                if let Err(error) = answers.read(question, due).await {
                    tracing::warn!(%error, "a ranking of keys could not be read; an older one is given until it is an hour old");
                    return;
                }
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

    /// The same for somebody who asks for it.
    fn asked(&self, question: &Question) -> Option<Answer> {
        let answer = self.kept(question)?;
        if let Some(kept) = self.kept.lock().get_mut(question) {
            kept.asked_at = Instant::now();
        }
        Some(answer)
    }

    /// The answer that is read after the one of this instant; waits until there is one. Cancel-safe.
    async fn next(&self, question: &Question, after: Instant) -> Answer {
        let mut read = self.read.subscribe();
        loop {
            if let Some(answer) = self.kept(question).filter(|answer| answer.read_at > after) {
                return answer;
            }
            // The sender lives as long as this.
            let _ = read.changed().await;
        }
    }

    /// Reads an answer when it is its turn, unless there is one by then that is not `due` or not older than the call.
    async fn read(&self, question: Question, due: impl Fn(&Answer) -> bool) -> Result<Answer, StoreError> {
        let called_at = Instant::now();
        let _turn = self.turn.lock().await;
        if let Some(answer) = self.kept(&question).filter(|answer| answer.read_at >= called_at || !due(answer)) {
            return Ok(answer);
        }
        let read_at = Instant::now();
        let ranking = Arc::new(self.ask(&question).await?);
        let answer = Answer { ranking, read_at, took: read_at.elapsed(), asked_at: Instant::now() };
        self.keep(question, answer.clone());
        Ok(answer)
    }

    async fn ask(&self, question: &Question) -> Result<Ranking, StoreError> {
        match question {
            Question::LastUse => {
                let uses = self.source.last_uses().await?;
                ranked(|| uses.into_iter().map(|(key, at)| (key, at.as_ms().into()))).await
            }
            Question::RatedCost(days) => {
                let costs = self.source.rated_costs(*days).await?;
                ranked(|| costs.into_iter().map(|(key, cost)| (key, cost.0))).await
            }
            Question::OfModel(model, days) => {
                let keys = self.source.keys_of_model(model, *days).await?;
                ranked(|| keys.into_iter().map(|key| (key, 1))).await
            }
        }
    }

    /// Keeps an answer; where there are too many, the one goes that was asked for the longest ago.
    fn keep(&self, question: Question, answer: Answer) {
        let mut kept = self.kept.lock();
        if kept.len() >= ANSWERS_MAX && !kept.contains_key(&question) {
            let oldest = kept.iter().min_by_key(|(_, answer)| answer.asked_at).map(|(question, _)| question.clone());
            oldest.map(|oldest| kept.remove(&oldest));
        }
        kept.insert(question, answer);
        self.read.send_replace(());
    }
}

impl Answer {
    fn is_fresh(&self) -> bool {
        self.read_at.elapsed() <= FRESH
    }

    fn told(self) -> Told {
        let age = (!self.is_fresh()).then(|| self.read_at.elapsed());
        Told { ranking: self.ranking, age }
    }
}

/// Sorts on a thread of its own, so that no request waits behind it.
async fn ranked<I: Iterator<Item = (KeyId, i128)> + 'static>(
    ranks: impl FnOnce() -> I + Send + 'static,
) -> Result<Ranking, StoreError> {
    let sorted = spawn_blocking(move || Ranking::new(ranks())).await;
    sorted.map_err(|_| StoreError::new("rank keys", StoreFailure::Unavailable))
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

    /// How long the slow source takes.
    const TAKES: Duration = Duration::from_secs(2);

    /// The same, with many keys.
    #[derive(Default)]
    struct Slow(Counting);

    #[async_trait]
    impl Rankings for Slow {
        async fn last_uses(&self) -> Result<Vec<(KeyId, Timestamp)>, StoreError> {
            tokio::time::sleep(TAKES).await;
            self.0.last_uses().await
        }

        async fn rated_costs(&self, days: Days) -> Result<Vec<(KeyId, NanoUsd)>, StoreError> {
            self.0.rated_costs(days).await
        }

        async fn keys_of_model(&self, model: &str, days: Days) -> Result<Vec<KeyId>, StoreError> {
            self.0.keys_of_model(model, days).await
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
        told(kept, question).await.0
    }

    /// The same, and how old the answer says that it is.
    async fn told(kept: &KeptRankings, question: Question) -> (i128, Option<Duration>) {
        let told = kept.get(question).await.expect("an answer");
        (told.ranking.rank(key().as_str()).expect("a rank"), told.age)
    }

    /// Waits until nothing is being read.
    async fn settled(kept: &KeptRankings) {
        while !kept.behind.lock().is_empty() {
            kept.behind.lock().try_join_next();
            // Paused time goes on to the next timer, but not while something works on another thread.
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// Whether so much time has gone, as far as timers are exact.
    fn took(time: Duration, expected: Duration) -> bool {
        (expected..expected + Duration::from_millis(5)).contains(&time)
    }

    #[tokio::test(start_paused = true)]
    async fn of_many_who_ask_at_once_one_asks_the_store() {
        let kept = kept();
        let all = futures_util::future::join_all((0..20).map(|_| asked(&kept, Question::LastUse))).await;
        assert_eq!(all, [1; 20]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_read_quickly_is_never_given_older_than_ten_seconds() {
        let kept = kept();
        assert_eq!(told(&kept, Question::LastUse).await, (1, None));
        tokio::time::advance(FRESH).await;
        assert_eq!(told(&kept, Question::LastUse).await, (1, None));
        tokio::time::advance(Duration::from_millis(1)).await;
        assert_eq!(told(&kept, Question::LastUse).await, (2, None));
        tokio::time::advance(KEPT + Duration::from_millis(1)).await;
        assert_eq!(told(&kept, Question::LastUse).await, (3, None));
    }

    #[tokio::test(start_paused = true)]
    async fn while_the_next_answer_takes_long_the_older_one_is_given_with_its_age_up_to_an_hour() {
        let kept = KeptRankings::new(Arc::new(Slow::default()));
        assert_eq!(told(&kept, Question::LastUse).await, (1, None), "the first is waited for");
        tokio::time::advance(Duration::from_secs(60)).await;
        let asked_at = Instant::now();
        let (answer, age) = told(&kept, Question::LastUse).await;
        assert!(age.is_some_and(|age| took(age, Duration::from_secs(62) + PATIENCE)), "{age:?}");
        assert!(answer == 1 && took(asked_at.elapsed(), PATIENCE), "{:?}", asked_at.elapsed());
        settled(&kept).await;
        assert_eq!(told(&kept, Question::LastUse).await, (2, None));
        tokio::time::advance(KEPT).await;
        let asked_at = Instant::now();
        assert_eq!(told(&kept, Question::LastUse).await, (3, None));
        assert!(took(asked_at.elapsed(), TAKES), "{:?}", asked_at.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn who_asks_for_what_is_being_prepared_waits_for_it_and_does_not_read_it_once_more() {
        let kept = KeptRankings::new(Arc::new(Slow::default()));
        let asked_at = Instant::now();
        kept.prepare(vec![Question::LastUse]);
        tokio::time::sleep(TAKES / 2).await;
        assert_eq!(told(&kept, Question::LastUse).await, (1, None));
        assert!(took(asked_at.elapsed(), TAKES), "{:?}", asked_at.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_prepared_is_not_waited_for_and_not_read_more_often_than_reading_it_allows() {
        let kept = KeptRankings::new(Arc::new(Slow::default()));
        for (waits_s, answer) in [(0, 1), (11, 1), (180, 1), (20, 2)] {
            tokio::time::advance(Duration::from_secs(waits_s)).await;
            kept.prepare(vec![Question::LastUse]);
            settled(&kept).await;
            let read = kept.answers.kept(&Question::LastUse).expect("an answer").ranking.rank(key().as_str());
            assert_eq!(read, Some(answer), "after {waits_s} s more");
        }
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
        let days = Days::new(first, first).expect("some days");
        assert_eq!(asked(&kept, Question::RatedCost(days)).await, 13, "the first was forgotten");
    }
}

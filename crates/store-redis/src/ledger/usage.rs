//! Answers from the roll-ups: read by their indexes, summed here. Nothing is summed from records.

use super::{
    RedisLedger,
    place::{GROUP, NOBODY, add, families, letter},
};
use crate::{call::Call, engine::Lane, error::parsed};
use std::{cmp::Reverse, collections::HashMap};
use store::{
    Family, StoreError,
    ledger::{Dimension, KeyFilter, UsageQuery, UsageRow, UsageSums, UsageView},
};

const OPERATION: &str = "sum up usage";

/// Roll-ups that are read at once: a question about every key must neither hold all their replies in memory nor keep the
/// servers from other calls.
const ROLL_UPS_AT_ONCE: usize = 4096;

/// A roll-up to be read: its key, and what it is told apart by as far as its name says it.
struct Source {
    key: String,
    bucket: String,
    subject: Option<String>,
    model: Option<String>,
}

/// Rows under construction.
struct Rows<'a> {
    query: &'a UsageQuery,
    rows: HashMap<[Option<String>; 3], UsageSums>,
}

impl RedisLedger {
    pub(super) async fn sum_up(&self, query: &UsageQuery) -> Result<Vec<UsageRow>, StoreError> {
        let sources = match &query.view {
            UsageView::Keys(KeyFilter::Key(key)) => self.of_one_key(query, key.as_str()).await?,
            UsageView::Keys(_) | UsageView::Users(_) => self.of_all_keys(query).await?,
            UsageView::Accounts(Some(account)) => self.of_one_account(query, account.as_str()).await?,
            UsageView::Accounts(None) => self.of_all_accounts(query).await?,
            UsageView::Global(_) => self.of_the_relay(query).await?,
        };
        let mut rows = Rows::new(query);
        for sources in sources.chunks(ROLL_UPS_AT_ONCE) {
            let calls = sources.iter().map(|source| Call::command("HGETALL").arg(&source.key)).collect();
            let replies = self.0.all(Lane::Bulk, OPERATION, calls).await?;
            for (source, reply) in sources.iter().zip(replies) {
                let fields: HashMap<String, i64> = parsed(OPERATION, reply)?;
                for (field, amount) in &fields {
                    rows.add(source, field, *amount);
                }
            }
        }
        Ok(rows.answer())
    }

    /// The buckets of the question that exist.
    async fn buckets(&self, query: &UsageQuery) -> Result<Vec<String>, StoreError> {
        let letter = letter(query.period);
        let (from, to) = (format!("[{letter}:{}", query.from), format!("[{letter}:{}", query.to));
        self.existing(Lane::Request, letter, &from, &to).await
    }

    async fn of_one_key(&self, query: &UsageQuery, key: &str) -> Result<Vec<Source>, StoreError> {
        let ([family, _, _], letter) = (families(query.period), letter(query.period));
        let index = self.0.names().key(Family::UsageBuckets, &[key]);
        // Behind the bucket's name comes the model's, after a colon: `;` is the character behind it.
        let (from, to) = (format!("[{letter}:{}:", query.from), format!("({letter}:{};", query.to));
        let call = Call::command("ZRANGEBYLEX").arg(index).arg(from).arg(to);
        let members: Vec<String> = self.0.ask(OPERATION, call).await?;
        let source = |member: &String| {
            let (bucket, model) = member.get(2..)?.split_once(':')?;
            Some(self.key_source(family, bucket, key, model))
        };
        Ok(members.iter().filter_map(source).collect())
    }

    async fn of_all_keys(&self, query: &UsageQuery) -> Result<Vec<Source>, StoreError> {
        let [family, _, _] = families(query.period);
        let buckets = self.buckets(query).await?;
        let mut sources = Vec::new();
        for (bucket, members) in self.members(Family::UsageKeys, buckets).await? {
            let source = |member: &String| {
                let (key, model) = member.split_once(GROUP)?;
                Some(self.key_source(family, &bucket, key, model))
            };
            sources.extend(members.iter().filter_map(source));
        }
        Ok(sources)
    }

    fn key_source(&self, family: Family, bucket: &str, key: &str, model: &str) -> Source {
        Source {
            key: self.0.names().key(family, &[bucket, key, model]),
            bucket: bucket.to_owned(),
            subject: Some(named(key)),
            model: Some(model.to_owned()),
        }
    }

    async fn of_one_account(&self, query: &UsageQuery, account: &str) -> Result<Vec<Source>, StoreError> {
        let buckets = self.buckets(query).await?;
        Ok(buckets.iter().map(|bucket| self.account_source(query, bucket, account)).collect())
    }

    async fn of_all_accounts(&self, query: &UsageQuery) -> Result<Vec<Source>, StoreError> {
        let buckets = self.buckets(query).await?;
        let members = self.members(Family::UsageAccounts, buckets).await?;
        let sources = members.iter().flat_map(|(bucket, accounts)| {
            accounts.iter().map(move |account| self.account_source(query, bucket, account))
        });
        Ok(sources.collect())
    }

    fn account_source(&self, query: &UsageQuery, bucket: &str, account: &str) -> Source {
        let [_, family, _] = families(query.period);
        let key = self.0.names().key(family, &[account, bucket]);
        Source { key, bucket: bucket.to_owned(), subject: Some(named(account)), model: None }
    }

    async fn of_the_relay(&self, query: &UsageQuery) -> Result<Vec<Source>, StoreError> {
        let [_, _, family] = families(query.period);
        let source = |bucket: String| {
            let key = self.0.names().key(family, &[&bucket]);
            Source { key, bucket, subject: None, model: None }
        };
        Ok(self.buckets(query).await?.into_iter().map(source).collect())
    }

    /// The members of each bucket's set.
    async fn members(&self, family: Family, buckets: Vec<String>) -> Result<Vec<(String, Vec<String>)>, StoreError> {
        let calls = buckets.iter().map(|bucket| Call::command("SMEMBERS").arg(self.0.names().key(family, &[bucket])));
        let replies = self.0.all(Lane::Bulk, OPERATION, calls.collect()).await?;
        let members = buckets.into_iter().zip(replies);
        members.map(|(bucket, reply)| Ok((bucket, parsed(OPERATION, reply)?))).collect()
    }
}

impl<'a> Rows<'a> {
    fn new(query: &'a UsageQuery) -> Self {
        let mut rows = HashMap::new();
        if query.group.is_empty() {
            rows.insert([None, None, None], UsageSums::default());
        }
        Self { query, rows }
    }

    /// Adds one sum of a roll-up, unless the question leaves it out. Its group says what the roll-up's name does not: the user in
    /// those of keys, the model in those of accounts, platform and model in those of the relay.
    fn add(&mut self, source: &Source, field: &str, amount: i64) {
        let (sum, group) = field.split_once(GROUP).unwrap_or((field, ""));
        let (subject, model) = match &self.query.view {
            UsageView::Keys(KeyFilter::User(user)) if user.as_str() != group => return,
            UsageView::Users(Some(user)) if user.as_str() != group => return,
            UsageView::Keys(_) => (source.subject.as_deref(), source.model.as_deref()),
            UsageView::Users(_) => (Some(group), source.model.as_deref()),
            UsageView::Accounts(_) => (source.subject.as_deref(), Some(group)),
            UsageView::Global(only) => {
                let (platform, model) = group.split_once(GROUP).unwrap_or((group, ""));
                if only.is_some_and(|only| only.as_str() != platform) {
                    return;
                }
                (Some(platform), Some(model))
            }
        };
        if self.query.model.as_deref().is_some_and(|only| Some(only) != model) {
            return;
        }
        let told =
            |dimension, name: Option<&str>| name.filter(|_| self.query.group.contains(&dimension)).map(str::to_owned);
        let names = [
            told(Dimension::Bucket, Some(&source.bucket)),
            told(Dimension::Subject, subject),
            told(Dimension::Model, model),
        ];
        add(self.rows.entry(names).or_default(), sum, amount);
    }

    /// The rows in the order of the question, of equal ones the first by name.
    fn answer(self) -> Vec<UsageRow> {
        let mut rows: Vec<_> = self.rows.into_iter().collect();
        rows.sort_by(|(names, sums), (others, theirs)| {
            let amount = |sums| Reverse(self.query.order.amount(sums));
            (amount(sums), names).cmp(&(amount(theirs), others))
        });
        rows.truncate(self.query.limit);
        rows.into_iter().map(|([bucket, subject, model], sums)| UsageRow { bucket, subject, model, sums }).collect()
    }
}

/// A subject's name in an answer: nobody's is empty.
fn named(subject: &str) -> String {
    if subject == NOBODY { String::new() } else { subject.to_owned() }
}

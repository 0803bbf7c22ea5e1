//! What a key has used, asked of the ledger: the sums of its own records.

use super::{
    question::Question,
    unavailable,
    views::{DayView, ModelView, SumsView, UsageView as UsageAnswer},
};
use crate::relay::Relay;
use domain::{ApiKey, Day};
use protocol::Refusal;
use std::{collections::HashMap, time::Duration};
use store::ledger::{Dimension, KeyFilter, Period, ROWS_MAX, UsageOrder, UsageQuery, UsageRow, UsageSums, UsageView};

/// How long a question waits for what was journaled before it.
const FRESHNESS_WAIT_MAX: Duration = Duration::from_secs(1);

/// Models in one answer at most; those with the highest cost.
const MODELS_MAX: usize = 200;

impl Relay {
    pub(super) async fn own_usage(&self, key: &ApiKey, question: &Question) -> Result<UsageAnswer, Refusal> {
        // Older numbers are told where the ledger is behind.
        let _ = self.journal.delivered(FRESHNESS_WAIT_MAX).await;
        let (today, monday) = (question.today, question.today.week().first_day());
        let (first, last) = (question.days[0], question.days[question.days.len() - 1]);
        let week = self.sums(by_day(key, monday, today, Dimension::Bucket, ROWS_MAX)).await?;
        let month = today.month().to_string();
        let month = self.sums(UsageQuery {
            period: Period::Month,
            from: month.clone(),
            to: month,
            group: [].into(),
            ..by_day(key, today, today, Dimension::Bucket, 1)
        });
        let month = month.await?;
        let totals = self.store.ledger.key_totals(std::slice::from_ref(&key.id), today).await;
        let totals = totals.map_err(|error| unavailable(&error))?.into_iter().next().unwrap_or_default();
        let days = self.sums(by_day(key, first, last, Dimension::Bucket, ROWS_MAX)).await?;
        let models = self.sums(by_day(key, first, last, Dimension::Model, MODELS_MAX)).await?;
        Ok(UsageAnswer {
            time_zone: question.time_zone.clone(),
            today: of(&week, today).into(),
            week: sum(&week).into(),
            month: sum(&month).into(),
            total: totals.sums.into(),
            last_used_at: totals.last_used_at.map(|at| at.to_string()),
            from: first.to_string(),
            to: last.to_string(),
            by_day: dense(&question.days, days),
            by_model: models.into_iter().filter_map(model).collect(),
        })
    }

    async fn sums(&self, query: UsageQuery) -> Result<Vec<UsageRow>, Refusal> {
        self.store.ledger.usage(&query).await.map_err(|error| unavailable(&error))
    }
}

/// The question for days of one key.
fn by_day(key: &ApiKey, from: Day, to: Day, group: Dimension, limit: usize) -> UsageQuery {
    UsageQuery {
        view: UsageView::Keys(KeyFilter::Key(key.id.clone())),
        period: Period::Day,
        from: from.to_string(),
        to: to.to_string(),
        model: None,
        group: [group].into(),
        order: UsageOrder::Cost,
        limit,
    }
}

fn sum(rows: &[UsageRow]) -> UsageSums {
    rows.iter().fold(UsageSums::default(), |mut sums, row| {
        sums.merge(&row.sums);
        sums
    })
}

fn of(rows: &[UsageRow], day: Day) -> UsageSums {
    let name = day.to_string();
    rows.iter().find(|row| row.bucket.as_deref() == Some(&name)).map(|row| row.sums).unwrap_or_default()
}

/// Every day, also those on which nothing was.
fn dense(days: &[Day], rows: Vec<UsageRow>) -> Vec<DayView> {
    let by_name: HashMap<_, _> = rows.into_iter().filter_map(|row| Some((row.bucket?, row.sums))).collect();
    let view = |day: &Day| {
        let day = day.to_string();
        DayView { sums: by_name.get(&day).copied().unwrap_or_default().into(), day }
    };
    days.iter().map(view).collect()
}

fn model(row: UsageRow) -> Option<ModelView> {
    Some(ModelView { model: row.model?, sums: SumsView::from(row.sums) })
}

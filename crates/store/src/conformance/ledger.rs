//! The sentences of [`Ledger`](crate::Ledger).

use super::{
    Fixture, Random, at_once,
    samples::{START, account, at, attempt, attempts, key, user},
};
use crate::{
    Batch, Epoch, Ledger,
    error::StoreFailure,
    ledger::{
        AttemptCursor, AttemptFilter, BATCH_RECORDS_MAX, Dimension, KeyFilter, KeyTotals, PAGE_RECORDS_MAX, Period,
        ROWS_MAX, UsageOrder, UsageQuery, UsageRow, UsageSums, UsageView,
    },
};
use domain::{Attempt, Calendar, Day, NanoUsd, Outcome, Platform, Timestamp};
use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

fn batch(epoch: &str, number: u64, attempts: Vec<Attempt>) -> Batch {
    Batch { epoch: Epoch(epoch.into()), number, attempts }
}

/// The number of the batch at `place`.
fn number(place: usize) -> u64 {
    place as u64 + 1
}

async fn applied(ledger: &dyn Ledger, batch: &Batch) -> u64 {
    ledger.apply(batch).await.expect("an answer")
}

fn total(view: UsageView, period: Period) -> UsageQuery {
    let (from, to) = match period {
        Period::Hour => ("2026-11-01T00", "2026-12-31T23"),
        Period::Day => ("2026-11-01", "2026-12-31"),
        Period::Month => ("2026-11", "2026-12"),
    };
    let (from, to) = (from.to_owned(), to.to_owned());
    let order = UsageOrder::Cost;
    UsageQuery { view, period, from, to, model: None, group: BTreeSet::new(), order, limit: ROWS_MAX }
}

async fn all_sums(ledger: &dyn Ledger) -> UsageSums {
    let rows = ledger.usage(&total(UsageView::Global(None), Period::Month)).await.expect("an answer");
    assert_eq!(rows.len(), 1);
    rows[0].sums
}

fn sums_of<'a>(attempts: impl IntoIterator<Item = &'a Attempt>) -> UsageSums {
    attempts.into_iter().fold(UsageSums::default(), |mut sums, attempt| {
        sums.add(attempt);
        sums
    })
}

/// The reference answer to `query`: summed from the records themselves.
fn answer(query: &UsageQuery, attempts: &[Attempt]) -> Vec<UsageRow> {
    let mut rows: BTreeMap<[Option<String>; 3], UsageSums> = BTreeMap::new();
    if query.group.is_empty() {
        rows.insert([None, None, None], UsageSums::default());
    }
    for attempt in attempts {
        let Some(subject) = subject(&query.view, attempt) else { continue };
        let bucket = match query.period {
            Period::Hour => attempt.hour.to_string(),
            Period::Day => attempt.hour.day().to_string(),
            Period::Month => attempt.hour.day().month().to_string(),
        };
        let of_model = query.model.as_ref().is_none_or(|model| **model == *attempt.model);
        if of_model && (&query.from..=&query.to).contains(&&bucket) {
            let told = |dimension, name: String| query.group.contains(&dimension).then_some(name);
            let names = [
                told(Dimension::Bucket, bucket),
                told(Dimension::Subject, subject),
                told(Dimension::Model, attempt.model.to_string()),
            ];
            rows.entry(names).or_default().add(attempt);
        }
    }
    let mut rows: Vec<_> = rows.into_iter().collect();
    rows.sort_by_key(|(names, sums)| (Reverse(query.order.amount(sums)), names.clone()));
    rows.truncate(query.limit);
    rows.into_iter().map(|([bucket, subject, model], sums)| UsageRow { bucket, subject, model, sums }).collect()
}

/// The subject of `attempt` in `view`; none when the view leaves it out.
fn subject(view: &UsageView, attempt: &Attempt) -> Option<String> {
    let name = |id: Option<String>| id.unwrap_or_default();
    let key = name(attempt.key.as_ref().map(ToString::to_string));
    let user = name(attempt.user.as_ref().map(ToString::to_string));
    let account = name(attempt.account.as_ref().map(ToString::to_string));
    let platform = name(attempt.platform.map(|platform| platform.to_string()));
    match view {
        UsageView::Keys(KeyFilter::All) => Some(key),
        UsageView::Keys(KeyFilter::Key(only)) => (attempt.key.as_ref() == Some(only)).then_some(key),
        UsageView::Keys(KeyFilter::User(only)) => (attempt.user.as_ref() == Some(only)).then_some(key),
        UsageView::Users(only) => only.as_ref().is_none_or(|only| user == only.as_str()).then_some(user),
        UsageView::Accounts(only) => only.as_ref().is_none_or(|only| account == only.as_str()).then_some(account),
        UsageView::Global(only) => only.is_none_or(|only| platform == only.as_str()).then_some(platform),
    }
}

/// A batch is applied once; applied again it changes nothing, and the answer is the last number.
pub async fn a_batch_is_applied_once(fixture: impl Fixture) {
    let ledger = fixture.store().ledger;
    let first = batch("e", 1, attempts(0, 10, &mut Random::new(1)));
    let second = batch("e", 2, attempts(10, 10, &mut Random::new(2)));
    assert_eq!(applied(&*ledger, &first).await, 1);
    assert_eq!(applied(&*ledger, &second).await, 2);
    assert_eq!(applied(&*ledger, &first).await, 2);
    assert_eq!(applied(&*ledger, &second).await, 2);
    assert_eq!(all_sums(&*ledger).await, sums_of(first.attempts.iter().chain(&second.attempts)));
    assert_eq!(ledger.applied(&Epoch("e".into())).await.expect("a read"), 2);
}

/// A batch that leaves a gap is refused: it changes nothing, and the answer is the last number.
pub async fn a_batch_that_leaves_a_gap_is_refused(fixture: impl Fixture) {
    let ledger = fixture.store().ledger;
    let late = batch("e", 3, attempts(0, 10, &mut Random::new(1)));
    assert_eq!(applied(&*ledger, &late).await, 0);
    assert_eq!(applied(&*ledger, &batch("e", 1, Vec::new())).await, 1);
    assert_eq!(applied(&*ledger, &late).await, 1);
    assert_eq!(all_sums(&*ledger).await, UsageSums::default());
}

/// A batch that is applied again counts once, whether or not later ones were applied in between.
pub async fn a_batch_that_is_applied_again_counts_once(mut fixture: impl Fixture) {
    let mut random = Random::new(8);
    let batches: Vec<_> = (1..=4).map(|number| batch("e", number, attempts(number * 100, 20, &mut random))).collect();
    let ledger = fixture.store().ledger;
    for next in &batches[..3] {
        applied(&*ledger, next).await;
    }
    for again in &batches[..3] {
        assert_eq!(ledger.apply_again(again).await.expect("an answer"), 3);
    }
    fixture.restart().await;
    let ledger = fixture.store().ledger;
    for again in &batches {
        ledger.apply_again(again).await.expect("an answer");
    }
    assert_eq!(ledger.applied(&Epoch("e".into())).await.expect("a read"), 4);
    assert_eq!(all_sums(&*ledger).await, sums_of(batches.iter().flat_map(|batch| &batch.attempts)));
}

/// A batch behind a gap is applied when it is sent again; the numbers go on behind it, and what would fill the gap is late.
pub async fn a_batch_behind_a_gap_is_applied_when_sent_again(fixture: impl Fixture) {
    let ledger = fixture.store().ledger;
    let mut random = Random::new(9);
    let [first, late, behind, next] =
        [1, 2, 5, 6].map(|number| batch("e", number, attempts(number * 100, 10, &mut random)));
    assert_eq!(applied(&*ledger, &first).await, 1);
    assert_eq!(ledger.apply_again(&behind).await.expect("an answer"), 5);
    assert_eq!(applied(&*ledger, &next).await, 6);
    assert_eq!(applied(&*ledger, &late).await, 6);
    assert_eq!(
        all_sums(&*ledger).await,
        sums_of([&first, &behind, &next].into_iter().flat_map(|batch| &batch.attempts))
    );
}

/// The lineage stays the same while nothing may have been lost.
pub async fn the_lineage_stays_while_nothing_is_lost(fixture: impl Fixture) {
    let ledger = fixture.store().ledger;
    let lineage = ledger.lineage().await.expect("an answer");
    applied(&*ledger, &batch("e", 1, attempts(0, 10, &mut Random::new(1)))).await;
    assert_eq!(ledger.lineage().await.expect("an answer"), lineage);
}

/// Each epoch has its own numbers.
pub async fn epochs_count_apart(fixture: impl Fixture) {
    let ledger = fixture.store().ledger;
    let (first, second) = (attempts(0, 5, &mut Random::new(1)), attempts(5, 5, &mut Random::new(2)));
    assert_eq!(applied(&*ledger, &batch("a", 1, first.clone())).await, 1);
    assert_eq!(ledger.applied(&Epoch("b".into())).await.expect("a read"), 0);
    assert_eq!(applied(&*ledger, &batch("b", 1, second.clone())).await, 1);
    assert_eq!(all_sums(&*ledger).await, sums_of(first.iter().chain(&second)));
}

/// What was applied is there after a restart, and applied again it still changes nothing.
pub async fn what_was_applied_is_there_after_a_restart(mut fixture: impl Fixture) {
    let mut random = Random::new(3);
    let mut records = Vec::new();
    for number in 1..=4 {
        let next = batch("e", number, attempts(number * 100, 20, &mut random));
        assert_eq!(applied(&*fixture.store().ledger, &next).await, number);
        records.extend(next.attempts.clone());
        fixture.restart().await;
        assert_eq!(applied(&*fixture.store().ledger, &next).await, number);
        assert_eq!(all_sums(&*fixture.store().ledger).await, sums_of(&records));
    }
}

/// Batches that are sent many times, by many tasks, in any order, count once each.
pub async fn duplicated_and_reordered_batches_count_once(mut fixture: impl Fixture) {
    const BATCHES: u64 = 20;
    let mut random = Random::new(4);
    let batches: Vec<_> =
        (1..=BATCHES).map(|number| batch("e", number, attempts(number * 100, 15, &mut random))).collect();
    let batches = Arc::new(batches);
    for seed in 0..2 {
        let (ledger, batches) = (fixture.store().ledger, Arc::clone(&batches));
        let sending = at_once(8, move |task| {
            let (ledger, batches) = (Arc::clone(&ledger), Arc::clone(&batches));
            async move {
                let mut random = Random::new(seed * 100 + u64::from(task));
                for _ in 0..60 {
                    // The restart may come in between: then nothing is answered.
                    let _ = ledger.apply(random.one_of(&batches)).await;
                }
            }
        });
        tokio::join!(fixture.restart(), sending);
    }
    let ledger = fixture.store().ledger;
    for next in batches.iter() {
        applied(&*ledger, next).await;
    }
    assert_eq!(ledger.applied(&Epoch("e".into())).await.expect("a read"), BATCHES);
    assert_eq!(all_sums(&*ledger).await, sums_of(batches.iter().flat_map(|batch| &batch.attempts)));
    let listed = listed(&*ledger, &AttemptFilter::default(), PAGE_RECORDS_MAX).await;
    assert_eq!(listed.len(), usize::try_from(BATCHES * 15).expect("a small number"));
}

/// Every roll-up, in every view and period and by every dimension, equals the sum of the records.
pub async fn every_roll_up_is_the_sum_of_the_records(mut fixture: impl Fixture) {
    let records = attempts(0, 600, &mut Random::new(5));
    for (place, part) in records.chunks(150).enumerate() {
        applied(&*fixture.store().ledger, &batch("e", number(place), part.to_vec())).await;
    }
    fixture.restart().await;
    let ledger = fixture.store().ledger;
    let views = [
        UsageView::Keys(KeyFilter::All),
        UsageView::Keys(KeyFilter::Key(key(1))),
        UsageView::Keys(KeyFilter::User(user(1))),
        UsageView::Users(None),
        UsageView::Users(Some(user(0))),
        UsageView::Users(Some(user(77))),
        UsageView::Accounts(None),
        UsageView::Accounts(Some(account(2))),
        UsageView::Global(None),
        UsageView::Global(Some(Platform::Ccr)),
    ];
    let dimensions = [Dimension::Bucket, Dimension::Subject, Dimension::Model];
    for view in views {
        for period in [Period::Hour, Period::Day, Period::Month] {
            for chosen in 0..8 {
                let group = dimensions.into_iter().enumerate().filter(|(place, _)| chosen >> place & 1 == 1);
                let group = group.map(|(_, dimension)| dimension).collect();
                let model = (chosen % 3 == 0).then(|| "claude-opus-5".to_owned());
                let query = UsageQuery { model, group, ..total(view.clone(), period) };
                assert_eq!(ledger.usage(&query).await.expect("an answer"), answer(&query, &records), "{query:?}");
            }
        }
    }
    let narrow = UsageQuery {
        from: "2026-11-24".to_owned(),
        to: "2026-11-25".to_owned(),
        ..total(UsageView::Global(None), Period::Day)
    };
    assert_eq!(ledger.usage(&narrow).await.expect("an answer"), answer(&narrow, &records));
}

/// What `apply` has returned is visible to every question put after it.
pub async fn what_was_applied_is_visible_to_the_next_question(fixture: impl Fixture) {
    let ledger = fixture.store().ledger;
    let mut random = Random::new(6);
    let mut records = Vec::new();
    for number in 1..=30 {
        let next = batch("e", number, attempts(number * 10, 3, &mut random));
        applied(&*ledger, &next).await;
        records.extend(next.attempts);
        assert_eq!(all_sums(&*ledger).await, sums_of(&records));
        assert_eq!(listed(&*ledger, &AttemptFilter::default(), 500).await.len(), records.len());
    }
}

/// Rows come with the highest cost first, then by name, and up to the limit; a question without dimensions has one row.
pub async fn rows_come_with_the_highest_cost_first_and_up_to_the_limit(fixture: impl Fixture) {
    let ledger = fixture.store().ledger;
    let mut records = attempts(0, 40, &mut Random::new(7));
    for record in &mut records {
        record.cost = NanoUsd(record.cost.0 % 3);
    }
    let group = BTreeSet::from([Dimension::Bucket, Dimension::Subject]);
    let query = UsageQuery { group, limit: 5, ..total(UsageView::Keys(KeyFilter::All), Period::Hour) };
    assert_eq!(ledger.usage(&query).await.expect("an answer"), []);
    assert_eq!(all_sums(&*ledger).await, UsageSums::default());
    applied(&*ledger, &batch("e", 1, records.clone())).await;
    assert_eq!(ledger.usage(&query).await.expect("an answer"), answer(&query, &records));
}

/// Rows come in the order that is asked for, of equal ones the first by name.
pub async fn rows_come_in_the_order_that_is_asked_for(fixture: impl Fixture) {
    let ledger = fixture.store().ledger;
    let mut records = attempts(0, 80, &mut Random::new(14));
    for record in &mut records {
        record.usage.input %= 3;
        (record.usage.output, record.usage.cache_read) = (0, 0);
        (record.usage.cache_write_5m, record.usage.cache_write_1h) = (0, 0);
    }
    applied(&*ledger, &batch("e", 1, records.clone())).await;
    for order in [UsageOrder::Cost, UsageOrder::Tokens, UsageOrder::Requests] {
        for view in [UsageView::Keys(KeyFilter::All), UsageView::Users(None), UsageView::Global(None)] {
            for group in [BTreeSet::from([Dimension::Subject]), [Dimension::Subject, Dimension::Model].into()] {
                let query = UsageQuery { group, order, limit: 4, ..total(view.clone(), Period::Day) };
                assert_eq!(ledger.usage(&query).await.expect("an answer"), answer(&query, &records), "{query:?}");
            }
        }
    }
}

/// Totals of keys are the sums of their records: over all time, and rated by day, week and month.
pub async fn totals_of_keys_are_the_sums_of_their_records(fixture: impl Fixture) {
    let ledger = fixture.store().ledger;
    let records = attempts(0, 300, &mut Random::new(8));
    for (place, part) in records.chunks(50).enumerate() {
        applied(&*ledger, &batch("e", number(place), part.to_vec())).await;
    }
    let keys = [key(2), key(0), key(99)];
    for today in ["2026-11-23", "2026-11-25", "2026-11-29", "2026-11-30", "2026-12-01"] {
        let today = Day::parse(today).expect("a day");
        let totals = ledger.key_totals(&keys, today).await.expect("an answer");
        let expected = keys.iter().map(|key| {
            let of_key: Vec<_> = records.iter().filter(|record| record.key.as_ref() == Some(key)).collect();
            let rated = |is_in: &dyn Fn(Day) -> bool| {
                of_key.iter().filter(|record| is_in(record.hour.day())).map(|record| record.cost_rated).sum()
            };
            KeyTotals {
                sums: sums_of(of_key.iter().copied()),
                cost_day: rated(&|day| day == today),
                cost_week: rated(&|day| day.week() == today.week()),
                cost_month: rated(&|day| day.month() == today.month()),
                last_used_at: of_key.iter().map(|record| record.admitted_at).max(),
            }
        });
        assert_eq!(totals, expected.collect::<Vec<_>>(), "{today}");
    }
}

async fn listed(ledger: &dyn Ledger, filter: &AttemptFilter, limit: usize) -> Vec<Attempt> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let page = ledger.attempts(filter, after.as_ref(), limit).await.expect("a page");
        assert!(page.attempts.len() <= limit);
        all.extend(page.attempts);
        after = page.next;
        if after.is_none() {
            return all;
        }
    }
}

fn latest_first(mut attempts: Vec<Attempt>) -> Vec<Attempt> {
    let place = |attempt: &Attempt| (attempt.admitted_at, attempt.request_id.clone(), attempt.attempt_no);
    attempts.sort_by_key(|attempt| Reverse(place(attempt)));
    attempts
}

/// Pages hold each attempt once, the latest first, whatever their size and however many share an instant.
pub async fn pages_hold_each_attempt_once_the_latest_first(mut fixture: impl Fixture) {
    let mut random = Random::new(9);
    let mut records = attempts(0, 120, &mut random);
    for record in &mut records {
        record.admitted_at = at(i64::try_from(random.below(12)).expect("a small number"));
        record.hour = Calendar::utc().hour(record.admitted_at);
    }
    for (place, part) in records.chunks(40).enumerate() {
        applied(&*fixture.store().ledger, &batch("e", number(place), part.to_vec())).await;
        fixture.restart().await;
    }
    let expected = latest_first(records);
    for limit in [1, 7, 50, 119, 120, 500] {
        assert_eq!(
            listed(&*fixture.store().ledger, &AttemptFilter::default(), limit).await,
            expected,
            "pages of {limit}"
        );
    }
    let gone = AttemptCursor {
        request_id: expected[50].request_id.clone(),
        attempt_no: 9,
        admitted_at: expected[50].admitted_at,
    };
    let page = fixture.store().ledger.attempts(&AttemptFilter::default(), Some(&gone), 500).await.expect("a page");
    assert_eq!(page.attempts, expected[50..]);
}

/// Attempts are filtered by everything that a filter names.
pub async fn attempts_are_filtered_by_everything_that_a_filter_names(fixture: impl Fixture) {
    let ledger = fixture.store().ledger;
    let records = attempts(0, 300, &mut Random::new(10));
    applied(&*ledger, &batch("e", 1, records.clone())).await;
    let any = AttemptFilter::default;
    let filters = [
        AttemptFilter { from: Some(records[3].admitted_at), ..any() },
        AttemptFilter { to: Some(records[3].admitted_at), ..any() },
        AttemptFilter { from: Some(Timestamp::from_ms(i64::MIN)), to: Some(Timestamp::from_ms(i64::MAX)), ..any() },
        AttemptFilter { request: Some(records[5].request_id.clone()), ..any() },
        AttemptFilter { key: Some(key(1)), ..any() },
        AttemptFilter { account: Some(account(2)), from: Some(at(86_400_000)), ..any() },
        AttemptFilter { model: Some("other".to_owned()), outcome: Some(Outcome::Refused), ..any() },
        AttemptFilter { key: Some(key(77)), ..any() },
        AttemptFilter { user: Some(user(1)), ..any() },
        AttemptFilter { user: Some(user(0)), key: Some(key(1)), ..any() },
        AttemptFilter { platform: Some(Platform::Ccr), ..any() },
        AttemptFilter { status: Some(200), to: Some(at(86_400_000)), ..any() },
        AttemptFilter { status: Some(404), ..any() },
    ];
    for filter in filters {
        let expected = latest_first(records.iter().filter(|record| filter.passes(record)).cloned().collect());
        assert_eq!(listed(&*ledger, &filter, 17).await, expected, "{filter:?}");
    }
}

/// An attempt reads back as it was applied, with every field that may be absent, absent and not.
pub async fn an_attempt_reads_back_as_it_was_applied(fixture: impl Fixture) {
    let ledger = fixture.store().ledger;
    let mut random = Random::new(11);
    let mut bare = attempt(0, &mut random);
    bare.hour = Calendar::named("Asia/Shanghai").expect("a zone").hour(bare.admitted_at);
    (bare.key, bare.user, bare.account, bare.platform) = (None, None, None, None);
    (bare.first_byte_ms, bare.failure, bare.status) = (None, None, None);
    let mut full = attempt(1, &mut random);
    (full.key, full.user, full.account, full.platform) =
        (Some(key(1)), Some(user(1)), Some(account(1)), Some(Platform::Claude));
    (full.first_byte_ms, full.status) = (Some(u32::MAX), Some(u16::MAX));
    full.failure = Some(domain::FailureKind::NoAccount);
    full.cost = NanoUsd(-1);
    let expected = latest_first(vec![bare, full]);
    applied(&*ledger, &batch("e", 1, expected.clone())).await;
    assert_eq!(listed(&*ledger, &AttemptFilter::default(), 10).await, expected);
}

/// Pruning takes records and roll-ups of old days and hours, in bounded steps; months and totals stay.
pub async fn pruning_takes_old_records_and_leaves_months_and_totals(fixture: impl Fixture) {
    let ledger = fixture.store().ledger;
    let records = attempts(0, 200, &mut Random::new(12));
    applied(&*ledger, &batch("e", 1, records.clone())).await;
    let (day, hours) = (Day::parse("2026-11-25").expect("a day"), Day::parse("2026-11-26").expect("a day"));
    let before = ledger.key_totals(&[key(1)], day).await.expect("an answer");
    loop {
        let removed = ledger.prune(day, hours, 13).await.expect("a step");
        assert!(removed <= 13);
        if removed == 0 {
            break;
        }
    }
    let kept = latest_first(records.iter().filter(|record| record.hour.day() >= day).cloned().collect());
    assert_eq!(listed(&*ledger, &AttemptFilter::default(), 500).await, kept);
    let sums = async |period| ledger.usage(&total(UsageView::Accounts(None), period)).await.expect("an answer")[0].sums;
    assert_eq!(sums(Period::Month).await, sums_of(&records));
    assert_eq!(sums(Period::Day).await, sums_of(&kept));
    assert_eq!(sums(Period::Hour).await, sums_of(kept.iter().filter(|record| record.hour.day() >= hours)));
    assert_eq!(ledger.key_totals(&[key(1)], day).await.expect("an answer"), before);
    let gone = Day::parse("2026-11-24").expect("a day");
    assert_eq!(ledger.key_totals(&[key(1)], gone).await.expect("an answer")[0].cost_day, NanoUsd::ZERO);
}

/// Batches and answers beyond their bounds, and buckets of another period, are refused as bugs of the caller.
pub async fn what_the_ledger_cannot_answer_is_refused(fixture: impl Fixture) {
    let ledger = fixture.store().ledger;
    let unsupported = StoreFailure::Unsupported;
    let one = attempt(0, &mut Random::new(13));
    let long = batch("e", 1, vec![one; BATCH_RECORDS_MAX + 1]);
    assert_eq!(ledger.apply(&long).await.expect_err("too long").kind, unsupported);
    assert_eq!(ledger.apply(&batch("e", 0, Vec::new())).await.expect_err("no number").kind, unsupported);
    let days = UsageQuery { from: "2026-11".to_owned(), ..total(UsageView::Global(None), Period::Day) };
    assert_eq!(ledger.usage(&days).await.expect_err("a month").kind, unsupported);
    for limit in [0, ROWS_MAX + 1] {
        let query = UsageQuery { limit, ..total(UsageView::Global(None), Period::Day) };
        assert_eq!(ledger.usage(&query).await.expect_err("a wrong size").kind, unsupported);
    }
    for limit in [0, PAGE_RECORDS_MAX + 1] {
        let refused = ledger.attempts(&AttemptFilter::default(), None, limit).await;
        assert_eq!(refused.expect_err("a wrong size").kind, unsupported);
    }
    let today = Calendar::utc().day(START);
    let many = vec![key(1); PAGE_RECORDS_MAX + 1];
    assert_eq!(ledger.key_totals(&many, today).await.expect_err("too many").kind, unsupported);
}

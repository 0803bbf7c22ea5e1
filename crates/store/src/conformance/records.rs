//! The sentences of [`Records`](crate::Records).

use super::{
    Fixture, at_once,
    samples::{START, key_fields},
};
use crate::{
    Event, Family, Notice, RecordError, Records, StoreError, Version,
    error::StoreFailure,
    nouns::api_key::{binding_column, count_bound},
    records::{
        Changes, Comparison, Condition, Cursor, Direction, Fields, Filter, ItemsQuery, PageQuery, Row, Selection,
        Synced, Value,
    },
};
use domain::{Binding, Service};
use std::{collections::BTreeSet, sync::Arc};
use tokio::task::JoinSet;

const KEYS: Family = Family::ApiKey;

fn naming(name: &str) -> Changes {
    Changes::from([("name", Some(name.into()))])
}

async fn inserted(records: &dyn Records, id: &str, fields: &Fields) {
    let version = records.insert(KEYS, id, fields.clone()).await.expect("a new record");
    assert_eq!(version, Version(1));
}

async fn row(records: &dyn Records, id: &str) -> Option<Row> {
    records.get(KEYS, id).await.expect("a read")
}

fn list(order: &'static str, direction: Direction, limit: usize) -> PageQuery {
    PageQuery { family: KEYS, filters: Vec::new(), search: None, order, direction, after: None, limit }
}

async fn ids(records: &dyn Records, mut query: PageQuery) -> Vec<String> {
    let mut ids = Vec::new();
    loop {
        let page = records.page(&query).await.expect("a page");
        assert!(page.rows.len() <= query.limit);
        ids.extend(page.rows.into_iter().map(|row| row.id));
        match page.next {
            Some(next) => query.after = Some(next),
            None => return ids,
        }
    }
}

/// A record reads back as it was inserted, at version 1.
pub async fn a_record_reads_back_as_it_was_inserted(fixture: impl Fixture) {
    let records = fixture.store().records;
    let mut fields = key_fields("ci", "h1");
    fields.insert("description", "naïve \u{1f511} 'text' \"with\" quotes".into());
    fields.insert("expires_at", Value::Integer(i64::MIN));
    inserted(&*records, "k1", &fields).await;
    assert_eq!(row(&*records, "k1").await, Some(Row { id: "k1".to_owned(), version: Version(1), fields }));
    assert_eq!(row(&*records, "k2").await, None);
}

/// A second record with an id is refused, naming the family, and the first stays as it is.
pub async fn a_second_record_with_an_id_is_refused_and_leaves_nothing(fixture: impl Fixture) {
    let records = fixture.store().records;
    inserted(&*records, "k1", &key_fields("first", "h1")).await;
    let second = records.insert(KEYS, "k1", key_fields("second", "h2")).await;
    assert!(matches!(second, Err(RecordError::Duplicate { index: KEYS })), "{second:?}");
    assert_eq!(row(&*records, "k1").await.map(|row| row.fields), Some(key_fields("first", "h1")));
    assert_eq!(records.find(Family::ApiKeyHash, "h2").await.expect("a read"), None);
}

/// A second record with a unique value is refused, naming the index, whether it is inserted or updated.
pub async fn a_second_record_with_a_unique_value_is_refused_and_leaves_nothing(fixture: impl Fixture) {
    let records = fixture.store().records;
    inserted(&*records, "k1", &key_fields("first", "h1")).await;
    inserted(&*records, "k2", &key_fields("second", "h2")).await;
    let inserting = records.insert(KEYS, "k3", key_fields("third", "h1")).await;
    assert!(matches!(inserting, Err(RecordError::Duplicate { index: Family::ApiKeyHash })), "{inserting:?}");
    assert_eq!(row(&*records, "k3").await, None);
    let changes = Changes::from([("hash", Some("h1".into())), ("name", Some("renamed".into()))]);
    let updating = records.update(KEYS, "k2", changes, Condition::Exists).await;
    assert!(matches!(updating, Err(RecordError::Duplicate { index: Family::ApiKeyHash })), "{updating:?}");
    assert_eq!(
        row(&*records, "k2").await.map(|row| (row.version, row.fields)),
        Some((Version(1), key_fields("second", "h2")))
    );
}

/// A record is found by its unique value as long as it has it, and by no other.
pub async fn a_record_is_found_by_its_unique_value_as_long_as_it_has_it(fixture: impl Fixture) {
    let records = fixture.store().records;
    let found = async |value| records.find(Family::ApiKeyHash, value).await.expect("a read").map(|row| row.id);
    inserted(&*records, "k1", &key_fields("first", "h1")).await;
    assert_eq!(found("h1").await.as_deref(), Some("k1"));
    let changes = Changes::from([("hash", Some("h2".into()))]);
    records.update(KEYS, "k1", changes, Condition::Exists).await.expect("an update");
    assert_eq!((found("h1").await, found("h2").await.as_deref()), (None, Some("k1")));
    inserted(&*records, "k2", &key_fields("second", "h1")).await;
    records.update(KEYS, "k1", Changes::from([("hash", None)]), Condition::Exists).await.expect("an update");
    assert_eq!((found("h1").await.as_deref(), found("h2").await), (Some("k2"), None));
}

/// An update changes the fields that it names and no other.
pub async fn an_update_changes_the_fields_that_it_names_and_no_other(fixture: impl Fixture) {
    let records = fixture.store().records;
    inserted(&*records, "k1", &key_fields("first", "h1")).await;
    let changes = Changes::from([("name", Some("renamed".into())), ("created_at", None), ("owner", Some("u1".into()))]);
    let version = records.update(KEYS, "k1", changes, Condition::Version(Version(1))).await.expect("an update");
    let mut fields = key_fields("renamed", "h1");
    fields.remove("created_at");
    fields.insert("owner", "u1".into());
    assert_eq!(version, Version(2));
    assert_eq!(row(&*records, "k1").await, Some(Row { id: "k1".to_owned(), version, fields }));
}

/// An update at another version is refused, says the current one, and leaves nothing.
pub async fn an_update_at_another_version_is_refused_and_leaves_nothing(fixture: impl Fixture) {
    let records = fixture.store().records;
    inserted(&*records, "k1", &key_fields("first", "h1")).await;
    records.update(KEYS, "k1", naming("second"), Condition::Version(Version(1))).await.expect("an update");
    let late = records.update(KEYS, "k1", naming("late"), Condition::Version(Version(1))).await;
    assert!(matches!(late, Err(RecordError::Conflict { current: Version(2) })), "{late:?}");
    assert_eq!(row(&*records, "k1").await.map(|row| row.fields), Some(key_fields("second", "h1")));
}

/// An update while a field is absent takes effect once, however many try.
pub async fn an_update_while_a_field_is_absent_takes_effect_once(fixture: impl Fixture) {
    let records = fixture.store().records;
    inserted(&*records, "k1", &key_fields("first", "h1")).await;
    let marked = at_once(50, |number| {
        let records = Arc::clone(&records);
        let changes = Changes::from([("first_used_at", Some(Value::Integer(number.into())))]);
        async move { records.update(KEYS, "k1", changes, Condition::FieldAbsent("first_used_at")).await }
    });
    let marked = marked.await;
    assert_eq!(marked.iter().filter(|answer| answer.is_ok()).count(), 1);
    let refused = marked.iter().filter(|answer| matches!(answer, Err(RecordError::Conflict { current: Version(2) })));
    assert_eq!(refused.count(), 49);
}

/// An update that names nothing counts as a change.
pub async fn an_update_that_names_nothing_counts_as_a_change(fixture: impl Fixture) {
    let records = fixture.store().records;
    inserted(&*records, "k1", &key_fields("first", "h1")).await;
    let version = records.update(KEYS, "k1", Changes::new(), Condition::Exists).await.expect("an update");
    assert_eq!((version, row(&*records, "k1").await.map(|row| row.version)), (Version(2), Some(Version(2))));
}

/// What is missing is neither updated nor removed.
pub async fn what_is_missing_is_neither_updated_nor_removed(fixture: impl Fixture) {
    let records = fixture.store().records;
    let updated = records.update(KEYS, "k1", naming("x"), Condition::Exists).await;
    assert!(matches!(updated, Err(RecordError::Missing)), "{updated:?}");
    let removed = records.remove(KEYS, "k1", None).await;
    assert!(matches!(removed, Err(RecordError::Missing)), "{removed:?}");
    assert_eq!(row(&*records, "k1").await, None);
}

/// A record is removed with its secondary keys; with an expected version only at that version.
pub async fn a_record_is_removed_with_its_secondary_keys(fixture: impl Fixture) {
    let records = fixture.store().records;
    inserted(&*records, "k1", &key_fields("first", "h1")).await;
    let refused = records.remove(KEYS, "k1", Some(Version(7))).await;
    assert!(matches!(refused, Err(RecordError::Conflict { current: Version(1) })), "{refused:?}");
    records.remove(KEYS, "k1", Some(Version(1))).await.expect("a removal");
    assert_eq!(row(&*records, "k1").await, None);
    assert_eq!(records.find(Family::ApiKeyHash, "h1").await.expect("a read"), None);
    inserted(&*records, "k1", &key_fields("again", "h1")).await;
}

/// Of parallel inserts of one id one succeeds.
pub async fn of_parallel_inserts_of_one_id_one_succeeds(fixture: impl Fixture) {
    let records = fixture.store().records;
    let inserts = at_once(100, |number| {
        let records = Arc::clone(&records);
        async move { records.insert(KEYS, "k1", key_fields("x", &format!("h{number}"))).await }
    });
    assert_eq!(inserts.await.iter().filter(|answer| answer.is_ok()).count(), 1);
    assert_eq!(records.count(KEYS, &[]).await.expect("a count"), 1);
}

/// Of parallel inserts of one unique value one succeeds.
pub async fn of_parallel_inserts_of_one_unique_value_one_succeeds(fixture: impl Fixture) {
    let records = fixture.store().records;
    let inserts = at_once(100, |number| {
        let records = Arc::clone(&records);
        async move { records.insert(KEYS, &format!("k{number}"), key_fields("x", "h1")).await }
    });
    assert_eq!(inserts.await.iter().filter(|answer| answer.is_ok()).count(), 1);
    assert_eq!(records.count(KEYS, &[]).await.expect("a count"), 1);
}

/// Of parallel updates at one version one succeeds.
pub async fn of_parallel_updates_at_one_version_one_succeeds(fixture: impl Fixture) {
    let records = fixture.store().records;
    inserted(&*records, "k1", &key_fields("first", "h1")).await;
    let updates = at_once(100, |number| {
        let records = Arc::clone(&records);
        async move { records.update(KEYS, "k1", naming(&number.to_string()), Condition::Version(Version(1))).await }
    });
    assert_eq!(updates.await.iter().filter(|answer| answer.is_ok()).count(), 1);
    assert_eq!(row(&*records, "k1").await.map(|row| row.version), Some(Version(2)));
}

/// Parallel updates of different fields all hold, and each has a version of its own.
pub async fn parallel_updates_of_different_fields_all_hold(fixture: impl Fixture) {
    const COLUMNS: [&str; 5] = ["name", "description", "owner", "tags", "permissions"];
    let records = fixture.store().records;
    inserted(&*records, "k1", &key_fields("first", "h1")).await;
    let versions = at_once(5, |place| {
        let records = Arc::clone(&records);
        let changes = Changes::from([(COLUMNS[place as usize], Some(Value::from("written")))]);
        async move { records.update(KEYS, "k1", changes, Condition::Exists).await.expect("an update") }
    });
    assert_eq!(versions.await.into_iter().collect::<BTreeSet<_>>().len(), COLUMNS.len());
    let fields = row(&*records, "k1").await.expect("the record").fields;
    assert!(COLUMNS.iter().all(|column| fields.get(column) == Some(&"written".into())), "{fields:?}");
}

/// A read that starts after a change returned sees it.
pub async fn a_read_after_a_change_sees_it(fixture: impl Fixture) {
    let records = fixture.store().records;
    let seen = at_once(8, |number| {
        let records = Arc::clone(&records);
        async move {
            let id = format!("k{number}");
            inserted(&*records, &id, &key_fields("0", &id)).await;
            for round in 1..40 {
                let version = records.update(KEYS, &id, naming(&round.to_string()), Condition::Exists).await;
                let row = records.find(Family::ApiKeyHash, &id).await.expect("a read").expect("the record");
                assert_eq!(row.version, version.expect("an update"));
            }
        }
    });
    seen.await;
}

/// What was answered with success is there after a restart; what was refused left nothing.
pub async fn what_was_answered_with_success_is_there_after_a_restart(mut fixture: impl Fixture) {
    let records = fixture.store().records;
    inserted(&*records, "k1", &key_fields("first", "h1")).await;
    inserted(&*records, "k2", &key_fields("second", "h2")).await;
    records.update(KEYS, "k1", naming("renamed"), Condition::Exists).await.expect("an update");
    records.remove(KEYS, "k2", None).await.expect("a removal");
    let refused = records.update(KEYS, "k1", naming("no"), Condition::Version(Version(1))).await;
    assert!(refused.is_err());
    drop(records);
    fixture.restart().await;
    let records = fixture.store().records;
    let kept = records.find(Family::ApiKeyHash, "h1").await.expect("a read").expect("the record");
    assert_eq!((kept.version, kept.fields), (Version(2), key_fields("renamed", "h1")));
    assert_eq!(row(&*records, "k2").await, None);
}

/// A restart amid writes loses none that was answered; one that was not may be there or not.
pub async fn what_was_answered_before_a_restart_amid_writes_is_there_after_it(mut fixture: impl Fixture) {
    let mut answered: Vec<String> = Vec::new();
    for round in 0..3 {
        let records = fixture.store().records;
        let writing = at_once(100, move |number| {
            let records = Arc::clone(&records);
            async move {
                let id = format!("k{round}-{number}");
                records.insert(KEYS, &id, key_fields("x", &id)).await.is_ok().then_some(id)
            }
        });
        let ((), written) = tokio::join!(fixture.restart(), writing);
        answered.extend(written.into_iter().flatten());
        let records = fixture.store().records;
        for id in &answered {
            assert!(row(&*records, id).await.is_some(), "{id} was answered with success");
        }
    }
}

/// Syncing a record that exists, or not, says how safe it is; what was synced is there after a restart.
pub async fn a_record_that_was_synced_is_there_after_a_restart(mut fixture: impl Fixture) {
    let records = fixture.store().records;
    inserted(&*records, "k1", &key_fields("first", "h1")).await;
    records.update(KEYS, "k1", naming("renamed"), Condition::Exists).await.expect("an update");
    let synced = records.sync(KEYS, "k1").await.expect("synced");
    assert!(matches!(synced, Synced::OnDisk | Synced::AsPromised));
    assert_eq!(records.sync(KEYS, "k2").await.expect("nothing to sync"), synced, "a missing record is no error");
    let unlisted = records.sync(Family::Lock, "k1").await.expect_err("no family of records");
    assert_eq!(unlisted.kind, StoreFailure::Unsupported);
    let before = row(&*records, "k1").await;
    fixture.restart().await;
    assert_eq!(row(&*fixture.store().records, "k1").await, before);
}

/// The change sequence keeps the last change of each record, in order.
pub async fn the_change_sequence_keeps_the_last_change_of_each_record(fixture: impl Fixture) {
    let records = fixture.store().records;
    inserted(&*records, "k1", &key_fields("first", "h1")).await;
    inserted(&*records, "k2", &key_fields("second", "h2")).await;
    records.update(KEYS, "k1", naming("renamed"), Condition::Exists).await.expect("an update");
    records.remove(KEYS, "k2", None).await.expect("a removal");
    let changes = records.changes_after(0, 100).await.expect("the changes");
    assert!(changes.is_sorted_by_key(|change| change.sequence));
    let last = |id: &str| changes.iter().rposition(|change| change.family == KEYS && change.id == id);
    assert!(last("k1") < last("k2") && last("k1").is_some(), "{changes:?}");
    let first = changes.first().expect("a change");
    let later = records.changes_after(first.sequence, 1).await.expect("the changes");
    assert_eq!(later, changes[1..2]);
    assert_eq!(records.changes_after(u64::MAX, 1).await.expect("the changes"), []);
}

/// The change sequence grows over restarts, also when the last record is gone.
pub async fn the_change_sequence_grows_over_restarts(mut fixture: impl Fixture) {
    let records = fixture.store().records;
    inserted(&*records, "k1", &key_fields("first", "h1")).await;
    records.remove(KEYS, "k1", None).await.expect("a removal");
    let last = records.changes_after(0, 100).await.expect("the changes").pop().expect("a change").sequence;
    fixture.restart().await;
    let records = fixture.store().records;
    inserted(&*records, "k1", &key_fields("again", "h1")).await;
    let later = records.changes_after(last, 100).await.expect("the changes");
    assert_eq!(later.iter().map(|change| change.id.as_str()).collect::<Vec<_>>(), ["k1"]);
}

/// Each change is announced after it has taken effect, and no refusal is.
pub async fn each_change_is_announced_and_no_refusal_is(fixture: impl Fixture) {
    let store = fixture.store();
    let mut heard = store.events.subscribe();
    let records = store.records;
    inserted(&*records, "k1", &key_fields("first", "h1")).await;
    let refused = records.insert(KEYS, "k1", key_fields("second", "h2")).await;
    assert!(refused.is_err());
    records.update(KEYS, "k1", naming("renamed"), Condition::Exists).await.expect("an update");
    records.remove(KEYS, "k1", None).await.expect("a removal");
    inserted(&*records, "end", &key_fields("end", "h9")).await;
    for id in ["k1", "k1", "k1", "end"] {
        let notice = Notice::Record { family: KEYS, id: id.into() };
        assert_eq!(heard.next().await, Some(Event::Changed(notice)));
    }
}

/// Pages hold each record once, in order, whatever their size; records without the column stand where the smallest would.
pub async fn pages_hold_each_record_once_and_in_order(fixture: impl Fixture) {
    let records = fixture.store().records;
    for (id, expires_at) in [("a", Some(5)), ("b", None), ("c", Some(-3)), ("d", Some(5)), ("e", None), ("f", Some(9))]
    {
        let mut fields = key_fields(id, id);
        fields.extend(expires_at.map(|at| ("expires_at", Value::Integer(at))));
        inserted(&*records, id, &fields).await;
    }
    for limit in 1..=7 {
        let ascending = ids(&*records, list("expires_at", Direction::Ascending, limit)).await;
        assert_eq!(ascending.concat(), "becadf", "pages of {limit}");
        let descending = ids(&*records, list("expires_at", Direction::Descending, limit)).await;
        assert_eq!(descending.concat(), "fdaceb", "pages of {limit}");
        assert_eq!(ids(&*records, list("name", Direction::Descending, limit)).await.concat(), "fedcba");
    }
}

/// A search finds a text anywhere in a searched column, without regard to ASCII case, and takes no character for a pattern.
pub async fn a_search_disregards_ascii_case_only(fixture: impl Fixture) {
    let records = fixture.store().records;
    for (id, name, description) in [("a", "Build", ""), ("b", "100%_x", "reBUILD it"), ("c", "Ärger", "state")] {
        let mut fields = key_fields(name, id);
        fields.insert("description", description.into());
        inserted(&*records, id, &fields).await;
    }
    let found = async |text: &str| {
        let query = PageQuery { search: Some(text.to_owned()), ..list("name", Direction::Ascending, 10) };
        let mut found = ids(&*records, query).await;
        found.sort();
        found.concat()
    };
    for (text, expected) in
        [("bUiLd", "ab"), ("%_", "b"), ("%", "b"), ("_", "b"), ("Ärg", "c"), ("ärg", ""), ("active", "")]
    {
        assert_eq!(found(text).await, expected, "{text}");
    }
    assert_eq!(found("").await, "abc");
}

/// Filters compare as they say, also where a record lacks the field.
pub async fn filters_compare_as_they_say(fixture: impl Fixture) {
    let records = fixture.store().records;
    for (id, owner, expires_at) in [("a", Some("u1"), Some(1)), ("b", None, Some(2)), ("c", Some("u2"), None)] {
        let mut fields = key_fields(id, id);
        fields.extend(owner.map(|owner| ("owner", Value::from(owner))));
        fields.extend(expires_at.map(|at| ("expires_at", Value::Integer(at))));
        inserted(&*records, id, &fields).await;
    }
    let owner = |comparison| Filter { column: "owner", comparison, value: "u1".into() };
    let expiry = |comparison| Filter { column: "expires_at", comparison, value: Value::Integer(2) };
    let cases = [
        (vec![owner(Comparison::Equal)], "a"),
        (vec![owner(Comparison::NotEqual)], "bc"),
        (vec![expiry(Comparison::Less)], "a"),
        (vec![expiry(Comparison::AtLeast)], "b"),
        (vec![owner(Comparison::NotEqual), expiry(Comparison::NotEqual)], "c"),
        (vec![], "abc"),
    ];
    for (filters, expected) in cases {
        assert_eq!(records.count(KEYS, &filters).await.expect("a count"), expected.len() as u64, "{filters:?}");
        let query = PageQuery { filters, ..list("name", Direction::Ascending, 2) };
        assert_eq!(ids(&*records, query).await.concat(), expected);
    }
}

/// A record is listed by each item of its array, and by none of what is no array; a change of the array holds at once.
pub async fn a_record_is_listed_by_the_items_that_it_has(fixture: impl Fixture) {
    let records = fixture.store().records;
    let arrays = [
        ("a", r#"["x","y"]"#),
        ("b", r#"["y","y","a \"q\" ü"]"#),
        ("c", "[]"),
        ("d", "no array"),
        ("e", r#"{"k":"y"}"#),
    ];
    for (id, tags) in arrays {
        let mut fields = key_fields(id, id);
        fields.insert("tags", tags.into());
        inserted(&*records, id, &fields).await;
    }
    inserted(&*records, "f", &key_fields("f", "f")).await;
    let tagged = |tag: &str| Filter { column: "tags", comparison: Comparison::Contains, value: tag.into() };
    let listed = async |filters: Vec<Filter>| {
        let query = PageQuery { filters: filters.clone(), ..list("name", Direction::Ascending, 1) };
        let ids = ids(&*records, query).await.concat();
        assert_eq!(records.count(KEYS, &filters).await.expect("a count"), ids.len() as u64);
        ids
    };
    for (tag, expected) in [("x", "a"), ("y", "ab"), ("a \"q\" ü", "b"), ("Y", ""), ("no array", ""), ("", "")] {
        assert_eq!(listed(vec![tagged(tag)]).await, expected, "{tag}");
    }
    assert_eq!(listed(vec![tagged("y"), tagged("x")]).await, "a");
    let changes = Changes::from([("tags", Some(r#"["z"]"#.into()))]);
    records.update(KEYS, "a", changes, Condition::Exists).await.expect("an update");
    records.remove(KEYS, "b", None).await.expect("a removal");
    assert_eq!((listed(vec![tagged("y")]).await, listed(vec![tagged("z")]).await), (String::new(), "a".to_owned()));
    records.update(KEYS, "a", Changes::from([("tags", None)]), Condition::Exists).await.expect("an update");
    assert_eq!(listed(vec![tagged("z")]).await, "");
}

/// Items come in the order of their bytes, each with the records that have it and pass the filters; none that no record has.
pub async fn items_are_counted_by_the_records_that_have_them(fixture: impl Fixture) {
    let records = fixture.store().records;
    for (id, tags, state) in [
        ("a", r#"["B","team a"]"#, "active"),
        ("b", r#"["B","B","c"]"#, "active"),
        ("c", r#"["B","d"]"#, "deleted"),
        ("d", "no array", "active"),
    ] {
        let mut fields = key_fields(id, id);
        fields.extend([("tags", Value::from(tags)), ("state", state.into())]);
        inserted(&*records, id, &fields).await;
    }
    let all = ItemsQuery { family: KEYS, column: "tags", filters: vec![], search: None, after: None, limit: 10 };
    let alive = Filter { column: "state", comparison: Comparison::NotEqual, value: "deleted".into() };
    let told = async |query: ItemsQuery| {
        let items = records.items(&query).await.expect("the items").into_iter();
        items.map(|count| format!("{} {}", count.item, count.records)).collect::<Vec<_>>().join(", ")
    };
    assert_eq!(told(all.clone()).await, "B 3, c 1, d 1, team a 1");
    assert_eq!(told(ItemsQuery { filters: vec![alive.clone()], ..all.clone() }).await, "B 2, c 1, team a 1");
    assert_eq!(told(ItemsQuery { after: Some("B".to_owned()), limit: 2, ..all.clone() }).await, "c 1, d 1");
    assert_eq!(told(ItemsQuery { search: Some("AM".to_owned()), ..all.clone() }).await, "team a 1");
    let changes = Changes::from([("state", Some("deleted".into()))]);
    records.update(KEYS, "b", changes, Condition::Exists).await.expect("an update");
    assert_eq!(told(ItemsQuery { filters: vec![alive], ..all }).await, "B 1, team a 1");
}

/// All ids of a list are had at once, and records by their ids, in their order, without those that are missing.
pub async fn all_ids_of_a_list_and_records_by_their_ids_are_had_at_once(fixture: impl Fixture) {
    let records = fixture.store().records;
    for (id, name, owner) in [("a", "one", "u1"), ("b", "two", "u1"), ("c", "one more", "u2")] {
        let mut fields = key_fields(name, id);
        fields.insert("owner", owner.into());
        inserted(&*records, id, &fields).await;
    }
    let owned = Filter { column: "owner", comparison: Comparison::Equal, value: "u1".into() };
    for (filters, search, expected) in [
        (vec![], None, "abc"),
        (vec![owned.clone()], None, "ab"),
        (vec![], Some("ONE"), "ac"),
        (vec![owned], Some("one"), "a"),
    ] {
        let selection = Selection { family: KEYS, filters, search: search.map(str::to_owned) };
        let mut ids = records.ids(&selection).await.expect("ids");
        ids.sort();
        assert_eq!(ids.concat(), expected);
    }
    let ids = ["c", "nobody", "a"].map(Arc::from);
    let rows = records.get_all(KEYS, &ids).await.expect("records");
    assert_eq!(rows.iter().map(|row| row.id.as_str()).collect::<Vec<_>>(), ["c", "a"]);
    assert_eq!(Some(&rows[0]), row(&*records, "c").await.as_ref());
}

/// A list of many reads as one of few does: the filter or search that leaves few may lead, and the walk finds what many have.
pub async fn lists_of_many_records_hold_what_filters_and_searches_choose(fixture: impl Fixture) {
    const MANY: usize = 2300;
    let records = fixture.store().records;
    let inserts = (0..MANY).map(|number| {
        let mut fields = key_fields(&format!("name {number:05}"), &format!("h{number}"));
        let tags = if number % 1000 == 7 { r#"["all","rare"]"# } else { r#"["all"]"# };
        fields.extend([("tags", Value::from(tags)), ("hint", format!("cr_{number}").into())]);
        if number % 1000 == 7 {
            fields.insert("description", "测 Q;ö".into());
        }
        let records = Arc::clone(&records);
        async move { records.insert(KEYS, &format!("k{number:05}"), fields).await.expect("a new record") }
    });
    let mut inserts = inserts.map(Box::pin).collect::<Vec<_>>().into_iter();
    while inserts.len() > 0 {
        let some = inserts.by_ref().take(100).collect::<JoinSet<_>>();
        some.join_all().await;
    }
    let tagged = |tag: &str| vec![Filter { column: "tags", comparison: Comparison::Contains, value: tag.into() }];
    let active = Filter { column: "state", comparison: Comparison::Equal, value: "active".into() };
    let found = async |filters: Vec<Filter>, search: &str| {
        let query =
            PageQuery { filters, search: Some(search.to_owned()), ..list("created_at", Direction::Descending, 500) };
        ids(&*records, query).await.len()
    };
    assert_eq!(found(tagged("all"), "").await, MANY);
    assert_eq!(found(tagged("all"), "NAME").await, MANY);
    assert_eq!(found(vec![active], "name 0100").await, 10);
    assert_eq!(found(tagged("rare"), "name").await, 3);
    assert_eq!(
        (found(tagged("rare"), "01007").await, found(vec![], "e 0").await, found(vec![], "nam0").await),
        (1, MANY, 0)
    );
    assert_eq!((found(vec![], "e\" AND \"n").await, found(vec![], "_22").await), (0, 111));
    for (short, expected) in [("测", 3), ("q;", 3), ("ö", 3), ("Ö", 0), (";测", 0), ("~", 0), ("_9", 111), ("9", 599)]
    {
        assert_eq!(found(vec![], short).await, expected, "{short}");
    }
}

/// A family, column, value or page that the keyspace table does not provide for is refused as a bug of the caller.
pub async fn what_the_table_does_not_list_is_refused(fixture: impl Fixture) {
    let records = fixture.store().records;
    let refused = |error: StoreError| assert_eq!(error.kind, StoreFailure::Unsupported, "{error}");
    let refused_change = |error: RecordError| match error {
        RecordError::Store(error) => assert_eq!(error.kind, StoreFailure::Unsupported, "{error}"),
        other => panic!("{other:?}"),
    };
    inserted(&*records, "k1", &key_fields("first", "h1")).await;
    refused(records.get(Family::UsageDaily, "x").await.expect_err("no records"));
    refused(records.find(Family::ApiKey, "x").await.expect_err("no index"));
    refused_change(records.insert(KEYS, "k2", Fields::from([("colour", "red".into())])).await.expect_err("no column"));
    refused_change(records.insert(KEYS, "k2", Fields::from([("name", Value::Integer(1))])).await.expect_err("a text"));
    let absent = Condition::FieldAbsent("colour");
    refused_change(records.update(KEYS, "k1", Changes::new(), absent).await.expect_err("no column"));
    refused(records.page(&list("hash", Direction::Ascending, 10)).await.expect_err("unlisted"));
    for limit in [0, crate::records::PAGE_MAX + 1] {
        refused(records.page(&list("name", Direction::Ascending, limit)).await.expect_err("a wrong size"));
    }
    let cursor = Cursor { value: Some(Value::Integer(START.as_ms())), id: "k".to_owned() };
    let query = PageQuery { after: Some(cursor), ..list("name", Direction::Ascending, 10) };
    refused(records.page(&query).await.expect_err("a cursor of another kind"));
    let hash = Filter { column: "hash", comparison: Comparison::Equal, value: "h1".into() };
    refused(records.count(KEYS, &[hash]).await.expect_err("unlisted"));
    refused(records.page(&list("tags", Direction::Ascending, 10)).await.expect_err("no order"));
    for (column, comparison) in [("tags", Comparison::Equal), ("name", Comparison::Contains)] {
        let filter = Filter { column, comparison, value: "x".into() };
        refused(records.count(KEYS, &[filter]).await.expect_err("another comparison"));
    }
    let items = ItemsQuery { family: KEYS, column: "tags", filters: vec![], search: None, after: None, limit: 1 };
    refused(records.items(&ItemsQuery { column: "name", ..items.clone() }).await.expect_err("no items"));
    refused(records.items(&ItemsQuery { limit: 0, ..items.clone() }).await.expect_err("a wrong size"));
    let owned = Filter { column: "owner", comparison: Comparison::Equal, value: "u".into() };
    refused(records.items(&ItemsQuery { filters: vec![owned], ..items }).await.expect_err("not counted by"));
    let many = vec![Arc::from("k1"); crate::records::PAGE_MAX + 1];
    refused(records.get_all(KEYS, &many).await.expect_err("too many"));
}

/// Keys that are bound to one thing are counted once each, whichever services they are bound for; deleted ones are not.
pub async fn keys_bound_to_one_thing_are_counted_once_each(fixture: impl Fixture) {
    let records = fixture.store().records;
    let [group, other] = ["group:g1", "account:g1"].map(|text| Binding::parse(text).expect("a binding"));
    let bound = [
        (&[Service::Claude, Service::Gemini, Service::Droid][..], &group, "active"),
        (&[Service::Gemini, Service::OpenAi], &group, "disabled"),
        (&[Service::Claude], &group, "deleted"),
        (&[Service::Claude], &other, "active"),
        (&[], &group, "active"),
    ];
    for (number, (services, binding, state)) in bound.into_iter().enumerate() {
        let mut fields = key_fields("bound", &format!("h{number}"));
        fields.insert("state", state.into());
        fields.extend(services.iter().map(|&service| (binding_column(service), binding.to_string().into())));
        inserted(&*records, &format!("k{number}"), &fields).await;
    }
    let counts = (count_bound(&*records, &group).await, count_bound(&*records, &other).await);
    assert_eq!((counts.0.expect("a count"), counts.1.expect("a count")), (2, 1));
    let unbind = Changes::from([(binding_column(Service::Gemini), None), (binding_column(Service::OpenAi), None)]);
    records.update(KEYS, "k1", unbind, Condition::Exists).await.expect("an update");
    assert_eq!(count_bound(&*records, &group).await.expect("a count"), 1);
}

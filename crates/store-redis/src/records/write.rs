//! One change of one record, in its three steps.

use super::{
    RedisRecords,
    log::Mark,
    record_key,
    unique::{Claim, Claimed, Settlement, Uniques},
};
use crate::{
    call::{Call, Script, call_id},
    engine::Lane,
    error::damaged,
};
use store::{
    Family, Notice, RecordError, StoreError, Version,
    error::StoreFailure,
    keyspace::Unique,
    records::{Changes, Condition, Value},
};

static WRITE: Script = Script::memoized(include_str!("../../scripts/record_write.lua"));

/// What is to be done to a record.
pub(super) enum Write {
    Insert(Changes),
    Update(Changes, Condition),
    Remove(Option<Version>),
}

/// A change under way: its mark, its claims, and until when the record may be written.
struct UnderWay {
    mark: Mark,
    claims: Vec<Claim>,
    deadline: String,
}

/// What the script says.
enum Outcome {
    Done { version: Version, before: Vec<Option<String>> },
    Refused(RecordError),
}

impl Write {
    /// The values that it sets in unique columns.
    fn claimed(&self, family: Family) -> Vec<(&'static Unique, String)> {
        let (Self::Insert(changes) | Self::Update(changes, _)) = self else { return Vec::new() };
        let uniques = family.entry().unique.iter();
        let set = uniques.filter_map(|unique| match changes.get(unique.column)? {
            Some(Value::Text(text)) => Some((unique, text.clone())),
            Some(Value::Integer(number)) => Some((unique, number.to_string())),
            None => None,
        });
        set.collect()
    }

    /// Whether it leaves the value of a unique column behind that the record had before.
    fn leaves(&self, unique: &Unique, before: &str) -> bool {
        match self {
            Self::Insert(_) => false,
            Self::Remove(_) => true,
            Self::Update(changes, _) => match changes.get(unique.column) {
                None => false,
                Some(value) => value.as_ref() != Some(&Value::from(before)),
            },
        }
    }

    fn condition(&self) -> (&'static str, String) {
        match self {
            Self::Insert(_) | Self::Update(_, Condition::Exists) | Self::Remove(None) => ("exists", String::new()),
            Self::Update(_, Condition::Version(version)) | Self::Remove(Some(version)) => {
                ("version", version.0.to_string())
            }
            Self::Update(_, Condition::FieldAbsent(column)) => ("absent", (*column).to_owned()),
        }
    }

    const fn name(&self) -> &'static str {
        match self {
            Self::Insert(_) => "insert",
            Self::Update(..) => "update",
            Self::Remove(_) => "remove",
        }
    }
}

impl RedisRecords {
    /// Makes a change. Not cancel-safe in what it answers: dropped, it may have been made or not, and is consistent either way.
    pub(super) async fn write(&self, family: Family, id: &str, write: Write) -> Result<Version, RecordError> {
        let token = call_id();
        let under_way = self.begin(family, id, &write, &token).await?;
        let written = self.write_record(family, id, &write, &under_way, &token).await;
        let outcome = written.inspect_err(|error| self.tell_if_unknown(family, id, error))?;
        let was_made = matches!(outcome, Outcome::Done { .. });
        let finished = self.finish(&under_way, was_made).await;
        finished.inspect_err(|error| self.tell_if_unknown(family, id, error))?;
        let (version, before) = match outcome {
            Outcome::Done { version, before } => (version, before),
            Outcome::Refused(error) => return Err(error),
        };
        self.announcer.tell_own(notice(family, id));
        self.release(family, id, &write, before, &token).await;
        Ok(version)
    }

    /// Marks the log and claims the unique values; leaves nothing behind when one is taken.
    async fn begin(&self, family: Family, id: &str, write: &Write, token: &str) -> Result<UnderWay, RecordError> {
        let (mark, call) = self.log.mark(family, id, token);
        let mut claims = Vec::new();
        for (unique, value) in write.claimed(family) {
            match self.uniques.claim(family, unique, &value, id, token).await? {
                Claimed::Held(claim) => claims.push(claim),
                Claimed::Taken => {
                    let settled = claims.iter().map(|claim| Uniques::settle(claim, Settlement::Restore)).collect();
                    self.engine.all(Lane::Request, "give up a unique value", settled).await?;
                    return Err(self.why_refused(family, id, write, unique.index).await?);
                }
            }
        }
        // Behind the claims, which may have waited: the deadline counts from here.
        let deadline = self.engine.ask("begin a change", call).await?;
        Ok(UnderWay { mark, claims, deadline })
    }

    /// A taken value is the reason only if nothing else is: what the record itself says goes before it.
    async fn why_refused(
        &self,
        family: Family,
        id: &str,
        write: &Write,
        index: Family,
    ) -> Result<RecordError, StoreError> {
        let found = store::Records::get(self, family, id).await?;
        let current = match (write, found) {
            (Write::Insert(_), Some(_)) => return Ok(RecordError::Duplicate { index: family }),
            (Write::Insert(_), None) => return Ok(RecordError::Duplicate { index }),
            (_, None) => return Ok(RecordError::Missing),
            (_, Some(row)) => row,
        };
        let holds = match write {
            Write::Update(_, Condition::Version(expected)) => *expected == current.version,
            Write::Update(_, Condition::FieldAbsent(column)) => !current.fields.contains_key(column),
            _ => true,
        };
        Ok(if holds { RecordError::Duplicate { index } } else { RecordError::Conflict { current: current.version } })
    }

    async fn write_record(
        &self,
        family: Family,
        id: &str,
        write: &Write,
        under_way: &UnderWay,
        token: &str,
    ) -> Result<Outcome, StoreError> {
        let operation = "write a record";
        let record = record_key(&self.engine, family, id);
        let own = self.engine.names().call(&record, token);
        let (condition, value) = write.condition();
        let call = WRITE.on([record, own]).arg(&under_way.deadline).arg(write.name()).arg(condition).arg(value);
        let message = self.announcer.message(&notice(family, id));
        let call = with_fields(call.arg(self.announcer.channel()).arg(message), family, write);
        let reply: Vec<String> = self.engine.ask(operation, call).await?;
        outcome(operation, family, &reply)
    }

    async fn finish(&self, under_way: &UnderWay, was_made: bool) -> Result<(), StoreError> {
        let settlement = if was_made { Settlement::Confirm } else { Settlement::Restore };
        let claims = under_way.claims.iter().map(|claim| Uniques::settle(claim, settlement));
        let calls =
            std::iter::once(self.log.confirm(&under_way.mark, was_made, &self.announcer)).chain(claims).collect();
        self.engine.all(Lane::Request, "finish a change", calls).await.map(drop)
    }

    /// Removes the entries of values that the record has no longer. They dangle if that fails, and are passed over.
    async fn release(&self, family: Family, id: &str, write: &Write, before: Vec<Option<String>>, token: &str) {
        for (unique, before) in family.entry().unique.iter().zip(before) {
            let Some(before) = before.filter(|before| write.leaves(unique, before)) else { continue };
            let token = format!("{token}-release");
            if let Err(error) = self.uniques.release(family, unique, &before, id, &token).await {
                tracing::debug!(error = %error, index = %unique.index, "a unique value is left to be taken over");
            }
        }
    }

    /// A change of which nobody knows whether it was made: this node looks again, as the others do.
    fn tell_if_unknown(&self, family: Family, id: &str, error: &StoreError) {
        if error.kind == StoreFailure::Unavailable {
            self.announcer.tell_own(notice(family, id));
        }
    }
}

fn notice(family: Family, id: &str) -> Notice {
    Notice::Record { family, id: id.into() }
}

fn with_fields(call: Call, family: Family, write: &Write) -> Call {
    let uniques = family.entry().unique;
    let call = uniques.iter().fold(call.arg(uniques.len()), |call, unique| call.arg(unique.column));
    let (Write::Insert(changes) | Write::Update(changes, _)) = write else { return call };
    let set = changes.iter().filter_map(|(name, value)| Some((name, value.as_ref()?)));
    let call = set.clone().fold(call.arg(set.count()), |call, (name, value)| match value {
        Value::Integer(number) => call.arg(*name).arg(*number),
        Value::Text(text) => call.arg(*name).arg(text),
    });
    let removed = changes.iter().filter(|(_, value)| value.is_none());
    removed.fold(call, |call, (name, _)| call.arg(*name))
}

fn outcome(operation: &'static str, family: Family, reply: &[String]) -> Result<Outcome, StoreError> {
    let version =
        || reply.get(1).and_then(|version| version.parse().ok()).map(Version).ok_or_else(|| damaged(operation));
    Ok(match reply.first().map(String::as_str) {
        Some("done") => {
            let before = reply.iter().skip(2).map(|before| before.strip_prefix('=').map(str::to_owned)).collect();
            Outcome::Done { version: version()?, before }
        }
        Some("exists") => Outcome::Refused(RecordError::Duplicate { index: family }),
        Some("missing") => Outcome::Refused(RecordError::Missing),
        Some("conflict") => Outcome::Refused(RecordError::Conflict { current: version()? }),
        // Later than it may be made: it was not, and will not be.
        Some("late") => Outcome::Refused(StoreError::new(operation, StoreFailure::Unavailable).into()),
        _ => return Err(damaged(operation)),
    })
}

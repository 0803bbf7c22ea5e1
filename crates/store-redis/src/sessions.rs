//! Sign-in sessions: a hash each, and sorted sets by person and by end, in other slots. The hash decides: a set may name what has
//! been revoked.

use crate::{
    call::{Call, Script, call_id},
    engine::{Engine, Lane},
    error::{damaged, parsed},
    locks::millis,
};
use async_trait::async_trait;
use domain::{AdminId, SessionId, Timestamp, UserId};
use redis::Value;
use std::{cmp::Reverse, collections::HashMap, time::Duration};
use store::{Family, Session, Sessions, StoreError, sessions::SessionSubject};

static CREATE: Script = Script::memoized(include_str!("../scripts/session_create.lua"));
static REMOVE: Script = Script::memoized(include_str!("../scripts/session_remove.lua"));

/// How long a session that has ended waits to be swept before the servers remove it themselves.
const BACKSTOP: Duration = Duration::from_secs(24 * 3600);

/// Sessions of one person that a list looks at: many more than anybody opens within a session's life.
const LISTED_MAX: usize = 10_000;

/// Sessions that are ended at once: a script each, sent together.
const ENDED_AT_ONCE: usize = 500;

pub(crate) struct RedisSessions(pub(crate) Engine);

impl RedisSessions {
    /// The session's key among those of administrators and among those of users.
    fn keys(&self, id: &str) -> [String; 2] {
        [Family::Session, Family::UserSession].map(|family| self.0.names().key(family, &[id]))
    }

    fn index(&self, subject: &str) -> String {
        self.0.names().key(Family::SessionIndex, &[subject])
    }

    fn ends(&self) -> String {
        self.0.names().key(Family::SessionEnds, &[])
    }

    /// Removes a session of `subject` (none: of anybody) that has ended at `at` (none: ended or not).
    fn removal(&self, id: &str, subject: Option<&str>, at: Option<Timestamp>) -> Call {
        let [admin, user] = self.keys(id);
        let own = self.0.names().call(&admin, &call_id());
        let call = REMOVE.on([admin, user, own]).arg(subject.unwrap_or_default());
        call.arg(at.map(|at| at.as_ms().to_string()).unwrap_or_default())
    }

    /// Removes what can be removed of `ids`, and their entries in the set of ends; says how many there were.
    async fn remove(&self, ids: &[String], subject: Option<&str>, at: Option<Timestamp>) -> Result<u64, StoreError> {
        let operation = "end sessions";
        let calls = ids.iter().map(|id| self.removal(id, subject, at)).collect();
        let replies = self.0.all(Lane::Request, operation, calls).await?;
        let removed = replies.into_iter().map(|reply| parsed::<u64>(operation, reply)).sum::<Result<u64, _>>()?;
        if !ids.is_empty() && (removed > 0 || at.is_some()) {
            self.forget_ends(ids).await?;
        }
        Ok(removed)
    }

    /// Takes out of the set of ends what is no session any more.
    async fn forget_ends(&self, ids: &[String]) -> Result<(), StoreError> {
        let operation = "end sessions";
        let found = self.read(ids).await?;
        let gone = ids.iter().zip(found).filter(|(_, session)| session.is_none());
        let call = gone.fold(Call::command("ZREM").arg(self.ends()).arg("-"), |call, (id, _)| call.arg(id));
        self.0.ask::<Value>(operation, call).await.map(drop)
    }

    async fn read(&self, ids: &[String]) -> Result<Vec<Option<Session>>, StoreError> {
        let operation = "read sessions";
        let calls = ids.iter().flat_map(|id| self.keys(id)).map(|key| Call::command("HGETALL").arg(key));
        let replies = self.0.all(Lane::Request, operation, calls.collect()).await?;
        let mut fields = replies.into_iter().map(|reply| parsed::<HashMap<String, String>>(operation, reply));
        let mut sessions = Vec::with_capacity(ids.len());
        while let (Some(admin), Some(user)) = (fields.next(), fields.next()) {
            let fields = [admin?, user?].into_iter().find(|fields| !fields.is_empty());
            let session = fields.map(|fields| from_fields(&fields).ok_or_else(|| damaged("read a session")));
            sessions.push(session.transpose()?);
        }
        Ok(sessions)
    }

    async fn of(&self, subject: &SessionSubject) -> Result<Vec<String>, StoreError> {
        let index = self.index(&subject_text(subject));
        let ids = Call::command("ZRANGE").arg(index).arg(0).arg(LISTED_MAX - 1).arg("REV");
        self.0.ask("list sessions", ids).await
    }

    /// Takes `ids` out of the set of `subject`'s sessions.
    async fn forget(&self, subject: &str, ids: &[String]) -> Result<(), StoreError> {
        let call = Call::command("ZREM").arg(self.index(subject));
        self.0.ask::<Value>("end sessions", ids.iter().fold(call, Call::arg)).await.map(drop)
    }
}

#[async_trait]
impl Sessions for RedisSessions {
    async fn create(&self, session: &Session) -> Result<(), StoreError> {
        let operation = "begin a session";
        let (id, subject) = (session.id.as_str(), subject_text(&session.subject));
        let kept = millis(session.expires_at.since(session.created_at) + BACKSTOP);
        let index = self.index(&subject);
        let entries = [
            Call::command("ZADD").arg(&index).arg(session.created_at.as_ms()).arg(id),
            Call::command("PEXPIRE").arg(&index).arg(kept).arg("NX"),
            Call::command("PEXPIRE").arg(&index).arg(kept).arg("GT"),
            Call::command("ZADD").arg(self.ends()).arg(session.expires_at.as_ms()).arg(id),
        ];
        let mut keys = self.keys(id);
        if matches!(session.subject, SessionSubject::User(_)) {
            keys.reverse();
        }
        let own = self.0.names().call(&keys[0], &call_id());
        let [session_key, other] = keys;
        let call = CREATE.on([session_key, other, own]).arg(kept).arg(fields(session, &subject));
        self.0.ask::<Value>(operation, call).await?;
        // The sets afterwards, so that what they name and is not there was ended. A session that they do not name yet was not
        // answered: nobody has its token.
        self.0.together(operation, entries).await.map(drop)
    }

    async fn get(&self, id: &SessionId, now: Timestamp) -> Result<Option<Session>, StoreError> {
        let session = self.read(&[id.to_string()]).await?.pop().flatten();
        Ok(session.filter(|session| now < session.expires_at))
    }

    async fn revoke(&self, id: &SessionId) -> Result<bool, StoreError> {
        Ok(self.remove(&[id.to_string()], None, None).await? > 0)
    }

    async fn revoke_all(&self, subject: &SessionSubject, keep: Option<&SessionId>) -> Result<u64, StoreError> {
        let subject = subject_text(subject);
        let (mut ended, mut kept) = (0, 0);
        loop {
            let oldest = Call::command("ZRANGE").arg(self.index(&subject)).arg(kept).arg(kept + ENDED_AT_ONCE - 1);
            let mut ids: Vec<String> = self.0.ask("end sessions", oldest).await?;
            let found = ids.len();
            ids.retain(|id| keep.is_none_or(|keep| keep.as_str() != id));
            kept += found - ids.len();
            if !ids.is_empty() {
                ended += self.remove(&ids, Some(&subject), None).await?;
                self.forget(&subject, &ids).await?;
            }
            if found < ENDED_AT_ONCE {
                return Ok(ended);
            }
        }
    }

    async fn list(&self, subject: &SessionSubject, now: Timestamp, limit: usize) -> Result<Vec<Session>, StoreError> {
        let ids = self.of(subject).await?;
        let (mut open, mut gone) = (Vec::new(), Vec::new());
        for (id, session) in ids.iter().zip(self.read(&ids).await?) {
            match session.filter(|session| session.subject == *subject) {
                Some(session) if now < session.expires_at => open.push(session),
                Some(_) => {}
                None => gone.push(id.clone()),
            }
        }
        if !gone.is_empty() {
            self.forget(&subject_text(subject), &gone).await?;
        }
        open.sort_by_key(|session| Reverse((session.created_at, session.id.clone())));
        open.truncate(limit);
        Ok(open)
    }

    async fn sweep(&self, now: Timestamp, limit: usize) -> Result<u64, StoreError> {
        let over = Call::command("ZRANGE").arg(self.ends()).arg("-inf").arg(now.as_ms());
        let over = over.arg("BYSCORE").arg("LIMIT").arg(0).arg(limit);
        let ids: Vec<String> = self.0.ask("find ended sessions", over).await?;
        self.remove(&ids, None, Some(now)).await
    }
}

/// Who it is, as the hash and the index name them: two kinds of people may have one id.
fn subject_text(subject: &SessionSubject) -> String {
    match subject {
        SessionSubject::Admin(id) => format!("admin~{id}"),
        SessionSubject::User(id) => format!("user~{id}"),
    }
}

fn fields(session: &Session, subject: &str) -> Vec<String> {
    let Session { id, subject: _, created_at, expires_at, address, user_agent } = session;
    let (created_at, expires_at) = (created_at.as_ms().to_string(), expires_at.as_ms().to_string());
    let fields = [
        ("id", id.as_str()),
        ("subject", subject),
        ("created_at", &created_at),
        ("expires_at", &expires_at),
        ("address", address),
        ("user_agent", user_agent),
    ];
    fields.into_iter().flat_map(|(name, value)| [name.to_owned(), value.to_owned()]).collect()
}

fn from_fields(fields: &HashMap<String, String>) -> Option<Session> {
    let text = |name: &str| fields.get(name).cloned();
    let time = |name: &str| fields.get(name)?.parse().ok().map(Timestamp::from_ms);
    let subject = match fields.get("subject")?.split_once('~')? {
        ("admin", id) => SessionSubject::Admin(AdminId::parse(id).ok()?),
        ("user", id) => SessionSubject::User(UserId::parse(id).ok()?),
        _ => return None,
    };
    Some(Session {
        id: SessionId::parse(fields.get("id")?).ok()?,
        subject,
        created_at: time("created_at")?,
        expires_at: time("expires_at")?,
        address: text("address")?,
        user_agent: text("user_agent")?,
    })
}

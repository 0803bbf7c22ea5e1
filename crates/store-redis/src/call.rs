//! One command, or one script with its keys and arguments. Nothing is sent here.

use redis::{Cmd, ToRedisArgs};
use std::sync::OnceLock;
use uuid::Uuid;

/// What every script begins with: comparing and negating whole numbers that are texts, because a Lua number is a double and
/// holds 53 bits only.
const PRELUDE: &str = include_str!("../scripts/prelude.lua");

/// How long a memoized reply is kept, in milliseconds: longer than any call is repeated.
const MEMO_MS: u32 = 60_000;

/// A Lua script. It is idempotent: run again with the same keys and arguments it changes nothing more and replies the same,
/// because a call whose reply was lost is sent again.
pub(crate) struct Script {
    body: &'static str,
    kind: Kind,
    compiled: OnceLock<Compiled>,
}

struct Compiled {
    text: String,
    digest: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// By what it does.
    Natural,
    /// Because its reply is kept for a while under the call's own key, and replied again.
    Memoized,
}

/// A command or a script, ready to be sent, and sent again.
#[derive(Clone)]
pub(crate) struct Call {
    command: Cmd,
    script: Option<&'static Script>,
}

impl Script {
    /// A script that is idempotent by what it does.
    pub(crate) const fn new(body: &'static str) -> Self {
        Self { body, kind: Kind::Natural, compiled: OnceLock::new() }
    }

    /// A script that is made idempotent: its last key is the call's own (`Family::Call`, in the slot of the others), where the
    /// reply is kept.
    pub(crate) const fn memoized(body: &'static str) -> Self {
        Self { body, kind: Kind::Memoized, compiled: OnceLock::new() }
    }

    /// A call of it on `keys`; arguments are added with [`Call::arg`].
    pub(crate) fn on<K: AsRef<str>>(
        &'static self,
        keys: impl IntoIterator<Item = K, IntoIter: ExactSizeIterator>,
    ) -> Call {
        let keys = keys.into_iter();
        let mut command = redis::cmd("EVALSHA");
        command.arg(&self.compiled().digest).arg(keys.len());
        for key in keys {
            command.arg(key.as_ref());
        }
        Call { command, script: Some(self) }
    }

    fn compiled(&self) -> &Compiled {
        self.compiled.get_or_init(|| {
            let text = self.text();
            let digest = redis::Script::new(&text).get_hash().to_owned();
            Compiled { text, digest }
        })
    }

    fn text(&self) -> String {
        let body = self.body;
        match self.kind {
            Kind::Natural => format!("{PRELUDE}\n{body}"),
            Kind::Memoized => format!(
                "{PRELUDE}\n\
                 local memo = redis.call('GET', KEYS[#KEYS])\n\
                 if memo then return cmsgpack.unpack(memo)[1] end\n\
                 local function once()\n{body}\nend\n\
                 local reply = once()\n\
                 redis.call('SET', KEYS[#KEYS], cmsgpack.pack({{reply}}), 'PX', {MEMO_MS})\n\
                 return reply"
            ),
        }
    }
}

impl Call {
    /// A plain command, which is idempotent: `GET`, `HGETALL`, `ZADD` … never `HINCRBY`.
    pub(crate) fn command(name: &str) -> Self {
        Self { command: redis::cmd(name), script: None }
    }

    /// Adds a key or an argument.
    pub(crate) fn arg(mut self, argument: impl ToRedisArgs) -> Self {
        self.command.arg(argument);
        self
    }

    /// What is sent first.
    pub(crate) const fn command_to_send(&self) -> &Cmd {
        &self.command
    }

    /// The same with the script's text in the place of its digest, for a server that does not know it yet.
    pub(crate) fn with_text(&self) -> Self {
        let Some(script) = self.script else { return self.clone() };
        let mut command = redis::cmd("EVAL");
        command.arg(&script.compiled().text);
        for argument in self.command.args_iter().skip(2) {
            if let redis::Arg::Simple(bytes) = argument {
                command.arg(bytes);
            }
        }
        Self { command, script: None }
    }

    /// Whether it is a script that is known by its digest.
    pub(crate) const fn is_script(&self) -> bool {
        self.script.is_some()
    }
}

/// A new id of a call, for a memoized script.
pub(crate) fn call_id() -> String {
    Uuid::now_v7().simple().to_string()
}

//! Change notices as messages: what a script publishes, and what a node makes of it. Nothing is sent or heard here.

use crate::names::Names;
use domain::AccountId;
use std::sync::Arc;
use store::{AffinityKey, Events, Family, Notice, events::LocalEvents};
use uuid::Uuid;

/// Between the parts of a message; no id and no family has it.
const SEPARATOR: char = '|';

/// The node's voice: its scripts publish under its name, and its own parts hear of it at once.
#[derive(Clone)]
pub(crate) struct Announcer {
    local: LocalEvents,
    origin: Arc<str>,
    channel: Arc<str>,
}

/// What a message says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// Another node changed something.
    Notice(Notice),
    /// This node's own beat.
    OwnBeat,
    /// This node's own notice, which it knows; or what a later version says.
    Nothing,
}

impl Announcer {
    pub(crate) fn new(local: LocalEvents, names: &Names) -> Self {
        Self { local, origin: Uuid::now_v7().simple().to_string().into(), channel: names.notices().into() }
    }

    /// The channel that scripts publish on.
    pub(crate) fn channel(&self) -> &str {
        &self.channel
    }

    /// The message that a script publishes once its change has taken effect.
    pub(crate) fn message(&self, notice: &Notice) -> String {
        match notice {
            Notice::Record { family, id } => [&*self.origin, "record", family.name(), id].join("|"),
            Notice::Health { account } => [&*self.origin, "health", account.as_str()].join("|"),
            Notice::Affinity { session } => {
                let session = session.as_ref().map_or("", AffinityKey::as_str);
                [&*self.origin, "affinity", session].join("|")
            }
        }
    }

    /// The message that only says that this node hears itself.
    pub(crate) fn beat(&self) -> String {
        [&*self.origin, "beat"].join("|")
    }

    /// Tells this node's own parts of a change that has taken effect, or may have: the script has told the others.
    pub(crate) fn tell_own(&self, notice: Notice) {
        self.local.publish(notice);
    }

    /// What a message says to this node.
    pub(crate) fn read(&self, message: &str) -> Heard {
        let parts: Vec<_> = message.split(SEPARATOR).collect();
        match parts[..] {
            [origin, "beat"] if origin == &*self.origin => Heard::OwnBeat,
            [origin, ..] if origin == &*self.origin => Heard::Nothing,
            [_, "record", family, id] => Family::parse(family)
                .map_or(Heard::Nothing, |family| Heard::Notice(Notice::Record { family, id: id.into() })),
            [_, "health", account] => {
                AccountId::parse(account).map_or(Heard::Nothing, |account| Heard::Notice(Notice::Health { account }))
            }
            [_, "affinity", ""] => Heard::Notice(Notice::Affinity { session: None }),
            [_, "affinity", session] => AffinityKey::parse(session)
                .map_or(Heard::Nothing, |session| Heard::Notice(Notice::Affinity { session: Some(session) })),
            _ => Heard::Nothing,
        }
    }

    /// Where this node's parts hear.
    pub(crate) fn local(&self) -> &LocalEvents {
        &self.local
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node() -> Announcer {
        Announcer::new(LocalEvents::default(), &Names::new(""))
    }

    #[test]
    fn other_nodes_understand_what_one_says_and_itself_passes_over_it() {
        let (one, other) = (node(), node());
        let notices = [
            Notice::Record { family: Family::ApiKey, id: "k1".into() },
            Notice::Health { account: AccountId::parse("a-1").expect("an id") },
            Notice::Affinity { session: AffinityKey::parse(&"a".repeat(64)) },
            Notice::Affinity { session: None },
        ];
        for notice in notices {
            let message = one.message(&notice);
            assert_eq!(other.read(&message), Heard::Notice(notice));
            assert_eq!(one.read(&message), Heard::Nothing);
        }
        assert_eq!((one.read(&one.beat()), other.read(&one.beat())), (Heard::OwnBeat, Heard::Nothing));
    }

    #[test]
    fn what_a_later_version_says_is_passed_over() {
        for message in
            ["", "x", "x|quota|k1", "x|record|no_family|k1", "x|record|api_key", "x|health|a b", "x|affinity|a"]
        {
            assert_eq!(node().read(message), Heard::Nothing, "{message:?}");
        }
    }
}

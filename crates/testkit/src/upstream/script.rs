//! Decides what the upstream does with each request: a table in the test's hand. No I/O here.

use crate::upstream::{reply::Reply, request::Received, routes::Route};
use parking_lot::Mutex;
use std::{
    collections::{HashMap, VecDeque},
    fmt,
    sync::Arc,
};

/// The request header that names a reply of the script; the relay forwards it like any other.
pub const SCRIPT_HEADER: &str = "x-test-script";

type Choice = dyn Fn(&Received) -> Option<Reply> + Send + Sync;

/// What the upstream does with each request. Asked in this order, the first that has an answer decides:
///
/// 1. the header `x-test-script`, which names a reply ([`named`](Self::named)); an unknown name is a 404,
/// 2. the test's function ([`by`](Self::by)), for every call of the API,
/// 3. the queue ([`then`](Self::then)), one reply a Messages call,
/// 4. the model of a Messages call ([`for_model`](Self::for_model)),
/// 5. for every further Messages call the last word ([`otherwise`](Self::otherwise)): unless set, a greeting.
#[derive(Clone, Default)]
pub struct Script(Arc<Mutex<Parts>>);

#[derive(Default)]
struct Parts {
    named: HashMap<String, Reply>,
    choice: Option<Arc<Choice>>,
    queue: VecDeque<Reply>,
    by_model: HashMap<String, Reply>,
    otherwise: Option<Reply>,
}

impl Script {
    /// A script that always says this.
    #[must_use]
    pub fn always(reply: Reply) -> Self {
        Self::default().otherwise(reply)
    }

    /// Gives a reply a name that requests can ask for.
    #[must_use]
    pub fn named(self, name: &str, reply: Reply) -> Self {
        self.0.lock().named.insert(name.to_owned(), reply);
        self
    }

    /// Asks a function; it must not block.
    #[must_use]
    pub fn by(self, choice: impl Fn(&Received) -> Option<Reply> + Send + Sync + 'static) -> Self {
        self.0.lock().choice = Some(Arc::new(choice));
        self
    }

    /// Adds a reply to the queue.
    #[must_use]
    pub fn then(self, reply: Reply) -> Self {
        self.push(reply);
        self
    }

    /// Sets the reply for a model.
    #[must_use]
    pub fn for_model(self, model: &str, reply: Reply) -> Self {
        self.0.lock().by_model.insert(model.to_owned(), reply);
        self
    }

    /// Sets the reply for all else.
    #[must_use]
    pub fn otherwise(self, reply: Reply) -> Self {
        self.set_otherwise(reply);
        self
    }

    /// Adds a reply to the queue of a running upstream.
    pub fn push(&self, reply: Reply) {
        self.0.lock().queue.push_back(reply);
    }

    /// Sets the reply for all else on a running upstream.
    pub fn set_otherwise(&self, reply: Reply) {
        self.0.lock().otherwise = Some(reply);
    }

    pub(crate) fn reply_to(&self, request: &Received, route: Route) -> Reply {
        let choice = {
            let parts = self.0.lock();
            if let Some(name) = request.header(SCRIPT_HEADER) {
                return parts.named.get(name).cloned().unwrap_or_else(|| Reply::status(404));
            }
            parts.choice.clone()
        };
        if let Some(reply) = choice.and_then(|choose| choose(request)) {
            return reply;
        }
        if route != Route::Messages {
            return route.plain_reply(request);
        }
        let mut parts = self.0.lock();
        let queued = parts.queue.pop_front();
        let by_model = || request.model.as_ref().and_then(|model| parts.by_model.get(model)).cloned();
        queued.or_else(by_model).or_else(|| parts.otherwise.clone()).unwrap_or_else(|| route.plain_reply(request))
    }
}

impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Script").field("queued", &self.0.lock().queue.len()).finish_non_exhaustive()
    }
}

//! A provider on loopback that follows a script: it plays the Anthropic Messages API as documented, and every fault.
//!
//! Raw TCP, not a server library: a fault may begin at any byte, and a library would hide it. What is sent when all is
//! well follows <https://platform.claude.com/docs/en/build-with-claude/streaming> (events and their order),
//! `…/docs/en/api/errors` (statuses, types, shape, `request-id`) and `…/docs/en/api/rate-limits` (headers).
//!
//! ```no_run
//! # use testkit::{Answer, ErrorKind, Reply, Script, ScriptedUpstream};
//! # async fn example() -> std::io::Result<()> {
//! let script = Script::default().then(Reply::error(ErrorKind::Overloaded)).then(Reply::message(Answer::text("hi")));
//! let upstream = ScriptedUpstream::start(script).await?;
//! // … the relay is sent two requests by way of `upstream.base_url()` …
//! upstream.settled(2).await;
//! assert_eq!(upstream.books().billed().total(), Answer::text("hi").usage().total());
//! # Ok(()) }
//! ```

mod answer;
mod books;
mod delivery;
mod expect;
mod fault;
mod reply;
mod request;
mod routes;
mod script;
mod server;
mod socket;

pub use answer::{Answer, Block, FailAt};
pub use books::{Books, Delivery, Exchange};
pub use expect::{Credential, Expect};
pub use fault::ErrorKind;
pub use reply::{Framing, Gate, LineEnd, Reply, Split, Then, Wait};
pub use request::Received;
pub use routes::COUNTED_TOKENS;
pub use script::{SCRIPT_HEADER, Script};
pub use server::{ScriptedUpstream, refused_base_url};
pub use socket::{Said, ScriptedSocket, SocketReply, spoken_call, spoken_stream, spoken_text};

//! The real client programs once more, with the records on one Redis server. What SDKs make of refusals, breaks and retries is the
//! same whichever store there is, and stands in the program for a Cluster.
#![expect(clippy::unwrap_used, reason = "a test stops where it fails, and these functions are parts of tests")]

#[path = "../clients/claude_code.rs"]
mod claude_code;
#[path = "../corridor_redis/engine.rs"]
mod engine;
#[path = "../clients/foreign_mock.rs"]
mod foreign_mock;
#[path = "../clients/programs.rs"]
mod programs;
#[path = "../clients/sdk.rs"]
#[expect(dead_code, reason = "refusals and retries are asked for in the other programs")]
mod sdk;
#[path = "../clients/sdk_answers.rs"]
mod sdk_answers;
#[path = "../clients/stage.rs"]
mod stage;
#[path = "../clients/strangers.rs"]
mod strangers;

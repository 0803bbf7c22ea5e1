//! A stage whose account is of any platform, and what its books must say.

use crate::stage::{Stage, forgiving, tokens};
use domain::TokenUsage;
use serde_json::{Value, json};
use testkit::{Script, ScriptedUpstream, upstream::Expect};

impl Stage {
    /// A [`forgiving`] relay whose one account is this one, of any platform.
    pub(crate) async fn of(account: Value, script: Script) -> Self {
        let upstream = other_upstream(script).await;
        let base_url = upstream.base_url();
        Self::over(forgiving(), upstream, account, &base_url).await
    }

    /// Checks that the ledger has these calls for a message, in their order, and no others that reached an upstream: all completed by an
    /// account of `platform`, for the model and with the tokens that the upstream said; and that the totals are their sums.
    pub(crate) async fn assert_recorded(&self, platform: &str, told: &[(&str, TokenUsage)]) {
        let records = self.message_records().await;
        for record in &records {
            let seen = (&record["platform"], &record["outcome"], &record["usage_source"]);
            assert_eq!(seen, (&json!(platform), &json!("completed"), &json!("reported")), "{record}");
        }
        let model = |record: &Value| record["model"].as_str().unwrap().to_owned();
        let seen: Vec<_> = records.iter().map(|record| (model(record), tokens(&record["usage"]))).collect();
        assert_eq!(seen, told.iter().map(|(model, usage)| ((*model).to_owned(), *usage)).collect::<Vec<_>>());
        self.assert_total(&records, told.iter().map(|(_, usage)| *usage).sum()).await;
    }
}

/// An upstream of another kind than Anthropic's, which is held to nothing but its script.
pub(crate) async fn other_upstream(script: Script) -> ScriptedUpstream {
    ScriptedUpstream::start_expecting(script, Expect::nothing()).await.unwrap()
}

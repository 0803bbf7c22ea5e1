//! Refreshing in the background: accounts that nobody asks for are kept usable too, and what a crash has cut off is taken up again.

use crate::{
    credentials::Credentials,
    error::CredentialError,
    known::{Freshness, Known, Subject},
    refresh::Why,
};
use domain::Account;
use std::{sync::Arc, time::Duration};
use store::{
    Family,
    records::{PageQuery, Versioned},
};
use tokio::{
    task::JoinSet,
    time::{MissedTickBehavior, interval},
};

/// How often accounts are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(30);

/// Refreshes at once: the others wait, so that a thousand accounts are no storm.
const AT_ONCE_MAX: usize = 4;

/// The families whose accounts may sign in by OAuth.
const FAMILIES: [Family; 4] =
    [Family::ClaudeAccount, Family::GeminiAccount, Family::OpenAiAccount, Family::DroidAccount];

impl Credentials {
    /// Looks at all accounts again and again, and refreshes what is due. Works for ever. Cancel-safe: refreshes go on.
    ///
    /// Each node does it; the account's lock lets one of them make the call, and the others find the new token.
    pub async fn keep_fresh(self) {
        let mut ticks = interval(LOOK_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            match self.refresh_due().await {
                Ok(0) => {}
                Ok(begun) => tracing::debug!(begun, "tokens were due to be refreshed"),
                Err(error) => tracing::warn!(error = %error, "accounts could not be looked at for tokens that end"),
            }
        }
    }

    /// Looks at all accounts once; says for how many a refresh was begun, and waits for these.
    ///
    /// # Errors
    ///
    /// When the store cannot be read. What a refresh fails of is told by itself.
    pub async fn refresh_due(&self) -> Result<usize, CredentialError> {
        let (mut begun, mut under_way) = (0, JoinSet::new());
        for family in FAMILIES {
            let mut query = PageQuery::whole(family);
            loop {
                let page = self.0.store.records.page(&query).await?;
                for row in &page.rows {
                    let Some(subject) = self.due(family, row) else { continue };
                    let Ok(flight) = self.begin(&subject, Why::Due) else { continue };
                    begun += 1;
                    under_way.spawn(async move { flight.end(&subject).await.is_ok() });
                    if under_way.len() >= AT_ONCE_MAX {
                        under_way.join_next().await;
                    }
                }
                query.after = page.next;
                if query.after.is_none() {
                    break;
                }
            }
        }
        while under_way.join_next().await.is_some() {}
        Ok(begun)
    }

    /// The account of a row, if its token should be refreshed now.
    fn due(&self, family: Family, row: &store::records::Row) -> Option<Subject> {
        let account = Versioned::<Account>::read(family, row).ok()?.record;
        account.settings.oauth()?;
        let known: Arc<Known> = self.latest(&account).ok()?;
        let can_refresh = known.sign_in_needed.is_none() && known.refresh_token.is_some();
        let is_due = known.freshness(self.0.clock.now()) != Freshness::Good || known.refresh_begun_at.is_some();
        let is_owed = self.0.desk.with(&account.id, |entry| entry.debt.is_some());
        (can_refresh && is_due || is_owed).then(|| known.subject.clone())
    }
}

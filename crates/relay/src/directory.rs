//! The accounts at hand: each with its opened destination, its cooldowns and its last use. Read without a lock on any request's path.

use arc_swap::ArcSwap;
use domain::{Account, AccountId, AccountSettings, Cooldown, Timestamp};
use parking_lot::RwLock;
use scheduling::{Candidate, Choice, Demand, NoChoice};
use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};
use store::{
    Record, Store, StoreError,
    keyspace::Family,
    records::{Direction, PAGE_MAX, PageQuery, Versioned},
};
use upstream::Destination;
use vault::{Keyring, Place};

/// An account that requests can be sent to.
#[derive(Debug)]
pub(crate) struct Seat {
    /// The account.
    pub(crate) account: Account,
    /// Where its calls go, with the credential.
    pub(crate) destination: Destination,
    standing: Arc<Standing>,
}

/// What changes at an account in use. Outlives a change of its record.
#[derive(Debug, Default)]
struct Standing {
    cooldowns: RwLock<Vec<Cooldown>>,
    last_used: AtomicU64,
}

/// All seats.
pub(crate) struct Directory {
    store: Store,
    keyring: Arc<Keyring>,
    seats: ArcSwap<Vec<Arc<Seat>>>,
    uses: AtomicU64,
}

impl Directory {
    pub(crate) fn new(store: Store, keyring: Arc<Keyring>) -> Self {
        Self { store, keyring, seats: ArcSwap::default(), uses: AtomicU64::new(0) }
    }

    /// Chooses a seat and marks its use, so that the next request sees it.
    pub(crate) fn choose(&self, demand: &Demand<'_>, now: Timestamp) -> Result<(Arc<Seat>, Choice), NoChoice> {
        let seats = self.seats.load();
        let cooldowns: Vec<_> = seats.iter().map(|seat| seat.standing.cooldowns.read()).collect();
        let candidates = seats.iter().zip(&cooldowns).map(|(seat, cooldowns)| Candidate {
            account: &seat.account,
            cooldowns,
            last_used: seat.standing.last_used.load(Ordering::Relaxed),
        });
        let choice = scheduling::choose(candidates, demand, now)?;
        let seat = Arc::clone(&seats[choice.index]);
        seat.standing.last_used.store(self.uses.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
        Ok((seat, choice))
    }

    /// Reads every account and cooldown again. Seats of accounts that stay keep their standing.
    pub(crate) async fn reload(&self, now: Timestamp) -> Result<(), StoreError> {
        let mut accounts = Vec::new();
        for &family in Account::FAMILIES {
            self.read_family(family, &mut accounts).await?;
        }
        let cooldowns = self.store.health.all(now).await?;
        let before: HashMap<_, _> =
            self.seats.load().iter().map(|seat| (seat.account.id.clone(), Arc::clone(seat))).collect();
        let seats: Vec<_> = accounts.into_iter().filter_map(|account| self.seat(account, &before)).collect();
        for seat in &seats {
            let own = cooldowns.iter().filter(|(id, _)| *id == seat.account.id).map(|(_, cooldown)| cooldown.clone());
            *seat.standing.cooldowns.write() = own.collect();
        }
        self.seats.store(Arc::new(seats));
        Ok(())
    }

    /// Reads the cooldowns of one account again.
    pub(crate) async fn refresh_health(&self, id: &AccountId, now: Timestamp) -> Result<(), StoreError> {
        let cooldowns = self.store.health.of(id, now).await?;
        if let Some(seat) = self.seats.load().iter().find(|seat| seat.account.id == *id) {
            *seat.standing.cooldowns.write() = cooldowns;
        }
        Ok(())
    }

    /// How many accounts there are.
    pub(crate) fn len(&self) -> usize {
        self.seats.load().len()
    }

    /// Accounts that cool down at `now`.
    pub(crate) fn cooling(&self, now: Timestamp) -> usize {
        let is_cooling = |seat: &&Arc<Seat>| seat.standing.cooldowns.read().iter().any(|cooldown| now < cooldown.until);
        self.seats.load().iter().filter(is_cooling).count()
    }

    async fn read_family(&self, family: Family, accounts: &mut Vec<Account>) -> Result<(), StoreError> {
        let mut query = PageQuery {
            family,
            filters: Vec::new(),
            search: None,
            order: "created_at",
            direction: Direction::Ascending,
            after: None,
            limit: PAGE_MAX,
        };
        loop {
            let page = self.store.records.page(&query).await?;
            for row in &page.rows {
                match Versioned::read(family, row) {
                    Ok(found) => accounts.push(found.record),
                    Err(error) => tracing::error!(account.id = row.id, error = %error, "an account is passed over"),
                }
            }
            query.after = page.next;
            if query.after.is_none() {
                return Ok(());
            }
        }
    }

    /// A seat for `account`; none, and a log line, when its credential does not open.
    fn seat(&self, account: Account, before: &HashMap<AccountId, Arc<Seat>>) -> Option<Arc<Seat>> {
        let known = before.get(&account.id);
        if let Some(seat) = known.filter(|seat| seat.account == account) {
            return Some(Arc::clone(seat));
        }
        let standing = known.map(|seat| Arc::clone(&seat.standing)).unwrap_or_default();
        match self.destination(&account) {
            Ok(destination) => Some(Arc::new(Seat { account, destination, standing })),
            Err(reason) => {
                tracing::error!(account.id = %account.id, reason, "an account cannot be used until its settings are mended");
                None
            }
        }
    }

    fn destination(&self, account: &Account) -> Result<Destination, String> {
        let (AccountSettings::ClaudeConsole(endpoint) | AccountSettings::Ccr(endpoint)) = &account.settings;
        let place = Place { family: account.family().name(), id: account.id.as_str(), field: "api_key" };
        let api_key = self.keyring.open(place, &endpoint.api_key).map_err(|error| error.to_string())?;
        Destination::new(endpoint, &api_key).map_err(|error| error.to_string())
    }
}

impl Seat {
    /// Notes a cooldown at once, as the store will keep it; what other nodes hear is the store's business.
    pub(crate) fn cool_down(&self, cooldown: &Cooldown) {
        let mut cooldowns = self.standing.cooldowns.write();
        match cooldowns.iter_mut().find(|held| held.scope == cooldown.scope) {
            Some(held) if held.outweighs(cooldown) => {}
            Some(held) => *held = cooldown.clone(),
            None => cooldowns.push(cooldown.clone()),
        }
    }

    /// Ends the doubts about an account that has just served; says whether there were any.
    pub(crate) fn end_doubts(&self) -> bool {
        if self.standing.cooldowns.read().is_empty() {
            return false;
        }
        let mut cooldowns = self.standing.cooldowns.write();
        let before = cooldowns.len();
        cooldowns.retain(|cooldown| scheduling::eligibility::excludes(cooldown.cause));
        cooldowns.len() < before
    }
}

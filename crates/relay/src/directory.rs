//! The accounts at hand: each with its opened destination, its cooldowns and its last use. One choice at a time looks at their order, and at the first
//! of it that may serve; nothing is waited for.

use crate::standing::Standing as AccountStanding;
use arc_swap::ArcSwap;
use domain::{Account, AccountId, Platform, Sealed, Timestamp};
use parking_lot::Mutex;
use scheduling::{
    Bound, Demand, Ineligible, Judged, Known, Lineup, Look, Member, NoChoice, TurnClock, eligibility,
    eligibility::Standing, rests_until,
};
use std::{
    collections::{BTreeSet, HashMap},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};
use store::{
    Record, Store, StoreError,
    keyspace::Family,
    records::{PageQuery, Versioned},
};
use upstream::{Client, Destination, Line};
use vault::{Keyring, Place};

/// An account that requests can be sent to.
#[derive(Debug)]
pub(crate) struct Seat {
    /// The account.
    pub(crate) account: Account,
    /// Where its calls go, with the credential.
    pub(crate) destination: Destination,
    /// The way that they take.
    pub(crate) line: Line,
    pub(crate) standing: Arc<AccountStanding>,
}

/// Whether a session may stay with its account.
pub(crate) enum Stay {
    /// It may: this is its seat, marked as used.
    Stays(Arc<Seat>),
    /// This request has to go elsewhere; the session as a whole may stay.
    Elsewhere,
    /// It has to leave: why, for people.
    Leaves(String),
}

impl Seat {
    /// Asks something about the account as it stands.
    fn known<R>(&self, ask: impl FnOnce(Known<'_>) -> R) -> R {
        let (cooldowns, windows) = (self.standing.cooldowns(), self.standing.windows());
        ask(Known { account: &self.account, cooldowns: &cooldowns, windows: &windows })
    }
}

/// All seats.
pub(crate) struct Directory {
    store: Store,
    keyring: Arc<Keyring>,
    client: Client,
    hall: ArcSwap<Hall>,
    turns: TurnClock,
    /// Grows when an account's state may have become better.
    stirs: Arc<AtomicU64>,
}

/// The seats of one reading, and their order.
#[derive(Default)]
struct Hall {
    seats: Vec<Arc<Seat>>,
    places: HashMap<AccountId, usize>,
    /// The models that mappings name, in small letters, with the platforms of those accounts.
    mapped: HashMap<String, Vec<Platform>>,
    /// Held for one choice, so that two at once do not go by the same last use.
    line: Mutex<Queue>,
}

#[derive(Default)]
struct Queue {
    lineup: Lineup,
    /// How often states had become better when it was last looked at.
    stirs: u64,
}

impl Hall {
    fn new(seats: Vec<Arc<Seat>>) -> Self {
        let members = seats.iter().map(|seat| Member {
            platform: seat.account.platform(),
            priority: seat.account.priority,
            turn: seat.standing.turn(),
        });
        let line = Mutex::new(Queue { lineup: Lineup::new(members), stirs: 0 });
        let places = seats.iter().enumerate().map(|(place, seat)| (seat.account.id.clone(), place)).collect();
        let mut mapped: HashMap<_, Vec<_>> = HashMap::new();
        for account in seats.iter().map(|seat| &seat.account) {
            for model in account.models.entries().keys() {
                mapped.entry(model.to_ascii_lowercase()).or_default().push(account.platform());
            }
        }
        Self { seats, places, mapped, line }
    }

    fn seat(&self, id: &AccountId) -> Option<&Arc<Seat>> {
        self.places.get(id).map(|place| &self.seats[*place])
    }

    /// The place of the first that is sound, without a look at those behind it.
    fn first(&self, lineup: &mut Lineup, demand: &Demand<'_>, now: Timestamp) -> Option<usize> {
        lineup.first(demand.platforms, now, |place| {
            self.seats[place].known(|known| match eligibility(known, demand, now) {
                Ok(Standing::Sound) => Look::Fit,
                _ => rests_until(known, now).map_or(Look::Unfit, Look::Rests),
            })
        })
    }

    /// The best of `places`, by a look at each.
    fn best(
        &self,
        places: impl Iterator<Item = usize> + Clone,
        demand: &Demand<'_>,
        now: Timestamp,
    ) -> Result<(usize, Standing), NoChoice> {
        let judged = places.clone().map(|place| {
            let seat = &self.seats[place];
            Judged {
                verdict: seat.known(|known| eligibility(known, demand, now)),
                priority: seat.account.priority,
                turn: seat.standing.turn(),
            }
        });
        let choice = scheduling::choose(judged, demand.bound)?;
        let place = places.into_iter().nth(choice.index);
        place.map(|place| (place, choice.standing)).ok_or_else(NoChoice::default)
    }
}

impl Directory {
    pub(crate) fn new(store: Store, keyring: Arc<Keyring>, client: Client) -> Self {
        let (hall, turns, stirs) = (ArcSwap::default(), TurnClock::default(), Arc::default());
        Self { store, keyring, client, hall, turns, stirs }
    }

    /// Chooses a seat and marks its use, so that the next request sees it.
    pub(crate) fn choose(&self, demand: &Demand<'_>, now: Timestamp) -> Result<(Arc<Seat>, Standing), NoChoice> {
        let hall = self.hall.load();
        let mut line = hall.line.lock();
        let (place, standing) = match demand.bound {
            Bound::Free => {
                let stirs = self.stirs.load(Ordering::Acquire);
                if std::mem::replace(&mut line.stirs, stirs) != stirs {
                    line.lineup.wake_all();
                }
                match hall.first(&mut line.lineup, demand, now) {
                    Some(place) => (place, Standing::Sound),
                    None => hall.best(0..hall.seats.len(), demand, now)?,
                }
            }
            Bound::Account(id) => hall.best(hall.places.get(id).copied().into_iter(), demand, now)?,
            Bound::Group(members) => {
                hall.best(members.iter().filter_map(|id| hall.places.get(id).copied()), demand, now)?
            }
        };
        let seat = &hall.seats[place];
        let next = self.turns.chosen(seat.standing.turn(), seat.account.weight);
        seat.standing.take_turn(next);
        line.lineup.used(place, next);
        Ok((Arc::clone(seat), standing))
    }

    /// Whether a session that is with account `id` may stay there for `demand`. An account in doubt is left, too, so that what a
    /// session has cached at its provider is not waited for where it may be lost.
    pub(crate) fn stay(&self, id: &AccountId, demand: &Demand<'_>, now: Timestamp) -> Stay {
        let hall = self.hall.load();
        let Some(place) = hall.places.get(id).copied() else { return Stay::Leaves("gone".to_owned()) };
        let seat = &hall.seats[place];
        // Whether it was tried or has no slot left says something of this request only.
        let lasting = Demand { passed_over: &[], ..*demand };
        match seat.known(|known| eligibility(known, &lasting, now)) {
            Ok(Standing::Sound) if demand.passed_over.contains(id) => Stay::Elsewhere,
            Ok(Standing::Sound) => {
                let mut line = hall.line.lock();
                let next = self.turns.used(seat.standing.turn(), seat.account.weight);
                seat.standing.take_turn(next);
                line.lineup.used(place, next);
                Stay::Stays(Arc::clone(seat))
            }
            Ok(Standing::Doubtful { until }) => Stay::Leaves(format!("in doubt until {until}")),
            Err(Ineligible::OtherPlatform | Ineligible::ModelNotServed) => Stay::Elsewhere,
            Err(reason) => Stay::Leaves(reason.to_string()),
        }
    }

    /// Reads every account and cooldown again. Seats of accounts that stay keep their standing.
    pub(crate) async fn reload(&self, now: Timestamp) -> Result<(), StoreError> {
        let mut accounts = Vec::new();
        for &family in Account::FAMILIES {
            self.read_family(family, &mut accounts).await?;
        }
        let before: HashMap<_, _> =
            self.hall.load().seats.iter().map(|seat| (seat.account.id.clone(), Arc::clone(seat))).collect();
        let seats: Vec<_> = accounts.into_iter().filter_map(|account| self.seat(account, &before)).collect();
        let readings: Vec<_> = seats.iter().map(|seat| seat.standing.begin_reading()).collect();
        let cooldowns = self.store.health.all(now).await?;
        for (seat, reading) in seats.iter().zip(readings) {
            let own = cooldowns.iter().filter(|(id, _)| *id == seat.account.id).map(|(_, cooldown)| cooldown.clone());
            seat.standing.take_over(reading, own.collect());
        }
        self.hall.store(Arc::new(Hall::new(seats)));
        let ids: Vec<_> = self.hall.load().seats.iter().map(|seat| seat.account.id.clone()).collect();
        self.refresh_windows(&ids, now).await
    }

    /// Reads the windows of these accounts again.
    async fn refresh_windows(&self, ids: &[AccountId], now: Timestamp) -> Result<(), StoreError> {
        let windows = self.store.health.windows(ids, now).await?;
        let hall = self.hall.load();
        for (id, window) in &windows {
            if let Some(seat) = hall.seat(id) {
                seat.standing.tell_windows(std::slice::from_ref(window));
            }
        }
        Ok(())
    }

    /// Reads the cooldowns of one account again.
    pub(crate) async fn refresh_health(&self, id: &AccountId, now: Timestamp) -> Result<(), StoreError> {
        let found = self.hall.load().seat(id).map(Arc::clone);
        if let Some(seat) = found {
            let reading = seat.standing.begin_reading();
            seat.standing.take_over(reading, self.store.health.of(id, now).await?);
            self.refresh_windows(std::slice::from_ref(id), now).await?;
        }
        Ok(())
    }

    /// Whether an account of one of `platforms` has a model mapping that names `model`.
    pub(crate) fn names(&self, platforms: &[Platform], model: &str) -> bool {
        let hall = self.hall.load();
        let by = hall.mapped.get(&model.to_ascii_lowercase());
        by.is_some_and(|by| by.iter().any(|platform| platforms.contains(platform)))
    }

    /// Whether there is an account of one of `platforms`, whatever its state.
    pub(crate) fn has_any(&self, platforms: &[Platform]) -> bool {
        self.hall.load().seats.iter().any(|seat| platforms.contains(&seat.account.platform()))
    }

    /// The models that mappings of accounts name, of those accounts that `is_wanted`; each once, in order.
    pub(crate) fn mapped_models(&self, is_wanted: impl Fn(&Account) -> bool) -> BTreeSet<String> {
        let hall = self.hall.load();
        let wanted = hall.seats.iter().map(|seat| &seat.account).filter(|account| is_wanted(account));
        wanted.flat_map(|account| account.models.entries().keys().cloned()).collect()
    }

    /// How many accounts there are.
    pub(crate) fn len(&self) -> usize {
        self.hall.load().seats.len()
    }

    /// Accounts that cool down at `now`.
    pub(crate) fn cooling(&self, now: Timestamp) -> usize {
        self.hall.load().seats.iter().filter(|seat| seat.standing.is_cooling(now)).count()
    }

    async fn read_family(&self, family: Family, accounts: &mut Vec<Account>) -> Result<(), StoreError> {
        let mut query = PageQuery::whole(family);
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
        let standing = known.map(|seat| Arc::clone(&seat.standing));
        let standing = standing.unwrap_or_else(|| Arc::new(AccountStanding::new(Arc::clone(&self.stirs))));
        let former = known.filter(|seat| seat.account.proxy == account.proxy).map(|seat| seat.line.clone());
        let line = former.map_or_else(|| self.line(&account), Ok);
        match line.and_then(|line| Ok((line, self.destination(&account)?))) {
            Ok((line, destination)) => Some(Arc::new(Seat { account, destination, line, standing })),
            Err(reason) => {
                tracing::error!(account.id = %account.id, reason, "an account cannot be used until its settings are mended");
                None
            }
        }
    }

    fn destination(&self, account: &Account) -> Result<Destination, String> {
        let open = |field: &'static str, sealed: &Sealed| {
            let place = Place { family: account.family().name(), id: account.id.as_str(), field };
            self.keyring.open(place, sealed).map_err(|error| error.to_string())
        };
        Destination::new(&account.settings, &open).map_err(|error| error.to_string())
    }

    /// A line of the account's own. What it cannot be made of closes the account: nothing goes beside a proxy.
    fn line(&self, account: &Account) -> Result<Line, String> {
        let proxy = credentials::proxy_of(account, &self.keyring)?;
        Ok(self.client.line(proxy.as_ref()))
    }
}

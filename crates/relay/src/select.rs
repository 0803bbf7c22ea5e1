//! Room 3: an account is chosen, the one that the session is with before any other, and a slot on it taken where it has a ceiling.

use crate::{
    admit::Admission,
    affinity::Known,
    directory::{Seat, Stay},
    relay::Relay,
    serve::{Passage, platforms},
    settings::WhenOut,
};
use domain::{AccountId, Platform};
use protocol::Operation;
use scheduling::{Bound, Demand, NoChoice, eligibility::Standing, model_family};
use std::{
    num::NonZeroU32,
    sync::{Arc, Weak},
    time::Duration,
};
use store::{Acquired, AffinityKey, LeaseId, LeaseSubject, Leases, error::StoreFailure};

/// How long a slot is held without renewal; longer than two renewals, so that one missed renewal loses nothing.
pub(crate) const LEASE_TTL: Duration = Duration::from_secs(90);

/// How often held slots are renewed.
pub(crate) const LEASE_RENEWAL: Duration = Duration::from_secs(30);

/// How often a choice is made anew because the session turned out to be elsewhere: once for the store, once for a request that was
/// faster, and once for chance.
const RECONSIDERED_MAX: usize = 3;

/// The platform that a model's name may ask for, `ccr,model`.
const CCR_PREFIX: &str = "ccr,";

/// An account, held for one attempt.
pub(crate) struct Assignment {
    /// The account.
    pub(crate) seat: Arc<Seat>,
    /// Its slot, if it has a ceiling.
    pub(crate) lease: Option<Arc<Lease>>,
    /// Why this one, for people.
    pub(crate) note: Arc<str>,
    /// The session that is with it, once it has answered.
    pub(crate) session: Option<AffinityKey>,
}

/// A slot on an account; its drop gives it back.
pub(crate) struct Lease {
    leases: Arc<dyn Leases>,
    pub(crate) subject: LeaseSubject,
    pub(crate) id: LeaseId,
}

/// The model without the platform that its name may ask for; and whether it asks for one.
pub(crate) fn wanted(model: &str) -> (bool, &str) {
    let is_ccr = model.get(..CCR_PREFIX.len()).is_some_and(|prefix| prefix.eq_ignore_ascii_case(CCR_PREFIX));
    if is_ccr { (true, &model[CCR_PREFIX.len()..]) } else { (false, model) }
}

/// Where a request's session is.
struct Place {
    session: AffinityKey,
    with: Option<AccountId>,
    /// Whether the store was asked, or need not be.
    is_sure: bool,
}

/// What a session has to do with a choice.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Tie {
    /// There is none.
    NoSession,
    /// It stays where it is, which cannot take this request.
    Elsewhere,
    /// It begins here.
    Begins,
    /// It was here before.
    Stays,
    /// It had to leave its account: why.
    Moves(String),
}

/// A chosen account.
struct Pick {
    seat: Arc<Seat>,
    tie: Tie,
    note: String,
}

/// What came of asking for a slot.
enum Slot {
    /// There is one, or none is needed.
    Taken(Option<Arc<Lease>>),
    /// All are held.
    Busy,
}

impl Relay {
    /// Chooses an account that was not tried. Cancel-safe: a slot that was taken meanwhile comes back.
    ///
    /// # Errors
    ///
    /// When none can serve: why, account by account.
    pub(crate) async fn select(&self, admission: &Admission, tried: &[AccountId]) -> Result<Assignment, NoChoice> {
        let inbound = &admission.inbound;
        let (asks_for_ccr, model) = match &inbound.scan {
            Some(scan) => {
                let (asks_for_ccr, model) = wanted(&scan.model);
                (asks_for_ccr && inbound.call.operation == Operation::Messages, Some(model))
            }
            None => (false, None),
        };
        let platforms =
            if asks_for_ccr { &[Platform::Ccr] } else { platforms(inbound.service, inbound.call.operation) };
        // Who is in the group is asked at each choice: who left it meanwhile serves no further attempt.
        let members = self.groups.members();
        let bound = members.bound(inbound.key.bindings.get(&inbound.service));
        let mut place = self.affinities.session(inbound).map(|session| self.place(session));
        let (mut passed_over, mut round) = (tried.to_vec(), 0);
        loop {
            let demand =
                Demand { platforms, model, family: model.and_then(model_family), bound, passed_over: &passed_over };
            let Pick { seat, tie, note } = self.pick_or_fall_back(&demand, place.as_ref())?;
            if Passage::to(&seat.destination, inbound.call.operation).is_none() {
                passed_over.push(seat.account.id.clone());
                continue;
            }
            round += 1;
            let id = LeaseId(format!("{}.{}.{round}", inbound.id, tried.len() + 1).into());
            // Both are waited for at once.
            let (slot, ()) = tokio::join!(self.slot(&seat, id), self.make_sure(place.as_mut()));
            match slot {
                Slot::Busy => passed_over.push(seat.account.id.clone()),
                Slot::Taken(lease) => {
                    let is_agreed = place.as_mut().is_some_and(|place| self.agree(place, &tie, &seat.account.id));
                    if is_agreed || place.is_none() || tie == Tie::Elsewhere || round > RECONSIDERED_MAX {
                        let session = place.filter(|_| is_agreed).map(|place| place.session);
                        return Ok(Assignment { seat, lease, note: note.into(), session });
                    }
                }
            }
        }
    }

    fn place(&self, session: AffinityKey) -> Place {
        match self.affinities.known(&session, self.clock.now()) {
            Known::With(account) => Place { session, with: Some(account), is_sure: true },
            Known::Unsure => Place { session, with: None, is_sure: false },
        }
    }

    /// Asks the store where the session is, unless that is known.
    async fn make_sure(&self, place: Option<&mut Place>) {
        if let Some(place) = place.filter(|place| !place.is_sure) {
            place.with = self.affinities.ask(&place.session, self.clock.now()).await;
            place.is_sure = true;
        }
    }

    /// Makes the session one of `account`, which was picked with this tie; says whether it is. It is not where the session turned
    /// out to be with another account, which may be the better choice: the store said so, or another request was faster.
    fn agree(&self, place: &mut Place, tie: &Tie, account: &AccountId) -> bool {
        let is_elsewhere = |with: &AccountId| *tie == Tie::Begins && with != account;
        if *tie == Tie::Elsewhere || place.with.as_ref().is_some_and(is_elsewhere) {
            return false;
        }
        let with = self.affinities.bind(&place.session, place.with.as_ref(), account, self.clock.now());
        let is_agreed = with == *account;
        place.with = Some(with);
        is_agreed
    }

    /// Picks among what the key is bound to; where that is out and the operator lets keys fall back, among all.
    fn pick_or_fall_back(&self, demand: &Demand<'_>, place: Option<&Place>) -> Result<Pick, NoChoice> {
        let own = self.pick(demand, place);
        match own {
            Err(out) if demand.bound != Bound::Free && self.settings.when_bound_is_out == WhenOut::FallBack => {
                let pick = self.pick(&Demand { bound: Bound::Free, ..*demand }, place)?;
                Ok(Pick { note: format!("{}; fallen back: {out}", pick.note), ..pick })
            }
            own => own,
        }
    }

    /// The session's account if it may stay there, else the first in the order.
    fn pick(&self, demand: &Demand<'_>, place: Option<&Place>) -> Result<Pick, NoChoice> {
        let now = self.clock.now();
        let stay = place.and_then(|place| place.with.as_ref()).map(|with| self.accounts.stay(with, demand, now));
        let tie = match stay {
            Some(Stay::Stays(seat)) => {
                let note = note(None, &Tie::Stays, demand.bound);
                return Ok(Pick { seat, tie: Tie::Stays, note });
            }
            Some(Stay::Elsewhere) => Tie::Elsewhere,
            Some(Stay::Leaves(why)) => Tie::Moves(why),
            None if place.is_some() => Tie::Begins,
            None => Tie::NoSession,
        };
        let (seat, standing) = self.accounts.choose(demand, now)?;
        let note = note(Some(standing), &tie, demand.bound);
        Ok(Pick { seat, tie, note })
    }

    async fn slot(&self, seat: &Seat, id: LeaseId) -> Slot {
        let Some(ceiling) = seat.account.concurrency_max else { return Slot::Taken(None) };
        self.lease(seat, ceiling, id).await.map_or(Slot::Busy, |lease| Slot::Taken(Some(lease)))
    }

    async fn lease(&self, seat: &Seat, ceiling: NonZeroU32, id: LeaseId) -> Option<Arc<Lease>> {
        let subject = LeaseSubject::Account(seat.account.id.clone());
        let leases = Arc::clone(&self.store.leases);
        match leases.acquire(&subject, &id, ceiling, LEASE_TTL, self.clock.now()).await {
            Ok(Acquired::Granted) => {
                let lease = Arc::new(Lease { leases, subject, id });
                self.held.watch(&lease);
                Some(lease)
            }
            Ok(Acquired::Full { .. }) => None,
            // While the store is away this node keeps the ceiling by itself: other nodes' slots are not counted.
            Err(error) if error.kind == StoreFailure::Unavailable && self.held.count(&subject) < ceiling.get() => {
                tracing::debug!(account.id = %seat.account.id, error = %error, "a slot is counted on this node alone");
                let lease = Arc::new(Lease { leases, subject, id });
                self.held.watch(&lease);
                Some(lease)
            }
            Err(error) => {
                tracing::debug!(account.id = %seat.account.id, error = %error, "a slot could not be taken");
                // It may have been taken all the same.
                leases.release(&subject, &id);
                None
            }
        }
    }
}

/// Why this account, for people.
fn note(standing: Option<Standing>, tie: &Tie, bound: Bound<'_>) -> String {
    let how = match standing {
        None => "its session was there before",
        Some(Standing::Sound) => "first by priority, then by weight and least recent use",
        Some(Standing::Doubtful { .. }) => "least doubtful: none is sound",
    };
    let among = match bound {
        Bound::Free => how.to_owned(),
        Bound::Account(_) => "the key is bound to it".to_owned(),
        Bound::Group(_) => format!("{how}, in the key's group"),
    };
    match tie {
        Tie::NoSession | Tie::Begins | Tie::Stays => among,
        Tie::Elsewhere => format!("{among}; its session's account could not take this request"),
        Tie::Moves(why) => format!("{among}; its session left an account: {why}"),
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.leases.release(&self.subject, &self.id);
    }
}

/// The slots that are held by this node, for their renewal.
#[derive(Default)]
pub(crate) struct HeldLeases(parking_lot::Mutex<Vec<Weak<Lease>>>);

impl HeldLeases {
    fn watch(&self, lease: &Arc<Lease>) {
        self.0.lock().push(Arc::downgrade(lease));
    }

    /// How many of `subject` are held.
    fn count(&self, subject: &LeaseSubject) -> u32 {
        let held = self.0.lock();
        let own = held.iter().filter_map(Weak::upgrade).filter(|lease| lease.subject == *subject).count();
        u32::try_from(own).unwrap_or(u32::MAX)
    }

    /// Those that are still held; forgets the others.
    pub(crate) fn snapshot(&self) -> HeldSnapshot {
        let mut snapshot = HeldSnapshot::default();
        self.0.lock().retain(|lease| {
            let held = lease.upgrade();
            if let Some(held) = &held {
                snapshot.slots.push((held.subject.clone(), held.id.clone()));
                snapshot.leases.push(Weak::clone(lease));
            }
            held.is_some()
        });
        snapshot
    }
}

/// The slots that were held at one moment.
#[derive(Default)]
pub(crate) struct HeldSnapshot {
    slots: Vec<(LeaseSubject, LeaseId)>,
    leases: Vec<Weak<Lease>>,
}

impl HeldSnapshot {
    pub(crate) fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    pub(crate) fn slots(&self) -> &[(LeaseSubject, LeaseId)] {
        &self.slots
    }

    /// Those that are held no more.
    pub(crate) fn given_back(&self) -> impl Iterator<Item = &(LeaseSubject, LeaseId)> {
        let leases = self.slots.iter().zip(&self.leases);
        leases.filter(|(_, lease)| lease.strong_count() == 0).map(|(slot, _)| slot)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A slot that was given back while it was renewed stayed taken until its expiry.
    #[test]
    fn what_is_given_back_while_it_is_renewed_is_told() {
        let held = HeldLeases::default();
        let leases = store::memory::store().leases;
        let [kept, given_back] = ["a", "b"].map(|id| {
            let subject = LeaseSubject::Account(AccountId::parse("a1").expect("an id"));
            let lease = Arc::new(Lease { leases: Arc::clone(&leases), subject, id: LeaseId(id.into()) });
            held.watch(&lease);
            lease
        });
        let snapshot = held.snapshot();
        assert_eq!((snapshot.slots().len(), snapshot.given_back().count()), (2, 0));
        let id = given_back.id.clone();
        drop(given_back);
        assert_eq!(snapshot.given_back().map(|(_, id)| id).collect::<Vec<_>>(), [&id]);
        drop(kept);
        assert!(held.snapshot().is_empty());
    }
}

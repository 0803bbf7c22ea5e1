//! Room 3: an account is chosen, and a slot on it taken where it has a ceiling.

use crate::{admit::Admission, directory::Seat, relay::Relay, serve::platforms};
use domain::{AccountId, Platform};
use protocol::Operation;
use scheduling::{Bound, Choice, Demand, NoChoice, eligibility::Standing, model_family};
use std::{
    num::NonZeroU32,
    sync::{Arc, Weak},
    time::Duration,
};
use store::{Acquired, LeaseId, LeaseSubject, Leases, error::StoreFailure};

/// How long a slot is held without renewal; longer than two renewals, so that one missed renewal loses nothing.
pub(crate) const LEASE_TTL: Duration = Duration::from_secs(90);

/// How often held slots are renewed.
pub(crate) const LEASE_RENEWAL: Duration = Duration::from_secs(30);

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
        let mut passed_over = tried.to_vec();
        loop {
            let demand =
                Demand { platforms, model, family: model.and_then(model_family), bound, passed_over: &passed_over };
            let (seat, choice) = self.accounts.choose(&demand, self.clock.now())?;
            if !seat.destination.serves(inbound.call.operation) {
                passed_over.push(seat.account.id.clone());
                continue;
            }
            let note = note(&choice, bound);
            let Some(ceiling) = seat.account.concurrency_max else {
                return Ok(Assignment { seat, lease: None, note: note.into() });
            };
            match self.lease(&seat, ceiling, admission, tried.len()).await {
                Some(lease) => return Ok(Assignment { seat, lease: Some(lease), note: note.into() }),
                None => passed_over.push(seat.account.id.clone()),
            }
        }
    }

    async fn lease(
        &self,
        seat: &Seat,
        ceiling: NonZeroU32,
        admission: &Admission,
        attempt: usize,
    ) -> Option<Arc<Lease>> {
        let subject = LeaseSubject::Account(seat.account.id.clone());
        let id = LeaseId(format!("{}.{}", admission.inbound.id, attempt + 1).into());
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
fn note(choice: &Choice, bound: Bound<'_>) -> String {
    let how = match choice.standing {
        Standing::Sound => format!("least recently used of {} by priority", choice.eligible),
        Standing::Doubtful { .. } => format!("least doubtful of {}: none is sound", choice.eligible),
    };
    match bound {
        Bound::Free => how,
        Bound::Account(_) => "the key is bound to it".to_owned(),
        Bound::Group(_) => format!("{how}, in the key's group"),
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

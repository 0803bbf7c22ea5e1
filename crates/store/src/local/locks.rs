//! Locks within one process.

use crate::{Fence, Locks, StoreError, error::StoreFailure};
use async_trait::async_trait;
use domain::Timestamp;
use parking_lot::Mutex;
use std::{collections::HashMap, time::Duration};

/// Locks held at once: one per account and job, and many times more accounts than a team has.
pub const LOCKS_MAX: usize = 65_536;

#[derive(Debug)]
struct Held {
    holder: Box<str>,
    fence: Fence,
    until: Timestamp,
}

#[derive(Debug)]
struct State {
    held: HashMap<Box<str>, Held>,
    last: Fence,
}

/// The port of locks, within one process. Fences grow over all locks, so none has to be remembered once it is free.
#[derive(Debug)]
pub struct LocalLocks(Mutex<State>);

impl LocalLocks {
    /// Locks whose fences are greater than `last`: than every fence that was given before this process started.
    #[must_use]
    pub fn after(last: Fence) -> Self {
        Self(Mutex::new(State { held: HashMap::new(), last }))
    }
}

#[async_trait]
impl Locks for LocalLocks {
    async fn acquire(
        &self,
        name: &str,
        holder: &str,
        ttl: Duration,
        now: Timestamp,
    ) -> Result<Option<Fence>, StoreError> {
        self.0.lock().acquire(name, holder, now.plus(ttl), now)
    }

    async fn release(&self, name: &str, holder: &str) -> Result<bool, StoreError> {
        let mut state = self.0.lock();
        let holds = state.held.get(name).is_some_and(|held| *held.holder == *holder);
        if holds {
            state.held.remove(name);
        }
        Ok(holds)
    }
}

impl State {
    fn acquire(
        &mut self,
        name: &str,
        holder: &str,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<Option<Fence>, StoreError> {
        if let Some(held) = self.held.get_mut(name).filter(|held| now < held.until) {
            if *held.holder != *holder {
                return Ok(None);
            }
            held.until = until;
            return Ok(Some(held.fence));
        }
        self.make_room(name, now)?;
        self.last = Fence(self.last.0 + 1);
        self.held.insert(name.into(), Held { holder: holder.into(), fence: self.last, until });
        Ok(Some(self.last))
    }

    fn make_room(&mut self, name: &str, now: Timestamp) -> Result<(), StoreError> {
        if self.held.len() < LOCKS_MAX || self.held.contains_key(name) {
            return Ok(());
        }
        self.held.retain(|_, held| now < held.until);
        if self.held.len() < LOCKS_MAX {
            Ok(())
        } else {
            Err(StoreError::new("take one more lock", StoreFailure::Full))
        }
    }
}

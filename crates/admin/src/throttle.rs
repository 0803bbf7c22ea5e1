//! Slows down guessing of passwords, per name and per address. Pure in `now`; its memory is bounded.
//!
//! A guess is charged before it is checked and given back when it was right, so that guesses made side by side cannot
//! outrun the count.

use domain::Timestamp;
use parking_lot::Mutex;
use std::{
    collections::{HashMap, hash_map::Entry},
    hash::Hash,
    net::IpAddr,
    time::Duration,
};

/// Wrong guesses without a wait: enough for a person who has several passwords in mind.
pub(crate) const FREE_GUESSES: u32 = 5;

/// How long a wrong guess counts.
const WINDOW: Duration = Duration::from_secs(15 * 60);

/// The first wait; each further wrong guess doubles it.
const FIRST_WAIT: Duration = Duration::from_secs(10);

/// Longest wait for a name. Short, because anybody can make wrong guesses for somebody else's name.
const NAME_WAIT_MAX: Duration = Duration::from_secs(60);

/// Longest wait for an address.
const ADDRESS_WAIT_MAX: Duration = Duration::from_secs(15 * 60);

/// Names, and addresses, that are remembered at once: a few MiB. Beyond it the one that guessed longest ago is forgotten.
const REMEMBERED_MAX: usize = 10_000;

/// Counts guesses.
#[derive(Debug, Default)]
pub(crate) struct Throttle {
    names: Mutex<Counts<String>>,
    addresses: Mutex<Counts<Network>>,
}

/// Who guesses, and for whom.
#[derive(Debug, Clone)]
pub(crate) struct Guess {
    name: String,
    network: Network,
}

/// What one client is taken to hold: an IPv4 address, or the 64 bits of an IPv6 network, within which addresses are free to choose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Network {
    V4([u8; 4]),
    V6([u8; 8]),
    Unknown,
}

#[derive(Debug)]
struct Counts<K>(HashMap<K, Count>);

#[derive(Debug, Clone, Copy)]
struct Count {
    wrong: u32,
    last: Timestamp,
}

impl Throttle {
    /// Charges a guess.
    ///
    /// # Errors
    ///
    /// With how long to wait, when there were too many.
    pub(crate) fn charge(&self, name: &str, address: Option<IpAddr>, now: Timestamp) -> Result<Guess, Duration> {
        let guess = Guess { name: name.to_owned(), network: Network::of(address) };
        let mut names = self.names.lock();
        let mut addresses = self.addresses.lock();
        let by_name = names.wait(&guess.name, NAME_WAIT_MAX, now);
        let by_address = addresses.wait(&guess.network, ADDRESS_WAIT_MAX, now);
        if let Some(wait) = by_name.max(by_address) {
            return Err(wait);
        }
        names.add(guess.name.clone(), now);
        addresses.add(guess.network, now);
        Ok(guess)
    }

    /// The guess was right: the name starts afresh, the address gets this one back.
    pub(crate) fn was_right(&self, guess: &Guess) {
        self.names.lock().0.remove(&guess.name);
        self.addresses.lock().give_back(&guess.network);
    }

    /// The guess was not checked.
    pub(crate) fn was_not_made(&self, guess: &Guess) {
        self.names.lock().give_back(&guess.name);
        self.addresses.lock().give_back(&guess.network);
    }
}

impl Network {
    fn of(address: Option<IpAddr>) -> Self {
        match address.map(|address| address.to_canonical()) {
            Some(IpAddr::V4(address)) => Self::V4(address.octets()),
            Some(IpAddr::V6(address)) => {
                let mut network = [0; 8];
                network.copy_from_slice(&address.octets()[..8]);
                Self::V6(network)
            }
            None => Self::Unknown,
        }
    }
}

impl<K> Default for Counts<K> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<K: Clone + Eq + Hash> Counts<K> {
    /// How long `key` has to wait, if it has to.
    fn wait(&self, key: &K, wait_max: Duration, now: Timestamp) -> Option<Duration> {
        let count = self.0.get(key)?;
        let excess = count.wrong.checked_sub(FREE_GUESSES)?;
        let wait = FIRST_WAIT.saturating_mul(2_u32.saturating_pow(excess)).min(wait_max);
        let left = count.last.plus(wait).since(now);
        // A clock that was set back must not lock anybody out for longer than the longest wait.
        (!left.is_zero()).then_some(left.min(wait_max))
    }

    fn add(&mut self, key: K, now: Timestamp) {
        self.make_room(&key, now);
        let fresh = Count { wrong: 0, last: now };
        let count = match self.0.entry(key) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => entry.insert(fresh),
        };
        if now.since(count.last) >= WINDOW {
            *count = fresh;
        }
        count.wrong = count.wrong.saturating_add(1);
        count.last = now;
    }

    fn give_back(&mut self, key: &K) {
        if let Some(count) = self.0.get_mut(key) {
            count.wrong = count.wrong.saturating_sub(1);
        }
    }

    fn make_room(&mut self, key: &K, now: Timestamp) {
        if self.0.len() < REMEMBERED_MAX || self.0.contains_key(key) {
            return;
        }
        self.0.retain(|_, count| now.since(count.last) < WINDOW);
        if self.0.len() >= REMEMBERED_MAX {
            let oldest = self.0.iter().min_by_key(|(_, count)| count.last).map(|(key, _)| key.clone());
            oldest.and_then(|key| self.0.remove(&key));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_ms(1_795_426_200_000);

    fn address(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    fn exhaust(throttle: &Throttle, name: &str) {
        for guess in 0..FREE_GUESSES {
            throttle.charge(name, Some(address(u8::try_from(guess).expect("small"))), NOW).expect("a free guess");
        }
    }

    #[test]
    fn a_name_has_to_wait_after_its_free_guesses_wherever_they_came_from() {
        let throttle = Throttle::default();
        exhaust(&throttle, "admin");
        assert_eq!(throttle.charge("admin", Some(address(99)), NOW).expect_err("too many"), FIRST_WAIT);
        assert!(throttle.charge("other", Some(address(99)), NOW).is_ok());
    }

    #[test]
    fn an_address_has_to_wait_whichever_names_it_tries() {
        let throttle = Throttle::default();
        for name in ["a", "b", "c", "d", "e"] {
            throttle.charge(name, Some(address(1)), NOW).expect("a free guess");
        }
        assert!(throttle.charge("f", Some(address(1)), NOW).is_err());
        assert!(throttle.charge("f", Some(address(2)), NOW).is_ok());
    }

    #[test]
    fn each_wrong_guess_after_a_wait_doubles_the_next_wait() {
        let throttle = Throttle::default();
        exhaust(&throttle, "admin");
        let later = NOW.plus(FIRST_WAIT);
        throttle.charge("admin", Some(address(9)), later).expect("the wait is over");
        assert_eq!(throttle.charge("admin", Some(address(9)), later).expect_err("again"), FIRST_WAIT * 2);
    }

    #[test]
    fn a_right_guess_clears_the_name_and_gives_the_address_its_guess_back() {
        let throttle = Throttle::default();
        for _ in 0..3 * FREE_GUESSES {
            let guess = throttle.charge("admin", Some(address(1)), NOW).expect("never too many");
            throttle.was_right(&guess);
        }
    }

    #[test]
    fn addresses_of_one_ipv6_network_count_as_one() {
        let throttle = Throttle::default();
        for host in 0..u16::try_from(FREE_GUESSES).expect("small") {
            let address = IpAddr::from([0x2001, 0xdb8, 0, 1, 0, 0, 0, host]);
            throttle.charge(&format!("n{host}"), Some(address), NOW).expect("a free guess");
        }
        let next = IpAddr::from([0x2001, 0xdb8, 0, 1, 9, 9, 9, 9]);
        assert!(throttle.charge("n", Some(next), NOW).is_err());
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let throttle = Throttle::default();
        for name in 0..REMEMBERED_MAX + 10 {
            let address = IpAddr::from(u32::try_from(name).expect("small").to_be_bytes());
            throttle.charge(&name.to_string(), Some(address), NOW).expect("a free guess");
        }
        assert_eq!(throttle.names.lock().0.len(), REMEMBERED_MAX);
        assert_eq!(throttle.addresses.lock().0.len(), REMEMBERED_MAX);
    }
}

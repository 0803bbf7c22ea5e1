//! Slows down guessing of passwords and keys, per name and per address. Pure in `now`; its memory is bounded.
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

/// How long a wrong guess counts.
const WINDOW: Duration = Duration::from_secs(15 * 60);

/// The first wait; each further wrong guess doubles it.
const FIRST_WAIT: Duration = Duration::from_secs(10);

/// For a name: enough free guesses for a person who has several passwords in mind, and a short wait, because anybody can make
/// wrong guesses for somebody else's name.
const PASSWORD_NAME: Bound = Bound { free: 5, wait_max: Duration::from_secs(60) };

/// For an address: an office behind one address may have several people who err at once, and whoever shares it must not lock
/// them out with a few guesses; who tries many names from it waits long.
const PASSWORD_ADDRESS: Bound = Bound { free: 30, wait_max: Duration::from_secs(15 * 60) };

/// For everybody's guesses at keys together: more than a team's misconfigured clients make, and a wait that costs those with a
/// right key little, because anybody can make wrong guesses.
const KEY_OVERALL: Bound = Bound { free: 1000, wait_max: Duration::from_secs(10) };

/// For an address that guesses at keys: the same as for passwords, with a shorter wait, because whoever shares the address has a
/// right key that must not be kept out for long. Keys have 256 random bits: it is the store that is spared here.
const KEY_ADDRESS: Bound = Bound { free: 30, wait_max: Duration::from_secs(60) };

/// For codes of a second factor: only who knows the password comes so far, so that nobody can lock others out, and a million codes
/// at this pace take years.
const CODE: Bound = Bound { free: 5, wait_max: Duration::from_secs(15 * 60) };

/// Names, and addresses, that are remembered at once: a few MiB. Beyond it the one that guessed longest ago is forgotten.
const REMEMBERED_MAX: usize = 10_000;

/// Counts guesses.
#[derive(Debug)]
pub struct Throttle {
    names: Mutex<Counts<String>>,
    addresses: Mutex<Counts<Network>>,
    codes: Mutex<Counts<String>>,
    name: &'static Bound,
    address: &'static Bound,
}

/// Who guesses.
#[derive(Debug, Clone, Copy)]
pub enum Guesser {
    /// Somebody at this address, if it is known. Counted for the name and for the address.
    At(Option<IpAddr>),
    /// Somebody whose session has this name. Counted for the name alone: others at the address must not keep them from
    /// changing their password.
    SignedIn,
}

/// A guess that was charged: for whom, and from where if that counts.
#[derive(Debug, Clone)]
pub struct Guess {
    name: String,
    network: Option<Network>,
}

/// When wrong guesses lead to a wait, and how long it is at most.
#[derive(Debug)]
struct Bound {
    /// Wrong guesses without a wait.
    free: u32,
    wait_max: Duration,
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
    /// For guesses at passwords, by the name that each is for.
    #[must_use]
    pub fn for_passwords() -> Self {
        Self::new(&PASSWORD_NAME, &PASSWORD_ADDRESS)
    }

    /// For guesses at keys: all of them are charged to one name, whichever it is.
    #[must_use]
    pub fn for_keys() -> Self {
        Self::new(&KEY_OVERALL, &KEY_ADDRESS)
    }

    fn new(name: &'static Bound, address: &'static Bound) -> Self {
        let (names, addresses, codes) = (Mutex::default(), Mutex::default(), Mutex::default());
        Self { names, addresses, codes, name, address }
    }

    /// Charges a guess.
    ///
    /// # Errors
    ///
    /// With how long to wait, when there were too many.
    pub fn charge(&self, name: &str, guesser: Guesser, now: Timestamp) -> Result<Guess, Duration> {
        let guess = Guess { name: name.to_owned(), network: Network::of(guesser) };
        let mut names = self.names.lock();
        let mut addresses = self.addresses.lock();
        let by_name = names.wait(&guess.name, self.name, now);
        let by_address = guess.network.and_then(|network| addresses.wait(&network, self.address, now));
        if let Some(wait) = by_name.max(by_address) {
            return Err(wait);
        }
        names.add(guess.name.clone(), now);
        if let Some(network) = guess.network {
            addresses.add(network, now);
        }
        Ok(guess)
    }

    /// The guess was right: the name starts afresh, the address gets this one back.
    pub fn was_right(&self, guess: &Guess) {
        self.names.lock().0.remove(&guess.name);
        self.give_back_address(guess);
    }

    /// The guess was not checked.
    pub fn was_not_made(&self, guess: &Guess) {
        self.names.lock().give_back(&guess.name);
        self.give_back_address(guess);
    }

    /// Charges a code that somebody with the name's password typed.
    ///
    /// # Errors
    ///
    /// With how long to wait, when there were too many.
    pub fn charge_code(&self, name: &str, now: Timestamp) -> Result<(), Duration> {
        let (mut codes, name) = (self.codes.lock(), name.to_owned());
        if let Some(wait) = codes.wait(&name, &CODE, now) {
            return Err(wait);
        }
        codes.add(name, now);
        Ok(())
    }

    /// The code was right: the name's codes start afresh.
    pub fn code_was_right(&self, name: &str) {
        self.codes.lock().0.remove(name);
    }

    fn give_back_address(&self, guess: &Guess) {
        if let Some(network) = &guess.network {
            self.addresses.lock().give_back(network);
        }
    }
}

impl Network {
    /// The network that a guess is counted for, if it is for one.
    fn of(guesser: Guesser) -> Option<Self> {
        let Guesser::At(address) = guesser else { return None };
        Some(match address.map(|address| address.to_canonical()) {
            Some(IpAddr::V4(address)) => Self::V4(address.octets()),
            Some(IpAddr::V6(address)) => {
                let mut network = [0; 8];
                network.copy_from_slice(&address.octets()[..8]);
                Self::V6(network)
            }
            None => Self::Unknown,
        })
    }
}

impl<K> Default for Counts<K> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<K: Clone + Eq + Hash> Counts<K> {
    /// How long `key` has to wait, if it has to.
    fn wait(&self, key: &K, bound: &Bound, now: Timestamp) -> Option<Duration> {
        let count = self.0.get(key)?;
        let excess = count.wrong.checked_sub(bound.free)?;
        let wait = FIRST_WAIT.saturating_mul(2_u32.saturating_pow(excess)).min(bound.wait_max);
        let left = count.last.plus(wait).since(now);
        // A clock that was set back must not lock anybody out for longer than the longest wait.
        (!left.is_zero()).then_some(left.min(bound.wait_max))
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

    fn at(last: u8) -> Guesser {
        Guesser::At(Some(IpAddr::from([192, 0, 2, last])))
    }

    fn exhaust(throttle: &Throttle, name: &str) {
        for guess in 0..PASSWORD_NAME.free {
            throttle.charge(name, at(u8::try_from(guess).expect("small")), NOW).expect("a free guess");
        }
    }

    /// Wrong guesses from `guesser` for a name each.
    fn exhaust_address(throttle: &Throttle, guesser: impl Fn(u32) -> Guesser) {
        for guess in 0..PASSWORD_ADDRESS.free {
            throttle.charge(&format!("n{guess}"), guesser(guess), NOW).expect("a free guess");
        }
    }

    #[test]
    fn a_name_has_to_wait_after_its_free_guesses_wherever_they_came_from() {
        let throttle = Throttle::for_passwords();
        exhaust(&throttle, "admin");
        assert_eq!(throttle.charge("admin", at(99), NOW).expect_err("too many"), FIRST_WAIT);
        assert!(throttle.charge("other", at(99), NOW).is_ok());
    }

    #[test]
    fn an_address_has_to_wait_whichever_names_it_tries() {
        let throttle = Throttle::for_passwords();
        exhaust_address(&throttle, |_| at(1));
        assert!(throttle.charge("admin", at(1), NOW).is_err());
        assert!(throttle.charge("admin", at(2), NOW).is_ok());
    }

    #[test]
    fn somebody_signed_in_waits_for_their_name_and_not_for_their_address() {
        let throttle = Throttle::for_passwords();
        exhaust_address(&throttle, |_| at(1));
        for _ in 0..PASSWORD_NAME.free {
            throttle.charge("admin", Guesser::SignedIn, NOW).expect("a free guess");
        }
        assert_eq!(throttle.charge("admin", Guesser::SignedIn, NOW).expect_err("too many"), FIRST_WAIT);
    }

    #[test]
    fn each_wrong_guess_after_a_wait_doubles_the_next_wait() {
        let throttle = Throttle::for_passwords();
        exhaust(&throttle, "admin");
        let later = NOW.plus(FIRST_WAIT);
        throttle.charge("admin", at(9), later).expect("the wait is over");
        assert_eq!(throttle.charge("admin", at(9), later).expect_err("again"), FIRST_WAIT * 2);
    }

    #[test]
    fn a_right_guess_clears_the_name_and_gives_the_address_its_guess_back() {
        let throttle = Throttle::for_passwords();
        for _ in 0..2 * PASSWORD_ADDRESS.free {
            let guess = throttle.charge("admin", at(1), NOW).expect("never too many");
            throttle.was_right(&guess);
        }
    }

    #[test]
    fn addresses_of_one_ipv6_network_count_as_one() {
        let throttle = Throttle::for_passwords();
        let host = |host: u32| {
            let host = u16::try_from(host).expect("small");
            Guesser::At(Some(IpAddr::from([0x2001, 0xdb8, 0, 1, 0, 0, 0, host])))
        };
        exhaust_address(&throttle, host);
        assert!(throttle.charge("n", host(9999), NOW).is_err());
    }

    #[test]
    fn guesses_at_keys_wait_by_address_and_all_together() {
        let throttle = Throttle::for_keys();
        let from = |number: u32| Guesser::At(Some(IpAddr::from(number.to_be_bytes())));
        for _ in 0..KEY_ADDRESS.free {
            throttle.charge("keys", from(1), NOW).expect("a free guess");
        }
        assert_eq!(throttle.charge("keys", from(1), NOW).expect_err("too many"), FIRST_WAIT);
        for other in 2..=KEY_OVERALL.free - KEY_ADDRESS.free + 1 {
            throttle.charge("keys", from(other), NOW).expect("a free guess");
        }
        assert_eq!(throttle.charge("keys", from(1_000_000), NOW).expect_err("too many"), KEY_OVERALL.wait_max);
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let throttle = Throttle::for_passwords();
        for name in 0..REMEMBERED_MAX + 10 {
            let address = IpAddr::from(u32::try_from(name).expect("small").to_be_bytes());
            throttle.charge(&name.to_string(), Guesser::At(Some(address)), NOW).expect("a free guess");
        }
        assert_eq!(throttle.names.lock().0.len(), REMEMBERED_MAX);
        assert_eq!(throttle.addresses.lock().0.len(), REMEMBERED_MAX);
    }
}

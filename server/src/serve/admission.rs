//! Who may come in, and how much they may make the server hold.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use samar_protocol::wire::Request;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

const KIB: usize = 1_024;
/// A request that needs no more than this is small: up to 2,048 elements, and all that has no bulk.
const SMALL_KIB: usize = 64;
/// What of the room for bulk only small requests may take: one part in so many. Banks that send by drops, or let answers lie, could else
/// have all of it between them if there are many, and who asks for little would wait with those who ask for much.
const SMALL_SHARE: usize = 8;
/// Connections of peers that are no bank, all together.
const STRANGERS: u32 = 64;

/// So many permits for each bank: what one uses up, the others do not miss.
#[derive(Debug)]
pub(super) struct Shares {
    permits: usize,
    banks: Mutex<HashMap<String, Weak<Semaphore>>>,
}

impl Shares {
    pub(super) fn new(permits: usize) -> Self {
        Self { permits, banks: Mutex::default() }
    }

    /// The permits of this bank. They are handed out in the order of asking.
    pub(super) fn of(&self, bank: &str) -> Arc<Semaphore> {
        let mut banks = self.banks.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(share) = banks.get(bank).and_then(Weak::upgrade) {
            return share;
        }
        banks.retain(|_, share| share.strong_count() > 0);
        let share = Arc::new(Semaphore::new(self.permits));
        banks.insert(bank.to_owned(), Arc::downgrade(&share));
        share
    }
}

/// The memory budget for data in flight, counted in KiB. It has two halves, because two kinds of holders must not wait for
/// each other: a peer decides how long its bulk lies here, the processor how long the work on it does.
#[derive(Debug)]
pub(super) struct Memory {
    bulk: Arc<Bulk>,
    /// One request of each bank at a time waits for bulk, in the order of asking.
    turns: Shares,
    work: Arc<Semaphore>,
    work_kib: u32,
}

/// What arrives and what leaves. A bank that holds nothing gets what is free; beyond that it holds at most an eighth of what it
/// leaves free. A bank that lets its answers lie, or sends by drops, comes to a ninth, the next such bank to a ninth of the rest,
/// and so on: some twenty of them together leave room for whoever comes next. However many they are, small requests of banks that hold
/// nothing else find room. Nothing need be taken back from anybody.
#[derive(Debug)]
struct Bulk {
    held: Mutex<Held>,
    /// Free room below this is for small requests alone.
    for_small_kib: usize,
    freed: Notify,
}

#[derive(Debug)]
struct Held {
    free_kib: usize,
    of_bank: HashMap<String, usize>,
}

/// Room for one request's bulk and then for its response's, until dropped.
#[derive(Debug)]
pub(super) struct Room {
    bulk: Arc<Bulk>,
    bank: String,
    kib: usize,
}

/// Room for the work on one batch, until dropped.
#[derive(Debug)]
pub(super) struct Work {
    _permit: OwnedSemaphorePermit,
}

impl Memory {
    pub(super) fn new(mib: u32) -> Self {
        let half_kib = mib.saturating_mul(1_024) / 2;
        let held = Held { free_kib: half_kib as usize, of_bank: HashMap::new() };
        let for_small_kib = half_kib as usize / SMALL_SHARE;
        Self {
            bulk: Arc::new(Bulk { held: Mutex::new(held), for_small_kib, freed: Notify::new() }),
            turns: Shares::new(1),
            work: Arc::new(Semaphore::new(half_kib as usize)),
            work_kib: half_kib,
        }
    }

    /// Room for a request's bulk and its response's, which are of one size or only one of them large. Strangers have one share
    /// between them, under the name "". `None` only if the turns were closed, which they never are.
    pub(super) async fn room_for(&self, bank: &str, request: &Request) -> Option<Room> {
        let bytes = match request {
            Request::Evaluate(_) | Request::Rekey(_) => request.bulk_bytes(),
            // What the query comes to as words, beside its bytes. Sums and answers are bounded by the sixteen queries of a pass.
            Request::Lookup(_) => request.bulk_bytes() * 5 / 2,
            Request::Fetch(control) => control.length as usize,
            Request::Hint(control) => control.length as usize,
            Request::Join(_) | Request::Manifest(_) | Request::Allowance(_) => SMALL_KIB * KIB,
        };
        let kib = bytes.div_ceil(KIB);
        let _turn = self.turns.of(bank).acquire_owned().await.ok()?;
        loop {
            let freed = self.bulk.freed.notified();
            tokio::pin!(freed);
            freed.as_mut().enable(); // before looking, so that nothing freed in between is missed
            if let Some(room) = self.bulk.take(bank, kib) {
                return Some(room);
            }
            freed.await;
        }
    }

    /// Room for the work on a batch of so many bytes: decoded, evaluated, and encoded again. `None` as above.
    pub(super) async fn work_on(&self, bulk_bytes: usize) -> Option<Work> {
        let kib = u32::try_from(bulk_bytes.saturating_mul(11).div_ceil(KIB)).unwrap_or(u32::MAX);
        let permits = Arc::clone(&self.work).acquire_many_owned(kib.min(self.work_kib)).await.ok()?;
        Some(Work { _permit: permits })
    }
}

impl Bulk {
    fn take(self: &Arc<Self>, bank: &str, kib: usize) -> Option<Room> {
        let mut held = self.held();
        let before = held.of_bank.get(bank).copied().unwrap_or(0);
        let after = before + kib;
        let kept_kib = if kib <= SMALL_KIB { 0 } else { self.for_small_kib };
        let fits = |open: &usize| before == 0 || after.saturating_mul(8) <= *open;
        let open = held.free_kib.checked_sub(kib + kept_kib).filter(fits)?;
        held.free_kib = open + kept_kib;
        held.of_bank.insert(bank.to_owned(), after);
        Some(Room { bulk: Arc::clone(self), bank: bank.to_owned(), kib })
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let mut held = self.bulk.held();
        held.free_kib += self.kib;
        if let Some(of_bank) = held.of_bank.get_mut(&self.bank) {
            *of_bank -= self.kib;
            if *of_bank == 0 {
                held.of_bank.remove(&self.bank);
            }
        }
        drop(held);
        self.bulk.freed.notify_waiters();
    }
}

/// Whose seats they are.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Holder {
    Bank(String),
    Strangers,
    /// Whoever is not known to be a bank, at an address that is shown to be theirs, or is only claimed.
    Address(IpAddr, bool),
}

/// Connections at a time: of each bank, of each address, and in the handshake.
#[derive(Debug)]
pub(super) struct Seats {
    per_bank: u32,
    taken: Arc<Mutex<HashMap<Holder, u32>>>,
    handshakes: Arc<AtomicUsize>,
}

impl Seats {
    pub(super) fn new(per_bank: u32) -> Self {
        Self { per_bank, taken: Arc::default(), handshakes: Arc::default() }
    }

    /// A seat for one more connection of this bank, until dropped; `None` if it has as many as it may.
    pub(super) fn take(&self, bank: &str) -> Option<Seat> {
        self.take_of(Holder::Bank(bank.to_owned()), self.per_bank)
    }

    /// A seat for one more peer that is no bank.
    pub(super) fn take_as_stranger(&self) -> Option<Seat> {
        self.take_of(Holder::Strangers, STRANGERS)
    }

    /// A seat for one more peer at this address that is not known to be a bank; `proven` where it showed that the address is
    /// its own.
    pub(super) fn take_at(&self, address: IpAddr, proven: bool, seats: u32) -> Option<Seat> {
        self.take_of(Holder::Address(network(address), proven), seats)
    }

    fn take_of(&self, holder: Holder, seats: u32) -> Option<Seat> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let count = taken.get(&holder).copied().unwrap_or_default();
        if count >= seats {
            return None;
        }
        taken.insert(holder.clone(), count + 1);
        Some(Seat { holder, taken: Arc::clone(&self.taken) })
    }

    /// Handshakes under way.
    pub(super) fn handshakes(&self) -> usize {
        self.handshakes.load(Ordering::Relaxed)
    }

    /// Counts one more handshake, until dropped.
    pub(super) fn handshake(&self) -> Handshake {
        self.handshakes.fetch_add(1, Ordering::Relaxed);
        Handshake(Arc::clone(&self.handshakes))
    }
}

#[derive(Debug)]
pub(super) struct Seat {
    holder: Holder,
    taken: Arc<Mutex<HashMap<Holder, u32>>>,
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = taken.get_mut(&self.holder) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.holder);
            }
        }
    }
}

#[derive(Debug)]
pub(super) struct Handshake(Arc<AtomicUsize>);

impl Drop for Handshake {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The smallest network that one customer of a provider has: an IPv4 address, or a /64 of IPv6.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & (u128::MAX << 64)).into(),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Largest bulk of a request, KiB.
    const LARGEST: usize = 2_048;

    #[test]
    fn many_banks_that_take_all_they_can_leave_room_for_another() {
        for banks in [1, 3, 20] {
            let memory = Memory::new(256);
            let take = |bank: &str, kib| memory.bulk.take(bank, kib);
            let mut rooms = Vec::new();
            for bank in 0..banks {
                rooms.extend(std::iter::from_fn(|| take(&format!("bank-{bank}"), LARGEST)));
            }
            assert!(rooms.len() >= banks, "each got something");
            let honest = take("honest", LARGEST).expect("room for one that comes late");
            drop((rooms, honest));
            assert_eq!(memory.bulk.held().free_kib, 128 * KIB, "all of it came back");
            assert!(memory.bulk.held().of_bank.is_empty());
        }
    }

    #[test]
    fn however_many_banks_take_all_they_can_small_requests_find_room() {
        let memory = Memory::new(256);
        let take = |bank: &str, kib| memory.bulk.take(bank, kib);
        let mut rooms = Vec::new();
        for bank in 0..500 {
            let more = std::iter::from_fn(|| take(&format!("bank-{bank}"), LARGEST));
            rooms.extend(more);
        }
        assert!(take("honest", LARGEST).is_none(), "what is left is not for the large");
        // Nor for small ones of those who hold the rest.
        assert!(take("bank-0", SMALL_KIB).is_none());
        let honest: Vec<_> = (0..50).map_while(|bank| take(&format!("honest-{bank}"), SMALL_KIB)).collect();
        assert_eq!(honest.len(), 50);
        drop((rooms, honest));
        assert_eq!(memory.bulk.held().free_kib, 128 * KIB, "all of it came back");
    }

    #[test]
    fn the_least_budget_allowed_has_room_for_the_largest_request() {
        assert!(Memory::new(16).bulk.take("bank-a", LARGEST).is_some());
    }

    #[test]
    fn a_bank_has_its_seats_and_gets_them_back() {
        let seats = Seats::new(2);
        let first = seats.take("bank-a").unwrap();
        let _second = seats.take("bank-a").unwrap();
        assert!(seats.take("bank-a").is_none());
        seats.take("bank-b").unwrap();
        drop(first);
        seats.take("bank-a").unwrap();
    }

    #[test]
    fn an_address_that_is_only_claimed_takes_nothing_from_its_owner() {
        let seats = Seats::new(1);
        let at = |address: &str, proven| seats.take_at(address.parse().unwrap(), proven, 2);
        let claimed: Vec<_> = (0..2).map(|_| at("192.0.2.7", false).unwrap()).collect();
        assert!(at("192.0.2.7", false).is_none());
        let own = at("192.0.2.7", true).unwrap();
        let _second = at("::ffff:192.0.2.7", true).unwrap();
        assert!(at("192.0.2.7", true).is_none(), "nor more than its own");
        at("192.0.2.8", true).expect("another address");
        drop(own);
        at("192.0.2.7", true).unwrap();
        drop(claimed);
        at("192.0.2.7", false).unwrap();
    }

    #[test]
    fn a_network_of_ipv6_counts_as_one_address() {
        let seats = Seats::new(1);
        let at = |address: &str| seats.take_at(address.parse().unwrap(), true, 1);
        let _one = at("2001:db8:0:1::1").unwrap();
        assert!(at("2001:db8:0:1:ffff::2").is_none());
        at("2001:db8:0:2::1").expect("the network beside it");
    }
}

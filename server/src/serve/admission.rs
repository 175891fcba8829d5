//! Who may come in, and how much they may make the server hold.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use samar_protocol::wire::Request;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

const KIB: usize = 1_024;
/// Connections of peers that are no bank, all together.
const STRANGERS: u32 = 64;
/// The largest request needs no more, and the least budget allowed covers it.
const REQUEST_KIB_MAX: usize = 16 * KIB;

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

/// The memory budget for bulk data in flight, counted in KiB. A request waits until there is room, in its bank's quarter
/// and in the whole: a bank that lets its answers lie waits for itself.
#[derive(Debug)]
pub(super) struct Memory {
    budget: Arc<Semaphore>,
    shares: Shares,
}

/// Room for one request, until dropped.
#[derive(Debug)]
pub(super) struct Room {
    _of_bank: OwnedSemaphorePermit,
    _of_all: OwnedSemaphorePermit,
}

impl Memory {
    pub(super) fn new(mib: u32) -> Self {
        let kib = mib as usize * KIB;
        Self { budget: Arc::new(Semaphore::new(kib)), shares: Shares::new((kib / 4).max(REQUEST_KIB_MAX)) }
    }

    /// Room for a request's bulk and its response's. Strangers have one share between them, under the name "". `None` only
    /// if the budget was closed, which it never is.
    pub(super) async fn room_for(&self, bank: &str, request: &Request) -> Option<Room> {
        let bytes = match request {
            // As received, decoded for computing, evaluated, and encoded again.
            Request::Evaluate(_) => request.bulk_bytes().saturating_mul(12),
            Request::Fetch(control) => control.length as usize,
            Request::Join(_) | Request::Manifest(_) | Request::Allowance(_) => KIB * KIB / 16,
        };
        let kib = u32::try_from(bytes.div_ceil(KIB).min(REQUEST_KIB_MAX)).unwrap_or(u32::MAX);
        Some(Room {
            _of_bank: self.shares.of(bank).acquire_many_owned(kib).await.ok()?,
            _of_all: Arc::clone(&self.budget).acquire_many_owned(kib).await.ok()?,
        })
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

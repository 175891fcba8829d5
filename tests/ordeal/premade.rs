//! Batches that are ready before they are needed: making one costs a bank as much as its evaluation costs the server, and the two
//! share the cores of one machine here.

use std::sync::atomic::{AtomicUsize, Ordering};

use rand::seq::SliceRandom as _;

use crate::fixture::messages;
use crate::fixture::operator::niks;
use crate::fixture::pins::{Batch, Pins};

/// Orders that the elements are kept in: 8 MiB for batches of 1,024.
const ORDERS: usize = 256;

/// Evaluate requests over the same elements, each in another order: to the server each is another batch, decoded, charged, synced
/// and evaluated as any other.
pub(super) struct Premade {
    head: Vec<u8>,
    orders: Vec<Vec<[u8; 32]>>,
    taken: AtomicUsize,
}

impl Premade {
    /// Of so many elements each.
    pub(super) fn new(pins: &Pins, elements: u32) -> Self {
        let bulk = Batch::new(&niks(0, elements), rand::random()).bulk(pins);
        let mut order = bulk.as_chunks::<32>().0.to_vec();
        let shuffled = |_| {
            order.shuffle(&mut rand::rng());
            order.clone()
        };
        let orders = (0..ORDERS).map(shuffled).collect();
        let head = messages::evaluate(pins, elements as usize).encode().unwrap_or_default();
        Self { head, orders, taken: AtomicUsize::new(0) }
    }

    /// The next request: an order, begun at another of its elements each time.
    ///
    /// # Errors
    /// As many were taken as there are.
    pub(super) fn next(&self) -> Result<Vec<u8>, String> {
        let number = self.taken.fetch_add(1, Ordering::Relaxed);
        let order = &self.orders[number % ORDERS];
        let begin = number / ORDERS;
        if begin >= order.len() {
            return Err(format!("no more than {} batches were made", ORDERS * order.len()));
        }
        let (before, from) = order.split_at(begin);
        Ok([&self.head, from.as_flattened(), before.as_flattened()].concat())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_batch_comes_twice_and_all_are_of_the_same_elements() {
        let orders = (0..=u8::MAX).map(|order| vec![[order; 32], [0xaa; 32], [0xbb; 32]]).collect();
        let premade = Premade { head: vec![7], orders, taken: AtomicUsize::new(0) };
        let requests: Vec<_> = (0..3 * ORDERS).map(|_| premade.next().unwrap()).collect();
        assert_eq!(requests.iter().collect::<HashSet<_>>().len(), 3 * ORDERS);
        assert!(premade.next().is_err(), "and none begins again");
        for (number, request) in requests.iter().enumerate() {
            let mut elements = request[1..].as_chunks::<32>().0.to_vec();
            elements.sort_unstable();
            let mut expected = premade.orders[number % ORDERS].clone();
            expected.sort_unstable();
            assert!(request[0] == 7 && elements == expected);
        }
    }
}

//! A relay between banks and the operator that takes note of every datagram: what whoever sees the network sees.

use std::collections::HashMap;
use std::net::{SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A datagram on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Datagram {
    pub(crate) to_server: bool,
    /// Of its payload: a QUIC packet, or several.
    pub(crate) bytes: usize,
}

pub(crate) struct Relay {
    /// Where banks find it.
    pub(crate) address: SocketAddr,
    seen: Arc<Mutex<Vec<Datagram>>>,
}

/// How long nothing must come before a capture is taken for whole. Longer than an acknowledgement is put off.
const QUIET: Duration = Duration::from_millis(60);

impl Relay {
    /// Stands before `server`. Its threads end with the process: each waits for a datagram.
    pub(crate) fn before(server: SocketAddr) -> Self {
        let front = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = front.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&seen);
        std::thread::spawn(move || forward(&front, server, &noted));
        Self { address, seen }
    }

    /// What passed since the last time, once nothing passes any more.
    pub(crate) fn capture(&self) -> Vec<Datagram> {
        let mut before = usize::MAX;
        loop {
            let now = self.seen.lock().unwrap().len();
            if now == before {
                return std::mem::take(&mut *self.seen.lock().unwrap());
            }
            before = now;
            std::thread::sleep(QUIET);
        }
    }
}

/// To the server, from a port of its own for each bank's; a thread brings back what comes there.
fn forward(front: &UdpSocket, server: SocketAddr, seen: &Arc<Mutex<Vec<Datagram>>>) {
    let mut banks: HashMap<SocketAddr, UdpSocket> = HashMap::new();
    let mut buffer = [0; 1 << 16];
    while let Ok((bytes, bank)) = front.recv_from(&mut buffer) {
        let back = banks.entry(bank).or_insert_with(|| {
            let back = UdpSocket::bind("127.0.0.1:0").unwrap();
            back.connect(server).unwrap();
            let (from, to, seen) = (back.try_clone().unwrap(), front.try_clone().unwrap(), Arc::clone(seen));
            std::thread::spawn(move || backward(&from, &to, bank, &seen));
            back
        });
        seen.lock().unwrap().push(Datagram { to_server: true, bytes });
        let _ = back.send(&buffer[..bytes]); // a server that went away is the bank's to notice
    }
}

fn backward(from: &UdpSocket, to: &UdpSocket, bank: SocketAddr, seen: &Mutex<Vec<Datagram>>) {
    let mut buffer = [0; 1 << 16];
    while let Ok(bytes) = from.recv(&mut buffer) {
        seen.lock().unwrap().push(Datagram { to_server: false, bytes });
        let _ = to.send_to(&buffer[..bytes], bank); // the same
    }
}

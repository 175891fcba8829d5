//! Sockets with room for what comes while nobody is there to take it.

use std::io;
use std::net::{SocketAddr, UdpSocket};

use rustix::net::sockopt::{set_socket_recv_buffer_size, set_socket_send_buffer_size};

/// Bytes asked for in each direction: what a fast line brings in the milliseconds for which another thread has the processor. With the
/// 208 KiB that Linux gives by itself a download loses packets on its own machine, and goes at a third of its rate. Linux
/// gives no more than `net.core.rmem_max` and `wmem_max`.
pub const BUFFER_BYTES: usize = 4 << 20;

/// A UDP socket at this address, with buffers of [`BUFFER_BYTES`] or what of it may be had.
///
/// # Errors
/// The address cannot be had.
pub fn bind(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind(address)?;
    // With less it is slower, no more.
    let _ = set_socket_recv_buffer_size(&socket, BUFFER_BYTES);
    let _ = set_socket_send_buffer_size(&socket, BUFFER_BYTES);
    Ok(socket)
}

//! One request and its response on a stream: every read and write has a deadline and a bound.

use std::io::{self, ErrorKind};
use std::time::Duration;

use bytes::Bytes;
use samar_protocol::limits::PREAMBLE_BYTES;
use samar_protocol::wire::{Preamble, Refusal, RefusalCode, Request, Response, WireError};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::time::timeout;

/// Bytes written under one deadline.
const WRITE_BYTES: usize = 64 * 1024;

/// The half of a stream on which a request comes.
pub trait RequestHalf: AsyncRead + Send + Unpin {
    /// Tells the peer that no more of it is wanted.
    fn stop(&mut self);
}

/// The half of a stream on which its response goes. Shut down, the response is whole.
pub trait ResponseHalf: AsyncWrite + Send + Unpin {
    /// Sends a part of a response. What it stands in is kept until the peer has it, where a stream can send it from there.
    fn give(&mut self, part: Bytes) -> impl Future<Output = io::Result<()>> + Send {
        async move { self.write_all(&part).await }
    }

    /// Resolves when the peer has all of it; to `false` if it went away.
    fn taken(&mut self) -> impl Future<Output = bool> + Send;

    /// Breaks the response off.
    fn reset(&mut self, code: RefusalCode);
}

impl RequestHalf for quinn::RecvStream {
    fn stop(&mut self) {
        // Fails only for a stream that has ended; the code means nothing.
        let _ = quinn::RecvStream::stop(self, close_code(RefusalCode::Malformed));
    }
}

impl ResponseHalf for quinn::SendStream {
    async fn give(&mut self, part: Bytes) -> io::Result<()> {
        Ok(self.write_chunk(part).await?)
    }

    async fn taken(&mut self) -> bool {
        matches!(self.stopped().await, Ok(None))
    }

    fn reset(&mut self, code: RefusalCode) {
        let _ = quinn::SendStream::reset(self, close_code(code));
    }
}

/// A code as QUIC carries it.
pub(super) fn close_code(code: RefusalCode) -> quinn::VarInt {
    quinn::VarInt::from_u32(u32::from(code as u16))
}

/// Why a request did not arrive.
#[derive(Debug)]
pub(super) enum ReadError {
    /// The peer went away or reset the stream: there is nobody to answer.
    Gone,
    /// To be answered, and why for the log.
    Refused(Refusal, String),
}

/// Reads preamble and control structure.
///
/// # Errors
/// [`ReadError`].
pub(super) async fn read_request(
    stream: &mut impl RequestHalf,
    deadline: Duration,
) -> Result<Request, ReadError> {
    let mut preamble = [0; PREAMBLE_BYTES];
    fill(stream, &mut preamble, deadline).await?;
    let preamble = Preamble::parse(preamble).map_err(refuse)?;
    let mut control = vec![0; preamble.control_bytes as usize];
    fill(stream, &mut control, deadline).await?;
    Request::decode(preamble.kind, &control).map_err(refuse)
}

/// Reads the bulk that a request announced, whole within the deadline, since it holds a place and memory meanwhile; and
/// the end of the stream after it.
///
/// # Errors
/// [`ReadError`].
pub(super) async fn read_bulk(
    stream: &mut impl RequestHalf,
    bytes: usize,
    deadline: Duration,
) -> Result<Vec<u8>, ReadError> {
    let mut bulk = vec![0; bytes];
    fill(stream, &mut bulk, deadline).await?;
    match timeout(deadline, stream.read(&mut [0])).await {
        Ok(Ok(0)) => Ok(bulk),
        Ok(Ok(_)) => Err(malformed("bytes after the end of the request")),
        Ok(Err(_)) => Err(ReadError::Gone),
        Err(_) => Err(too_slow()),
    }
}

/// Writes a response and its bulk, ends the stream, and waits until the peer has all of it: closing the connection
/// earlier would drop what is still on its way.
///
/// # Errors
/// The peer went away, or took too long over a part; the stream is then reset.
pub(super) async fn write_response(
    stream: &mut impl ResponseHalf,
    response: &Response,
    mut bulk: Bytes,
    deadline: Duration,
) -> Result<(), &'static str> {
    let mut part = Bytes::from(response.encode().map_err(|_| "a response breaks its own rules")?);
    while !part.is_empty() {
        match timeout(deadline, stream.give(part)).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return Err("the peer went away"),
            Err(_) => return Err(give_up(stream)),
        }
        part = bulk.split_to(bulk.len().min(WRITE_BYTES));
    }
    stream.shutdown().await.map_err(|_| "the peer went away")?;
    match timeout(deadline, stream.taken()).await {
        Ok(true) => Ok(()),
        Ok(false) => Err("the peer went away"),
        Err(_) => Err(give_up(stream)),
    }
}

fn give_up(stream: &mut impl ResponseHalf) -> &'static str {
    stream.reset(RefusalCode::TooSlow);
    "the peer read too slowly"
}

async fn fill(stream: &mut impl RequestHalf, buffer: &mut [u8], deadline: Duration) -> Result<(), ReadError> {
    match timeout(deadline, stream.read_exact(buffer)).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) if error.kind() == ErrorKind::UnexpectedEof => {
            Err(malformed("the request ends early"))
        }
        Ok(Err(_)) => Err(ReadError::Gone),
        Err(_) => Err(too_slow()),
    }
}

#[allow(clippy::needless_pass_by_value)] // fits map_err
fn refuse(error: WireError) -> ReadError {
    let code = match error {
        WireError::Version { .. } | WireError::Kind { .. } => RefusalCode::Unsupported,
        WireError::ControlTooLong { .. } | WireError::Control(_) => RefusalCode::Malformed,
    };
    ReadError::Refused(Refusal::new(code), error.to_string())
}

fn malformed(reason: &str) -> ReadError {
    ReadError::Refused(Refusal::new(RefusalCode::Malformed), reason.to_owned())
}

fn too_slow() -> ReadError {
    ReadError::Refused(Refusal::new(RefusalCode::TooSlow), "deadline passed".to_owned())
}

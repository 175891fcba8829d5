//! One exchange on one stream: every length is known, and bounded by what was asked, before it is allocated.

use std::io;
use std::time::Duration;

use bytes::BufMut as _;
use quinn::{ConnectionError, ReadError, WriteError};
use rand::RngExt as _;
use samar_protocol::limits::{CONTROL_BYTES_MAX, MANIFEST_BYTES_MAX, PREAMBLE_BYTES};
use samar_protocol::wire::{Preamble, Refusal, RefusalCode, Request, Response};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use super::{Link, LinkError};

/// How long an exchange may stand still.
const STALL_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a whole exchange may last beside its bytes: the server may let a batch wait for a place and for memory.
const EXCHANGE_TIMEOUT: Duration = Duration::from_secs(120);
/// Bytes a second that a line must carry at least. A server that lets a byte fall now and then never stands still.
const LINE_BYTES_PER_S: u64 = 8 * 1024;
/// How often a busy server is asked again.
pub(super) const BUSY_TRIES: u32 = 6;
/// Wait before that where the server names no time.
const BUSY_WAIT_MS: u32 = 500;
/// The longest wait a server can impose.
const BUSY_WAIT_MS_MAX: u32 = 30_000;

const ENDS_EARLY: &str = "its answer ends too early";

const _: () = assert!(CONTROL_BYTES_MAX <= 64 * 1024);

/// Where streams come from: a connection, or a test. Their errors are quinn's, as [`io::Error`] carries them.
pub trait Streams: Send + Sync {
    /// The half that a request goes into. Shut down, the request is whole.
    type Send: AsyncWrite + Send + Unpin;
    /// The half that the answer comes from.
    type Receive: AsyncRead + Send + Unpin;

    /// Opens a stream for one exchange.
    fn open(&self) -> impl Future<Output = io::Result<(Self::Send, Self::Receive)>> + Send;

    /// Makes another connection to this address where the server closed the last one because it is busy; else nothing.
    fn renew(&self, address: &str) -> impl Future<Output = Result<(), LinkError>> + Send {
        let _ = address;
        async { Ok(()) } // what is no connection was closed by nobody
    }
}

impl<S: Streams> Link<S> {
    /// Asks, and asks again where the server is busy, on another connection where it closed this one. Nothing else is ever
    /// repeated.
    ///
    /// # Errors
    /// [`LinkError`]; a refusal other than "busy" comes back at once.
    pub(super) async fn ask(&self, request: &Request, bulk: &[u8]) -> Result<(Response, Vec<u8>), LinkError> {
        let once = |attempt| async move {
            if attempt > 1 {
                self.streams.renew(&self.address).await?;
            }
            self.ask_once(request, bulk).await
        };
        patiently(BUSY_TRIES, once).await
    }

    /// Makes another connection where the server closed this one for want of a seat. Where that fails, whoever asks next hears why.
    pub(crate) async fn renew(&self) {
        let _ = self.streams.renew(&self.address).await;
    }

    /// Asks, whatever comes of it.
    ///
    /// # Errors
    /// [`LinkError`]
    pub(super) async fn ask_once(
        &self,
        request: &Request,
        bulk: &[u8],
    ) -> Result<(Response, Vec<u8>), LinkError> {
        self.exchange_in(whole_time(request), request, bulk).await
    }

    /// One exchange that ends in time, one way or the other.
    async fn exchange_in(
        &self,
        time: Duration,
        request: &Request,
        bulk: &[u8],
    ) -> Result<(Response, Vec<u8>), LinkError> {
        let too_long =
            |_| LinkError::away(&self.address, format!("one answer took longer than {} s", time.as_secs()));
        tokio::time::timeout(time, self.exchange(request, bulk)).await.map_err(too_long)?
    }

    async fn exchange(&self, request: &Request, bulk: &[u8]) -> Result<(Response, Vec<u8>), LinkError> {
        debug_assert_eq!(request.bulk_bytes(), bulk.len());
        let lied = |what: &dyn ToString| LinkError::lied(&self.address, what.to_string());
        let head = request.encode().map_err(|error| LinkError::away(&self.address, error))?;
        let opened = self.within(self.streams.open()).await?;
        let (mut send, mut receive) = opened.map_err(|error| self.broken(&error))?;
        self.write(&mut send, &head).await?;
        self.write(&mut send, bulk).await?;
        let _ = send.shutdown().await; // fails only where the server has stopped reading, and then its answer says why

        let mut preamble = [0; PREAMBLE_BYTES];
        self.read(&mut receive, &mut preamble).await?;
        let preamble = Preamble::parse(preamble).map_err(|error| lied(&error))?;
        let mut control = vec![0; preamble.control_bytes as usize]; // at most CONTROL_BYTES_MAX
        self.read(&mut receive, &mut control).await?;
        let response =
            Response::decode(request.kind(), preamble.kind, &control).map_err(|error| lied(&error))?;
        if let Some(what) = unasked(request, &response) {
            return Err(lied(&what));
        }
        let answer = self.read_bulk(&mut receive, response.bulk_bytes()).await?;
        self.end(&mut receive).await?;
        match response {
            Response::Refused(refusal) => Err(LinkError::Refused { refusal }),
            response => Ok((response, answer)),
        }
    }

    async fn write(&self, send: &mut S::Send, mut bytes: &[u8]) -> Result<(), LinkError> {
        while !bytes.is_empty() {
            match self.within(send.write(bytes)).await? {
                Ok(0) => return Err(self.broken(&io::ErrorKind::WriteZero.into())),
                Ok(written) => bytes = &bytes[written..],
                // The server has heard enough: its answer is on the way.
                Err(error) if matches!(quinn_error(&error), Some(WriteError::Stopped(_))) => return Ok(()),
                Err(error) => return Err(self.broken(&error)),
            }
        }
        Ok(())
    }

    /// Fills `bytes`.
    async fn read(&self, receive: &mut S::Receive, bytes: &mut [u8]) -> Result<(), LinkError> {
        let mut filled = 0;
        while filled < bytes.len() {
            let read = self.within(receive.read(&mut bytes[filled..])).await?;
            match read.map_err(|error| self.broken(&error))? {
                0 => return Err(LinkError::lied(&self.address, ENDS_EARLY)),
                read => filled += read,
            }
        }
        Ok(())
    }

    /// What follows an answer's structure, read into memory that was not cleared before.
    async fn read_bulk(&self, receive: &mut S::Receive, length: usize) -> Result<Vec<u8>, LinkError> {
        let mut bulk = Vec::with_capacity(length);
        while bulk.len() < length {
            let left = length - bulk.len();
            let read = self.within(receive.read_buf(&mut (&mut bulk).limit(left))).await?;
            if read.map_err(|error| self.broken(&error))? == 0 {
                return Err(LinkError::lied(&self.address, ENDS_EARLY));
            }
        }
        Ok(bulk)
    }

    /// Nothing may follow an answer.
    async fn end(&self, receive: &mut S::Receive) -> Result<(), LinkError> {
        let read = self.within(receive.read(&mut [0])).await?;
        match read.map_err(|error| self.broken(&error))? {
            0 => Ok(()),
            _ => Err(LinkError::lied(&self.address, "bytes follow its answer")),
        }
    }

    /// What it means that a stream, or the connection under it, ended before its time.
    fn broken(&self, error: &io::Error) -> LinkError {
        let lost = match (quinn_error(error), quinn_error(error)) {
            (Some(ReadError::ConnectionLost(lost)), _) | (_, Some(WriteError::ConnectionLost(lost))) => {
                Some(lost)
            }
            _ => quinn_error::<ConnectionError>(error),
        };
        if let Some(lost) = lost {
            return LinkError::from_connection(&self.address, lost);
        }
        let Some(ReadError::Reset(code)) = quinn_error(error) else {
            return LinkError::away(&self.address, error);
        };
        match u16::try_from(code.into_inner()).ok().and_then(RefusalCode::from_number) {
            Some(code) => LinkError::Refused { refusal: Refusal::new(code) },
            None => LinkError::away(&self.address, "it broke off its answer"),
        }
    }

    async fn within<F: Future>(&self, step: F) -> Result<F::Output, LinkError> {
        let stalled = |_| {
            let seconds = STALL_TIMEOUT.as_secs();
            LinkError::away(&self.address, format!("nothing moved for {seconds} s"))
        };
        tokio::time::timeout(STALL_TIMEOUT, step).await.map_err(stalled)
    }
}

/// Does something that a busy server may refuse; again after the time that it names, and up to half as much more, so many times in all.
pub(super) async fn patiently<T, F: Future<Output = Result<T, LinkError>>>(
    tries: u32,
    once: impl Fn(u32) -> F,
) -> Result<T, LinkError> {
    for attempt in 1.. {
        match once(attempt).await {
            Err(error) => match busy_wait(&error, attempt).filter(|_| attempt < tries) {
                Some(wait) => tokio::time::sleep(wait).await,
                None => return Err(error),
            },
            done => return done,
        }
    }
    unreachable!("the last attempt returns")
}

/// The error of quinn's that an I/O error carries, if it is of this kind.
fn quinn_error<E: std::error::Error + 'static>(error: &io::Error) -> Option<&E> {
    error.get_ref()?.downcast_ref()
}

/// How long the exchange of this request may last, by the bytes that it can come to.
fn whole_time(request: &Request) -> Duration {
    let answer = match request {
        Request::Evaluate(_) | Request::Rekey(_) => request.bulk_bytes(),
        Request::Fetch(asked) => asked.length as usize,
        Request::Manifest(_) => MANIFEST_BYTES_MAX,
        Request::Hint(asked) => asked.length as usize,
        Request::Join(_) | Request::Lookup(_) | Request::Allowance(_) => CONTROL_BYTES_MAX,
    };
    let bytes = request.bulk_bytes().saturating_add(answer) as u64;
    EXCHANGE_TIMEOUT + Duration::from_secs(bytes / LINE_BYTES_PER_S)
}

/// What in a well-formed answer does not belong to the request.
fn unasked(request: &Request, response: &Response) -> Option<String> {
    match (request, response) {
        (Request::Fetch(asked), Response::Fetched(got)) if got.length != asked.length => {
            Some(format!("asked for {} bytes of a segment, it announces {}", asked.length, got.length))
        }
        (Request::Hint(asked), Response::Hint(got)) if got.length != asked.length => {
            Some(format!("asked for {} bytes of a hint, it announces {}", asked.length, got.length))
        }
        (Request::Evaluate(asked), Response::Evaluated(got)) if got.count != asked.count => {
            Some(format!("asked for {} evaluated elements, it announces {}", asked.count, got.count))
        }
        (Request::Rekey(asked), Response::Rekeyed(got)) if got.count != asked.count => {
            Some(format!("asked for {} rekeyed elements, it announces {}", asked.count, got.count))
        }
        _ => None,
    }
}

/// How long to wait before asking again after this attempt, counted from 1; `None` where that is not for a client to do.
pub(crate) fn busy_wait(error: &LinkError, attempt: u32) -> Option<Duration> {
    let LinkError::Refused { refusal } = error else { return None };
    let is_busy = refusal.code() == Some(RefusalCode::Busy) && attempt < BUSY_TRIES;
    is_busy.then(|| jittered(refusal.retry_after_ms.unwrap_or(BUSY_WAIT_MS << attempt)))
}

/// The time asked for and up to half as much again, so that banks that were refused together do not return together.
fn jittered(ms: u32) -> Duration {
    let ms = ms.clamp(1, BUSY_WAIT_MS_MAX);
    Duration::from_millis(u64::from(ms + rand::rng().random_range(0..=ms / 2)))
}

#[cfg(test)]
mod tests;

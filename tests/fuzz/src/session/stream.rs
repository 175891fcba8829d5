//! The two halves of a stream in memory, each with an end of its own choosing.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use quinn::{ConnectionError, ReadError, VarInt, WriteError};
use samar_protocol::wire::RefusalCode;
use samar_server::serve::{RequestHalf, ResponseHalf};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::script::Script;

/// How a half ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// In order.
    Whole,
    /// The peer breaks it off, with this code.
    Reset(u8),
    /// The connection is gone.
    Lost,
    /// Nothing comes, or is taken, any more.
    Stalled,
}

impl End {
    /// Mostly in order.
    pub(super) fn read(script: &mut Script<'_>) -> Self {
        match script.byte() {
            0xfd => Self::Lost,
            0xfe => Self::Stalled,
            0xff => Self::Reset(script.byte()),
            _ => Self::Whole,
        }
    }
}

/// What a peer sends, so many bytes at a time.
pub(super) struct Inbound {
    bytes: Vec<u8>,
    at: usize,
    step: usize,
    end: End,
}

impl Inbound {
    pub(super) fn new(bytes: Vec<u8>, step: u8, end: End) -> Self {
        Self { bytes, at: 0, step: if step == 0 { usize::MAX } else { step.into() }, end }
    }
}

impl AsyncRead for Inbound {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let length = self.step.min(out.remaining()).min(self.bytes.len() - self.at);
        if length == 0 && out.remaining() > 0 {
            return match self.end {
                End::Whole => Poll::Ready(Ok(())),
                End::Reset(code) => Poll::Ready(Err(ReadError::Reset(VarInt::from_u32(code.into())).into())),
                End::Lost => Poll::Ready(Err(ReadError::ConnectionLost(ConnectionError::Reset).into())),
                End::Stalled => Poll::Pending,
            };
        }
        out.put_slice(&self.bytes[self.at..self.at + length]);
        self.at += length;
        Poll::Ready(Ok(()))
    }
}

impl RequestHalf for Inbound {
    fn stop(&mut self) {}
}

/// What a peer was sent.
#[derive(Debug, Default)]
pub(super) struct Sent {
    pub(super) bytes: Vec<u8>,
    /// It was ended in order.
    pub(super) whole: bool,
    /// It was broken off, with this code.
    pub(super) reset: Option<RefusalCode>,
}

/// Takes so many bytes of what is sent to a peer, then ends.
pub(super) struct Outbound {
    pub(super) sent: Arc<Mutex<Sent>>,
    bytes_max: usize,
    end: End,
}

impl Outbound {
    /// Takes all where `end` is in order.
    pub(super) fn new(end: End, bytes_max: u16) -> Self {
        let bytes_max = if end == End::Whole { usize::MAX } else { bytes_max.into() };
        Self { sent: Arc::default(), bytes_max, end }
    }
}

impl AsyncWrite for Outbound {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let mut sent = self.sent.lock().unwrap();
        assert!(!sent.whole && sent.reset.is_none(), "written to after its end");
        let length = bytes.len().min(self.bytes_max - sent.bytes.len());
        if length == 0 {
            return match self.end {
                End::Whole => Poll::Ready(Ok(0)),
                End::Reset(code) => {
                    Poll::Ready(Err(WriteError::Stopped(VarInt::from_u32(code.into())).into()))
                }
                End::Lost => Poll::Ready(Err(WriteError::ConnectionLost(ConnectionError::Reset).into())),
                End::Stalled => Poll::Pending,
            };
        }
        sent.bytes.extend(&bytes[..length]);
        Poll::Ready(Ok(length))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.sent.lock().unwrap().whole = true;
        Poll::Ready(Ok(()))
    }
}

impl ResponseHalf for Outbound {
    async fn taken(&mut self) -> bool {
        match self.end {
            End::Whole => true,
            End::Reset(_) | End::Lost => false,
            End::Stalled => std::future::pending().await,
        }
    }

    fn reset(&mut self, code: RefusalCode) {
        self.sent.lock().unwrap().reset = Some(code);
    }
}

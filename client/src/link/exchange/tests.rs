//! A server that is slow, busy, or plays for time.

use std::sync::atomic::{AtomicU32, Ordering};

use samar_protocol::limits::FETCH_BYTES_MAX;
use samar_protocol::wire::{AllowanceRequest, FetchRequest, Fetched, ManifestRequest};
use tokio::io::{DuplexStream, ReadHalf, WriteHalf};

use super::*;

/// Answers each exchange with the same bytes, and then a byte now and then, for ever.
struct Dragging {
    answer: Vec<u8>,
    exchanges: AtomicU32,
    /// Whether it goes on after its answer.
    drags: bool,
}

impl Dragging {
    fn link(response: &Response, drags: bool) -> Link<Self> {
        let answer = response.encode().unwrap();
        Link::over("test", Self { answer, exchanges: AtomicU32::new(0), drags })
    }
}

impl Streams for Dragging {
    type Send = WriteHalf<DuplexStream>;
    type Receive = ReadHalf<DuplexStream>;

    async fn open(&self) -> io::Result<(Self::Send, Self::Receive)> {
        self.exchanges.fetch_add(1, Ordering::Relaxed);
        let (here, there) = tokio::io::duplex(1 << 16);
        let (answer, drags) = (self.answer.clone(), self.drags);
        tokio::spawn(async move {
            let (mut receive, mut send) = tokio::io::split(there);
            let mut request = Vec::new();
            receive.read_to_end(&mut request).await.unwrap();
            send.write_all(&answer).await.unwrap();
            while drags && send.write_all(&[0]).await.is_ok() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            let _ = send.shutdown().await;
        });
        let (receive, send) = tokio::io::split(here);
        Ok((send, receive))
    }
}

fn fetch(length: u32) -> Request {
    Request::Fetch(FetchRequest { root: [1; 32], offset: 0, length, extensions: vec![] })
}

#[tokio::test]
async fn a_server_that_drags_its_answer_does_not_hold_the_bank_for_ever() {
    let response = Response::Fetched(Fetched { length: FETCH_BYTES_MAX, extensions: vec![] });
    let link = Dragging::link(&response, true);
    // At a byte a millisecond the whole answer would take half an hour, and never stand still.
    let time = Duration::from_millis(300);
    let error = link.exchange_in(time, &fetch(FETCH_BYTES_MAX), &[]).await.unwrap_err();
    assert!(matches!(&error, LinkError::Away { reason, .. } if reason.contains("took longer")), "{error}");
}

#[test]
fn the_time_of_an_exchange_goes_by_its_bytes() {
    let small = whole_time(&Request::Allowance(AllowanceRequest { extensions: vec![] }));
    assert_eq!(small.as_secs(), 120 + 8);
    let manifest = whole_time(&Request::Manifest(ManifestRequest { epoch: None, extensions: vec![] }));
    assert_eq!(manifest.as_secs(), 120 + 128);
    assert_eq!(whole_time(&fetch(FETCH_BYTES_MAX)).as_secs(), 120 + 256);
}

#[tokio::test]
async fn a_busy_server_is_asked_a_few_times_and_another_refusal_is_taken_at_once() {
    for (code, exchanges) in [(RefusalCode::Busy, BUSY_TRIES), (RefusalCode::Internal, 1)] {
        let link = Dragging::link(&Response::Refused(Refusal::new(code).retry_after_ms(1)), false);
        let error = link.ask(&fetch(1), &[]).await.unwrap_err();
        assert_eq!(error.refusal_code(), Some(code));
        assert_eq!(link.streams.exchanges.load(Ordering::Relaxed), exchanges);
    }
}

#[test]
fn the_wait_is_at_least_what_was_asked_and_never_without_bound() {
    let waits = |ms| (0..200).map(move |_| jittered(ms).as_millis());
    assert!(waits(1_000).all(|wait| (1_000..=1_500).contains(&wait)));
    assert!(waits(1_000).collect::<std::collections::HashSet<_>>().len() > 1, "banks return apart");
    assert!(waits(u32::MAX).all(|wait| (30_000..=45_000).contains(&wait)));
    assert!(waits(0).all(|wait| (1..=1).contains(&wait)));
}

//! One connection: who it is, and its streams.

use std::sync::Arc;
use std::time::{Duration, Instant};

use prometheus_client::metrics::gauge::Gauge;
use quinn::Connection;
use rustls::pki_types::CertificateDer;
use samar_local::exit::Failure;
use samar_protocol::wire::{Refusal, RefusalCode, Request, Response};
use tokio::task::JoinSet;

use super::admission::Room;
use super::answer::{self, Answer};
use super::exchange::{self, ReadError, RequestHalf, ResponseHalf, close_code};
use super::lookup;
use super::{BANK_WINDOW, EXPIRY_WARNED_DAYS, RETRY_AFTER_MS, State, is_true};
use crate::pki;

/// Who is at the other end.
#[derive(Clone, Debug)]
pub enum Peer {
    /// No certificate: may join.
    Stranger,
    /// A certificate of the operator's authority, for the key of the bank of this name.
    Bank(String),
    /// A certificate of the operator's authority, but of no enrolled bank.
    Unknown,
}

/// One more in a gauge, until dropped.
struct Counted(Gauge);

impl Counted {
    fn new(gauge: &Gauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// How often it is looked at whether a bank is still to be served.
const ENROLLED_POLL: Duration = Duration::from_secs(2);

/// Serves a connection until it ends or the server drains.
pub(super) async fn serve(state: Arc<State>, connection: Connection) {
    let certificate = shown(&connection);
    let peer = Arc::new(identify(&state, certificate.as_ref()).await);
    let until_s = certificate.as_ref().and_then(pki::end_s);
    let seats = match &*peer {
        Peer::Bank(bank) => state.seats.take(bank).map(|seat| (seat, None)),
        // A few seats for all who are no bank, and fewer for each address, so that strangers cannot keep banks out.
        Peer::Stranger | Peer::Unknown => {
            let (address, per_address) =
                (connection.remote_address().ip(), state.config().limits.connections_per_address);
            let at_address = state.seats.take_at(address, true, per_address);
            at_address.and_then(|at_address| Some((state.seats.take_as_stranger()?, Some(at_address))))
        }
    };
    let Some(_seats) = seats else {
        state.metrics.turned_away.inc();
        if let Peer::Bank(bank) = &*peer {
            tracing::warn!(bank, "too many connections");
        }
        connection.close(close_code(RefusalCode::Busy), RefusalCode::Busy.text().as_bytes());
        return;
    };
    if let Peer::Bank(bank) = &*peer {
        connection.set_receive_window(BANK_WINDOW.into());
        warn_of_end(bank, until_s, state.now_s());
    }
    let _counted = Counted::new(&state.metrics.connections);
    let mut streams = JoinSet::new();
    let mut draining = state.draining();
    // Whoever is no bank has the time of one request, so that strangers cannot fill the house by staying.
    let visit_over = tokio::time::sleep(state.deadline());
    tokio::pin!(visit_over);
    let mut look = tokio::time::interval(ENROLLED_POLL);
    loop {
        tokio::select! {
            accepted = connection.accept_bi() => match accepted {
                Ok((send, recv)) => {
                    streams.spawn(one_stream(Arc::clone(&state), Arc::clone(&peer), send, recv));
                }
                Err(_) => break, // closed by the peer, timed out, or lost
            },
            Some(_) = streams.join_next() => {}
            () = is_true(&mut draining) => break close(&connection, streams, RefusalCode::Draining).await,
            _ = look.tick() => {
                if !is_served(&state, &peer) {
                    // What is under way is not answered: it may be why the bank was revoked.
                    streams.abort_all();
                    break close(&connection, streams, RefusalCode::NotEnrolled).await;
                }
                if until_s.is_some_and(|until_s| until_s < state.now_s()) {
                    // A handshake would be refused by now. With a renewed certificate the bank is let in again.
                    break close(&connection, streams, RefusalCode::NotEnrolled).await;
                }
            },
            () = &mut visit_over, if !matches!(*peer, Peer::Bank(_)) => {
                // What a stranger still has under way is not waited for.
                streams.abort_all();
                break close(&connection, streams, RefusalCode::TooSlow).await;
            }
        }
    }
}

/// Closes with a code. What is being answered is answered to the end; nothing more is taken.
async fn close(connection: &Connection, mut streams: JoinSet<()>, code: RefusalCode) {
    while streams.join_next().await.is_some() {}
    connection.close(close_code(code), code.text().as_bytes());
}

/// Whether a peer that was a bank still is one. An enrolment that cannot be read ends no connection; its requests say so.
fn is_served(state: &State, peer: &Peer) -> bool {
    match peer {
        Peer::Bank(name) => !matches!(state.registry.served(name), Ok(None)),
        Peer::Stranger | Peer::Unknown => true,
    }
}

/// Says in the log that a bank's certificate runs out within weeks. Its own program says so too, and renews it.
fn warn_of_end(bank: &str, until_s: Option<u64>, now_s: u64) {
    let days = until_s.map(|until_s| until_s.saturating_sub(now_s) / 86_400);
    if let Some(days) = days.filter(|days| *days < EXPIRY_WARNED_DAYS) {
        let remedy = "the bank runs: samar renew";
        tracing::warn!(bank, days, remedy, "the certificate of a bank runs out");
    }
}

/// The certificate that the peer showed.
fn shown(connection: &Connection) -> Option<CertificateDer<'static>> {
    let chain = connection.peer_identity()?.downcast::<Vec<CertificateDer<'static>>>().ok()?;
    chain.into_iter().next()
}

async fn identify(state: &Arc<State>, certificate: Option<&CertificateDer<'static>>) -> Peer {
    let Some(certificate) = certificate else { return Peer::Stranger };
    let Some(fingerprint) = pki::key_fingerprint(certificate) else { return Peer::Unknown };
    let enrolled = match state.accounts.bank_of(&fingerprint) {
        Some(name) => state.registry.served(&name),
        None => {
            // Reads every enrolment.
            let state = Arc::clone(state);
            let looked = tokio::task::spawn_blocking(move || state.registry.certified(&fingerprint));
            looked.await.unwrap_or_else(|error| Err(Failure::local(error)))
        }
    };
    match enrolled {
        Ok(Some(bank)) => Peer::Bank(bank.name),
        Ok(None) => Peer::Unknown,
        Err(failure) => {
            tracing::error!(%failure, "an enrolment cannot be read");
            Peer::Unknown
        }
    }
}

/// Reads a request and answers it.
pub(super) async fn one_stream(
    state: Arc<State>,
    peer: Arc<Peer>,
    mut send: impl ResponseHalf,
    mut recv: impl RequestHalf,
) {
    let began = Instant::now();
    let request = match exchange::read_request(&mut recv, state.deadline()).await {
        Ok(request) => request,
        Err(ReadError::Gone) => return,
        Err(ReadError::Refused(refusal, why)) => {
            return finish(&state, &peer, &mut send, &mut recv, "unread", Err((refusal, why)), began).await;
        }
    };
    let kind = kind_name(&request);
    // Held until the response was taken, or the peer given up.
    let mut room = None;
    if let Some(answer) = answer(&state, &peer, request, &mut recv, &mut room).await {
        finish(&state, &peer, &mut send, &mut recv, kind, answer, began).await;
    }
}

/// `None` where the peer went away before its request was there. Leaves in `room` the memory that request and response
/// are allowed.
async fn answer(
    state: &Arc<State>,
    peer: &Peer,
    request: Request,
    recv: &mut impl RequestHalf,
    room: &mut Option<Room>,
) -> Option<Answer> {
    let refuse = |code| Some(Err((Refusal::new(code), String::new())));
    let bank = match (peer, &request) {
        (_, Request::Join(_)) => None,
        // As it is enrolled now: what the operator changed counts for connections that are open.
        (Peer::Bank(name), _) => match state.registry.served(name) {
            Ok(Some(bank)) => Some(bank),
            Ok(None) => return refuse(RefusalCode::NotEnrolled),
            Err(failure) => return Some(Err((Refusal::new(RefusalCode::Internal), failure.to_string()))),
        },
        (Peer::Stranger, _) => return refuse(RefusalCode::Unauthenticated),
        (Peer::Unknown, _) => return refuse(RefusalCode::NotEnrolled),
    };
    // A place in the queue and room in memory come before the bulk, so that waiting requests hold neither.
    let key = match &request {
        Request::Evaluate(control) => answer::key_of(state, control).map(drop),
        Request::Rekey(control) => answer::ratio_of(state, control).map(drop),
        _ => Ok(()),
    };
    if let Err(refused) = key {
        return Some(Err(refused));
    }
    let place = match (&bank, &request) {
        (Some(bank), Request::Evaluate(_) | Request::Rekey(_)) => {
            match state.compute.place(&bank.name).await {
                Ok(place) => Some(place),
                Err(refusal) => return Some(Err((refusal, "no place in the queue".to_owned()))),
            }
        }
        (Some(bank), Request::Lookup(control)) => {
            if let Err(refused) = lookup::find(state, control) {
                return Some(Err(refused));
            }
            match state.compute.place(&bank.name).await {
                Ok(place) => Some(place),
                Err(refusal) => return Some(Err((refusal, "no place in the queue".to_owned()))),
            }
        }
        _ => None,
    };
    let waiting = state.memory.room_for(bank.as_ref().map_or("", |bank| &bank.name), &request);
    match tokio::time::timeout(state.deadline(), waiting).await {
        Ok(found) => *room = found,
        Err(_) => {
            let refusal = Refusal::new(RefusalCode::Busy).retry_after_ms(RETRY_AFTER_MS);
            return Some(Err((refusal, "no room in memory".to_owned())));
        }
    }
    let bulk = match exchange::read_bulk(recv, request.bulk_bytes(), state.deadline()).await {
        Ok(bulk) => bulk,
        Err(ReadError::Gone) => return None,
        Err(ReadError::Refused(refusal, why)) => return Some(Err((refusal, why))),
    };
    Some(match (request, bank, place) {
        (Request::Join(request), ..) => answer::join(state, peer, request).await,
        (Request::Manifest(request), ..) => answer::manifest(state, &request),
        (Request::Fetch(request), ..) => answer::fetch(state, &request).await,
        (Request::Evaluate(request), Some(bank), Some(place)) => {
            answer::evaluate(state, &bank.name, &place, &request, bulk).await
        }
        (Request::Rekey(request), Some(bank), Some(place)) => {
            answer::rekey(state, &bank.name, &place, &request, bulk).await
        }
        (Request::Hint(request), ..) => lookup::hint(state, &request).await,
        (Request::Lookup(request), Some(bank), Some(_place)) => {
            lookup::look_up(state, &bank.name, &request, bulk).await
        }
        (Request::Allowance(_), Some(bank), _) => Ok(answer::allowance(state, &bank)),
        (Request::Evaluate(_) | Request::Rekey(_) | Request::Lookup(_) | Request::Allowance(_), ..) => {
            return refuse(RefusalCode::Internal);
        }
    })
}

async fn finish(
    state: &State,
    peer: &Peer,
    send: &mut impl ResponseHalf,
    recv: &mut impl RequestHalf,
    kind: &'static str,
    answer: Answer,
    began: Instant,
) {
    let bank = match peer {
        Peer::Bank(bank) => bank.as_str(),
        Peer::Stranger => "(no certificate)",
        Peer::Unknown => "(not enrolled)",
    };
    let mut refused = None;
    let (response, bulk) = answer.unwrap_or_else(|(refusal, why)| {
        refused = refusal.code();
        let code = refused.map_or("unknown", RefusalCode::name);
        match refused {
            // Not the bank's doing: the operator has something to mend.
            Some(RefusalCode::Internal) => tracing::error!(bank, request = kind, code, why, "refused"),
            _ => tracing::info!(bank, request = kind, code, why, "refused"),
        }
        (Response::Refused(refusal), Vec::new())
    });
    if matches!(response, Response::Refused(_)) {
        recv.stop(); // whatever is still coming is not wanted
    }
    let bytes = bulk.len();
    match exchange::write_response(send, &response, bulk.into(), state.deadline()).await {
        Ok(()) => {
            state.metrics.request(kind, refused, began.elapsed());
            let elapsed_ms = began.elapsed().as_millis();
            tracing::debug!(bank, request = kind, bytes, elapsed_ms, "answered");
        }
        Err(why) => {
            state.metrics.gone(kind);
            tracing::info!(bank, request = kind, why, "not answered");
        }
    }
}

fn kind_name(request: &Request) -> &'static str {
    match request {
        Request::Join(_) => "join",
        Request::Manifest(_) => "manifest",
        Request::Fetch(_) => "fetch",
        Request::Evaluate(_) => "evaluate",
        Request::Rekey(_) => "rekey",
        Request::Hint(_) => "hint",
        Request::Lookup(_) => "lookup",
        Request::Allowance(_) => "allowance",
    }
}

//! What a lying client sends: valid requests that were damaged, and bytes that never were one.

use std::time::Duration;

use quinn::{Connection, ReadToEndError};
use rand::rngs::StdRng;
use rand::{Rng as _, RngExt as _};
use samar_protocol::limits::PREAMBLE_BYTES;
use samar_protocol::wire::KIND_REFUSAL;

use crate::fixture::messages::{self, framed};
use crate::fixture::operator::niks;
use crate::fixture::pins::{Batch, Pins};

/// Longer than any answer takes, shorter than a stalled stream would.
const ANSWER_MAX: Duration = Duration::from_secs(60);

/// What came of a frame.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Heard {
    /// The server said why not.
    Refusal,
    /// The client cut it off.
    Nothing,
    /// It was a valid request after all.
    Answer,
}

/// Makes frames.
pub(super) struct Liar {
    valid: Vec<Vec<u8>>,
}

/// How a frame ends.
enum End {
    Finish,
    Reset,
    /// The client does not listen.
    Deaf,
}

impl Liar {
    pub(super) fn new(pins: &Pins) -> Self {
        let segment = &pins.manifest.breaches[0].segments[0];
        let encoded = |request: samar_protocol::wire::Request| request.encode().expect("a valid request");
        Self {
            valid: vec![
                Batch::new(&niks(0, 4), 1).request(pins),
                Batch::new(&niks(0, 40), 2).request(pins),
                encoded(messages::manifest(None)),
                encoded(messages::manifest(Some(1))),
                encoded(messages::fetch(segment.root, 0, 2_048)),
                encoded(messages::allowance()),
                encoded(messages::join([7; 32], vec![0x30; 200])),
            ],
        }
    }

    /// Sends one, and hears what comes back.
    pub(super) async fn lie(&self, connection: &Connection, dice: &mut StdRng) -> Result<Heard, String> {
        let (frame, end) = self.frame(dice);
        let lost =
            |error: &dyn std::fmt::Display| format!("the server gave up a connection of the bank: {error}");
        let (mut send, mut recv) = connection.open_bi().await.map_err(|error| lost(&error))?;
        // A server that has heard enough stops the stream: what it answered is still to be read.
        let _ = send.write_all(&frame).await;
        match end {
            End::Finish => {
                let _ = send.finish();
            }
            End::Reset => {
                let _ = send.reset(dice.random::<u32>().into());
                return Ok(Heard::Nothing);
            }
            End::Deaf => {
                let _ = recv.stop(0u32.into());
                return Ok(Heard::Nothing);
            }
        }
        let answer = tokio::time::timeout(ANSWER_MAX, recv.read_to_end(1 << 22)).await;
        match answer.map_err(|_| "a malformed frame is not answered")? {
            Ok(answer) if answer.len() < PREAMBLE_BYTES => {
                Err("an answer is shorter than its preamble".to_owned())
            }
            Ok(answer) if answer[1] == KIND_REFUSAL => Ok(Heard::Refusal),
            Ok(_) => Ok(Heard::Answer),
            Err(ReadToEndError::Read(error)) => Err(lost(&error)),
            Err(error) => Err(lost(&error)),
        }
    }

    fn frame(&self, dice: &mut StdRng) -> (Vec<u8>, End) {
        let mut frame = self.valid[dice.random_range(0..self.valid.len())].clone();
        let bytes = |dice: &mut StdRng, length: usize| {
            let mut bytes = vec![0; length];
            dice.fill_bytes(&mut bytes);
            bytes
        };
        let at = dice.random_range(0..frame.len());
        match dice.random_range(0..12) {
            0 | 1 => {
                for _ in 0..dice.random_range(1..5) {
                    let at = dice.random_range(0..frame.len());
                    frame[at] ^= dice.random_range(1..=255);
                }
            }
            2 => frame.truncate(at),
            3 => frame.extend(bytes(dice, 1 + at % 64)),
            4 => frame = bytes(dice, at),
            5 => {
                let length = [0, 1, 65_535, 65_536, 65_537, u32::MAX, dice.random()][dice.random_range(0..7)];
                frame[2..PREAMBLE_BYTES].copy_from_slice(&length.to_le_bytes());
            }
            6 => frame = framed(1, dice.random_range(0..12), &bytes(dice, at)),
            7 => {
                // A number somewhere becomes an extreme one.
                let extreme = [0, 1, u64::MAX, 1 << 63, 1 << 32, 65_536][dice.random_range(0..6)];
                for (byte, with) in frame[at..].iter_mut().zip(extreme.to_le_bytes()) {
                    *byte = with;
                }
            }
            8 => {
                let other = &self.valid[dice.random_range(0..self.valid.len())];
                frame.truncate(at);
                frame.extend_from_slice(&other[dice.random_range(0..other.len())..]);
            }
            9 if dice.random_range(0..50) == 0 => {
                // As large as a control structure may be.
                frame = framed(1, dice.random_range(1..10), &bytes(dice, 65_536));
            }
            9 => frame.clear(),
            10 => return (frame[..at].to_vec(), End::Reset),
            _ => {
                frame[at] ^= 1;
                return (frame, End::Deaf);
            }
        }
        (frame, End::Finish)
    }
}

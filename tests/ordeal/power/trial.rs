//! Disks made of a recording, and what must hold on each of them.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use super::disk::{Disk, Image, Loss};
use super::recording::{Answer, Recording, Step};

/// One disk in so many is cut a second time, while it is mended.
const SECOND: u32 = 3;

/// A recording, and how it is judged.
pub(super) struct Trial {
    /// The disk as it was before.
    before: Disk,
    recorded: Vec<Step>,
    /// Where images are put.
    place: PathBuf,
    judge: fn(&Path, &[Answer]) -> Result<(), String>,
    mend: fn(&Path, &Recording) -> Result<(), String>,
}

/// How many images were judged, and how many of them came of a second cut.
#[derive(Default)]
pub(super) struct Held {
    pub(super) images: u32,
    pub(super) second: u32,
}

impl Trial {
    /// A trial of what was recorded since `before`. `judge` starts the programs' code on the folder that it is given, and shows
    /// that what was answered holds; `mend` does what they do at a start, and notes what they answer.
    pub(super) fn new(
        before: Disk,
        recorded: Vec<Step>,
        place: PathBuf,
        judge: fn(&Path, &[Answer]) -> Result<(), String>,
        mend: fn(&Path, &Recording) -> Result<(), String>,
    ) -> Self {
        Self { before, recorded, place, judge, mend }
    }

    /// Operations recorded.
    pub(super) fn steps(&self) -> usize {
        self.recorded.iter().filter(|step| !matches!(step, Step::Answered(_))).count()
    }

    /// The same with some operations that were forgotten.
    pub(super) fn without(&self, forgotten: fn(&Step) -> bool) -> Self {
        let recorded = self.recorded.iter().filter(|step| !forgotten(step)).cloned().collect();
        Self { before: self.before.clone(), recorded, place: self.place.clone(), ..*self }
    }

    /// Judges about so many images, spread over the whole recording.
    pub(super) fn hold(&self, count: u32) -> Result<Held, String> {
        let (places, mut held) = (self.recorded.len() + 1, Held::default());
        let mut dice = StdRng::seed_from_u64(count.into());
        let (mut disk, mut answers, mut done) = (self.before.clone(), Vec::new(), 0);
        // A third are images of a second cut, which count as well.
        let first = count - count / (SECOND + 1);
        for at in 0..places {
            // So many by here, so that a small count reaches the end as well.
            let due = u64::from(first) * (at as u64 + 1) / places as u64;
            while u64::from(done) < due {
                let loss = match done % 4 {
                    0 => Loss::Nothing,
                    1 => Loss::All,
                    _ => Loss::Some([0.1, 0.5, 0.9][dice.random_range(0..3)]),
                };
                let image = disk.cut(loss, &mut dice);
                let failed = |what: String| format!("cut after step {at} of {places}, {loss:?} lost: {what}");
                if done % SECOND == 0 {
                    self.second(&disk, &image, loss, &answers, &mut dice).map_err(failed)?;
                    held.second += 1;
                    held.images += 1;
                }
                disk.place(&image, &self.place)?;
                (self.judge)(&self.place, &answers).map_err(failed)?;
                held.images += 1;
                done += 1;
            }
            match self.recorded.get(at) {
                Some(Step::Answered(answer)) => answers.push(answer.clone()),
                Some(step) => disk.apply(step),
                None => {}
            }
        }
        Ok(held)
    }

    /// Cuts the power again while the programs mend what the first cut left.
    fn second(
        &self,
        disk: &Disk,
        image: &Image,
        loss: Loss,
        answers: &[Answer],
        dice: &mut StdRng,
    ) -> Result<(), String> {
        disk.place(image, &self.place)?;
        let recording = Recording::begin(&self.place, Duration::ZERO);
        (self.mend)(&self.place, &recording)?;
        let steps = recording.end();
        // After a kill the system still has what was not synced; after a cut there is only what it left.
        let mut disk = if loss == Loss::Nothing { disk.clone() } else { disk.after(image) };
        let mut answers = answers.to_vec();
        let end = dice.random_range(0..=steps.len());
        for step in &steps[..end] {
            match step {
                Step::Answered(answer) => answers.push(answer.clone()),
                step => disk.apply(step),
            }
        }
        let loss = [Loss::All, Loss::Some(0.5), Loss::Some(0.9)][dice.random_range(0..3)];
        disk.place(&disk.cut(loss, dice), &self.place)?;
        let failed = |what| format!("and once more after step {end} of {} of mending: {what}", steps.len());
        (self.judge)(&self.place, &answers).map_err(failed)
    }
}

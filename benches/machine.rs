//! A line about the machine, without which a rate says nothing.

use std::fs;

/// Processor, its family and model, cores, load and compiler; what cannot be told is left out.
#[must_use]
pub fn describe() -> String {
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let field = |name: &str| {
        let line = cpu.lines().find(|line| line.split(':').next().is_some_and(|key| key.trim() == name));
        line.and_then(|line| line.split_once(':')).map(|(_, value)| value.trim().to_owned())
    };
    let mut parts = vec![field("model name").unwrap_or_else(|| std::env::consts::ARCH.to_owned())];
    if let (Some(family), Some(model)) = (field("cpu family"), field("model")) {
        parts.push(format!("family {family} model {model}"));
    }
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    parts.push(format!("{cores} cores"));
    if let Ok(load) = fs::read_to_string("/proc/loadavg") {
        parts.push(format!("load {}", load.split(' ').next().unwrap_or_default()));
    }
    parts.push(env!("SAMAR_BENCHES_RUSTC").to_owned());
    parts.join(", ")
}

//! Where a passphrase comes from: a file descriptor, the environment, or a prompt; asked for once, and only where something is
//! sealed.

use std::fs::File;
use std::io::{IsTerminal as _, Read as _};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use zeroize::Zeroizing;

use crate::exit::Failure;
use crate::seal::{Cost, WrappingKey};

/// Bytes of a passphrase.
const BYTES_MAX: usize = 1_024;

/// Where a passphrase is looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// The first line that this descriptor gives.
    Descriptor(u32),
    /// This environment variable if it is set; else a prompt with these words, where there is a terminal.
    EnvironmentOrPrompt {
        /// The variable.
        variable: &'static str,
        /// What is asked.
        prompt: &'static str,
        /// Whether it must be typed a second time, because a slip would lock up what is sealed.
        twice: bool,
    },
}

/// The passphrase of a folder's secrets. Redacted in `Debug`, zeroized on drop.
pub struct Passphrase {
    source: Source,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    text: Option<Zeroizing<Vec<u8>>>,
    /// The last wrapping key, which all that was sealed together shares.
    wrapping: Option<(Cost, Arc<WrappingKey>)>,
}

impl Passphrase {
    /// From this source, when it is first needed.
    #[must_use]
    pub fn new(source: Source) -> Self {
        Self { source, known: Mutex::default() }
    }

    /// The wrapping key of what is sealed at this cost; `path` is a file that needs it.
    ///
    /// # Errors
    /// No passphrase can be had, or no memory.
    pub fn wrapping_key(&self, cost: &Cost, path: &Path) -> Result<Arc<WrappingKey>, Failure> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((of, wrapping)) = &known.wrapping
            && of == cost
        {
            return Ok(Arc::clone(wrapping));
        }
        if known.text.is_none() {
            known.text = Some(self.ask(path)?);
        }
        let text = known.text.as_deref().map(Vec::as_slice).unwrap_or_default();
        let no_memory = || Failure::local("there is no memory to derive the wrapping key");
        let wrapping = Arc::new(WrappingKey::derive(text, cost).ok_or_else(no_memory)?);
        known.wrapping = Some((*cost, Arc::clone(&wrapping)));
        Ok(wrapping)
    }

    fn ask(&self, path: &Path) -> Result<Zeroizing<Vec<u8>>, Failure> {
        let text = match &self.source {
            Source::Descriptor(number) => first_line(*number)?,
            Source::EnvironmentOrPrompt { variable, prompt, twice } => match std::env::var_os(variable) {
                Some(text) => Zeroizing::new(text.into_encoded_bytes()),
                None if std::io::stdin().is_terminal() => {
                    let text = prompted(prompt)?;
                    if *twice && *prompted("The same again")? != *text {
                        return Err(Failure::input("the two passphrases differ; nothing was changed"));
                    }
                    text
                }
                None => {
                    let what = format!("{} needs a passphrase", path.display());
                    let remedy =
                        format!("give it with --passphrase-fd or in {variable}, or run on a terminal");
                    return Err(Failure::input(what).remedy(remedy));
                }
            },
        };
        if text.is_empty() || text.len() > BYTES_MAX {
            return Err(Failure::input(format!("a passphrase has 1 to {BYTES_MAX} bytes")));
        }
        Ok(text)
    }
}

fn prompted(prompt: &str) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let text = rpassword::prompt_password(format!("{prompt}: "));
    let text = text.map_err(|error| Failure::local(format!("no passphrase: {error}")))?;
    Ok(Zeroizing::new(text.into_bytes()))
}

fn first_line(descriptor: u32) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let mut text = Zeroizing::new(Vec::with_capacity(BYTES_MAX + 2));
    let limit = BYTES_MAX as u64 + 2;
    let read = match descriptor {
        // Read as it was handed over: a service manager opens what this user may not open again.
        0 => std::io::stdin().lock().take(limit).read_to_end(&mut text),
        _ => File::open(format!("/dev/fd/{descriptor}"))
            .and_then(|file| file.take(limit).read_to_end(&mut text)),
    };
    read.map_err(|error| {
        Failure::input(format!("no passphrase can be read from descriptor {descriptor}: {error}"))
    })?;
    let end = text.iter().position(|byte| matches!(byte, b'\r' | b'\n')).unwrap_or(text.len());
    text.truncate(end);
    Ok(text)
}

impl core::fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Passphrase(redacted, {:?})", self.source)
    }
}

//! `inspect` of both programs: a file in words, or as JSON.
//!
//! ```text
//! path → Source (bounded reading) → Kind (by content) → decoder → Report → words | JSON, exit code
//! ```
//!
//! Decoders of what both sides hold stand here: invitation, manifest, segment, certificate, private key. Each program adds
//! those of the files that it alone writes, and gives them to [`run`]. A decoder shows all that it can up to the first
//! fault and then names that with its place and a remedy; it never shows an identifier, token, secret key, element or tag.

pub mod binary;
mod certificate;
mod hint;
mod invitation;
mod kind;
mod manifest;
mod private_key;
mod report;
mod segment;
mod source;
#[cfg(test)]
mod tests;
pub mod toml_file;

use std::path::Path;

use ed25519_dalek::VerifyingKey;
use samar_local::exit::{Exit, Failure, print};

pub use kind::Kind;
pub use report::{Facts, Fault, Report, Value, printable};
pub use source::Source;

/// A decoder of a program's own kinds: `None` for a kind that is not its own.
pub type Decoder<'a> = &'a dyn Fn(Kind, &Source) -> Option<Result<Report, Failure>>;

/// The program that inspects.
pub struct Program<'a> {
    /// Its name on the command line.
    pub name: &'static str,
    /// Keys of its folder that may have signed a manifest; none where the folder has none.
    pub publishers: Vec<VerifyingKey>,
    /// Shows the kinds that this program alone writes.
    pub own: Decoder<'a>,
}

/// Shows the file at `path`. [`Exit::Local`] where it is damaged: what could be read of it was shown all the same.
///
/// # Errors
/// [`Failure`]: it cannot be read, or it is no file of Samar.
pub fn run(program: &Program<'_>, path: &Path, json: bool) -> Result<Exit, Failure> {
    let source = Source::open(path)?;
    let kind = kind::recognise(&source)?;
    let mut report = decode(program, kind, &source)?;
    if let Some(why) = source.unfinished() {
        report.excuse(why);
    }
    if json {
        print(format_args!("{}", report.to_json(kind, &source)));
    } else {
        print(format_args!("{}", report.to_words(kind, &source)));
    }
    Ok(if report.is_damaged() { Exit::Local } else { Exit::Done })
}

fn decode(program: &Program<'_>, kind: Kind, source: &Source) -> Result<Report, Failure> {
    match kind {
        Kind::Invitation => invitation::decode(source),
        Kind::Manifest => manifest::decode(source, &program.publishers),
        Kind::Segment => segment::decode(source),
        Kind::Hint => hint::decode(source),
        Kind::Certificate => certificate::decode(source),
        Kind::PrivateKey => private_key::decode(source),
        _ => (program.own)(kind, source).unwrap_or_else(|| {
            let other = if program.name == "samar" { "samar-server" } else { "samar" };
            let what = format!("{} is {}, a file of {other}", source.name(), kind.title());
            Err(Failure::input(what).remedy(format!("{other} inspect {}", source.name())))
        }),
    }
}

//! The lines that `check` is asked about: its arguments, or standard input.

use std::io::{self, BufRead, Read as _};

use samar_local::exit::Failure;

use crate::check::LINE_BYTES_MAX;

/// Lines still to be answered.
pub(super) enum Lines {
    Arguments(std::vec::IntoIter<String>),
    Input(Box<dyn BufRead + Send>),
}

/// `-` alone stands for standard input.
pub(super) fn of(identifiers: Vec<String>) -> Lines {
    if identifiers == ["-"] {
        Lines::Input(Box::new(io::BufReader::new(io::stdin())))
    } else {
        Lines::Arguments(identifiers.into_iter())
    }
}

impl Lines {
    /// The next lines, at most so many; none at the end.
    pub(super) fn batch(&mut self, most: usize) -> Result<Vec<String>, Failure> {
        match self {
            Self::Arguments(identifiers) => Ok(identifiers.take(most).collect()),
            Self::Input(input) => {
                let mut batch = Vec::new();
                while batch.len() < most
                    && let Some(line) = read_line(input)
                        .map_err(|error| Failure::input(format!("cannot read standard input: {error}")))?
                {
                    batch.push(line);
                }
                Ok(batch)
            }
        }
    }
}

/// A line without its end; what is over [`LINE_BYTES_MAX`] of it is skipped, and what is left is still too long for an
/// identifier. A line that is not UTF-8 is none either.
fn read_line(input: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut line = Vec::new();
    if input.by_ref().take(LINE_BYTES_MAX as u64).read_until(b'\n', &mut line)? == 0 {
        return Ok(None);
    }
    if line.pop_if(|last| *last == b'\n').is_none() && line.len() == LINE_BYTES_MAX {
        input.skip_until(b'\n')?;
    }
    line.pop_if(|last| *last == b'\r');
    Ok(Some(String::from_utf8_lossy(&line).into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_is_one_line_however_long() {
        let long = "1".repeat(3 * LINE_BYTES_MAX);
        let text = format!("a\r\n\n{long}\nb");
        let mut lines = Lines::Input(Box::new(io::Cursor::new(text.into_bytes())));
        assert_eq!(lines.batch(2).unwrap(), ["a", ""]);
        let rest = lines.batch(9).unwrap();
        assert_eq!((rest.len(), rest[0].len(), rest[1].as_str()), (2, LINE_BYTES_MAX, "b"));
        assert!(lines.batch(9).unwrap().is_empty());
    }
}

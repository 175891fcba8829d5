//! Files that a command leaves where the user said: whole, or not at all, and for their owner alone.

use std::io::ErrorKind;
use std::path::Path;

use samar_local::durable::{Mode, Unfinished, remove_leftovers_of};
use samar_local::exit::{Failure, io_failure};

/// Begins the file, so that a place that cannot be written fails before anything is sent.
pub(crate) fn create(path: &Path) -> Result<Unfinished, Failure> {
    // What it says of people, or of a server, is for its owner alone.
    let create = remove_leftovers_of(path).and_then(|()| Unfinished::create(path, Mode::Private));
    create.map_err(|error| match error.kind() {
        ErrorKind::NotFound => Failure::input(format!("there is no folder to put {} in", path.display())),
        _ => io_failure("write", path, &error),
    })
}

/// Puts the file in its place.
pub(crate) fn finish(unfinished: Unfinished, path: &Path) -> Result<(), Failure> {
    unfinished.finish().map_err(|error| io_failure("write", path, &error))
}

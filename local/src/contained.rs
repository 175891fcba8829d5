//! Panics that are about the bytes a dependency was given, and so an error of the file and no bug of ours. For dependencies
//! that are known to panic over damaged input, and for nothing else.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

thread_local! {
    static CONTAINED: Cell<bool> = const { Cell::new(false) };
}

/// Does the work; nothing if it panics. What the work has changed by then must not be used again.
pub fn contained<T>(work: impl FnOnce() -> T) -> Option<T> {
    let outer = CONTAINED.replace(true);
    let done = catch_unwind(AssertUnwindSafe(work));
    CONTAINED.set(outer);
    done.ok()
}

/// Whether a panic of this thread, now, would be contained. A hook that ends the program asks before it does.
pub fn is_contained() -> bool {
    CONTAINED.get()
}

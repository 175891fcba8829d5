//! The command line as an operator meets it: the program itself, in a temporary folder, by its exit codes and words.

mod bounds;
mod help;
mod house;
mod ingesting;
mod keeping;
mod serving;

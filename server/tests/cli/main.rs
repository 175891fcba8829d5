//! The command line as an operator meets it: the program itself, in a temporary folder, by its exit codes and words.

mod auditing;
mod bounds;
mod changing;
mod clock;
mod dirty;
mod help;
mod house;
mod ingesting;
mod inspecting;
mod keeping;
mod looking;
mod outputs;
mod passphrases;
mod revoking;
mod rotating;
mod saying;
mod serving;

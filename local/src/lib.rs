//! What both programs do on their own machine, so that they do it alike: how they end ([`exit`]), what they keep in
//! their folder and how safely ([`folder`], [`durable`]), what they show while they work ([`progress`]), how they write
//! numbers ([`number`]), and how they read the tables of rows that people hand them ([`table`]).

pub mod durable;
pub mod exit;
pub mod folder;
pub mod number;
pub mod progress;
pub mod table;

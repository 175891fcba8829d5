//! What both programs do on their own machine, so that they do it alike: how they end ([`exit`]), what they keep in
//! their folder and how safely ([`folder`], [`durable`], [`growing`], [`watch`]), what they leave elsewhere ([`output`]), how a passphrase is asked for and what it seals
//! ([`passphrase`], [`seal`]), whether there is room for it all ([`space`]), how they sort more than
//! memory holds ([`sort`]), the sockets they open ([`socket`]), what they show while they work ([`progress`]), how numbers, times
//! and fingerprints read ([`people`]), and how they read the tables of rows
//! that people hand them ([`table`]). A dependency that panics over such a file ends no program ([`contained`]).

pub mod contained;
pub mod durable;
pub mod exit;
pub mod folder;
pub mod growing;
pub mod output;
pub mod pages;
pub mod passphrase;
pub mod people;
pub mod progress;
pub mod seal;
pub mod socket;
pub mod sort;
pub mod space;
pub mod table;
pub mod watch;

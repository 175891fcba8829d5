//! What both programs do on their own machine, so that they do it alike: how they end ([`exit`]), what they keep in
//! their folder and how safely ([`folder`], [`durable`]), and what they show while they work ([`progress`]).

pub mod durable;
pub mod exit;
pub mod folder;
pub mod progress;

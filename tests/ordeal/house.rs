//! An operator whose server runs as a process of its own, and banks that speak to it in any way they like.

use samar_server::config::Config;

use super::cannot;
use super::programs::{Programs, ServerProcess, free_address};
use crate::fixture::caller::Caller;
use crate::fixture::invited::Bank;
use crate::fixture::operator::Operator;
use crate::fixture::pins::Pins;

/// An operator with one published breach, and its server.
pub(crate) struct House {
    pub(crate) operator: Operator,
    programs: Programs,
    server: ServerProcess,
}

impl House {
    /// With a configuration of its own. The address stays the same when the server is started again.
    pub(crate) fn new(change: impl FnOnce(&mut Config)) -> Result<Self, String> {
        let programs = Programs::built()?;
        let listen = free_address()?;
        let operator = Operator::configured(|config| {
            config.listen = listen;
            config.address = None;
            change(config);
        });
        let server = ServerProcess::start(&programs, operator.layout.root())?;
        Ok(Self { operator, programs, server })
    }

    /// The server.
    pub(crate) fn server(&mut self) -> &mut ServerProcess {
        &mut self.server
    }

    /// The programs.
    pub(crate) fn programs(&self) -> &Programs {
        &self.programs
    }

    /// Kills the server where it stands.
    pub(crate) fn kill(&mut self) -> Result<(), String> {
        self.server.kill()
    }

    /// Starts it again.
    pub(crate) fn start(&mut self) -> Result<(), String> {
        self.server = ServerProcess::start(&self.programs, self.operator.layout.root())?;
        Ok(())
    }

    /// A bank that joined, with this allowance for a day and for ever; once more under the same name, it has another
    /// certificate for the same account.
    pub(crate) async fn bank(&self, name: &str, allowance: u64) -> Bank {
        Bank::join(self.operator.invite(name, Some(allowance), Some(allowance)), self.server.address).await
    }

    /// A connection of a bank.
    pub(crate) async fn call(&self, bank: &Bank) -> Result<Caller, String> {
        bank.dial().call(self.server.address).await.map_err(cannot("be let in"))
    }

    /// What a bank pins.
    pub(crate) async fn pins(&self, bank: &Bank) -> Result<Pins, String> {
        let caller = self.call(bank).await?;
        let pins = Pins::take(&caller, &bank.invitation).await;
        caller.hang_up().await;
        Ok(pins)
    }
}

/// A runtime for an ordeal's clients.
pub(crate) fn runtime() -> Result<tokio::runtime::Runtime, String> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(cannot("start"))
}

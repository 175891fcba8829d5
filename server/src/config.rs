//! `samar-server.toml`: what the operator decides. Every setting has a default and says what it costs.

use std::net::SocketAddr;
use std::path::Path;

use samar_local::exit::{Failure, io_failure};
use serde::{Deserialize, Serialize};

/// The operator's configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Who runs this server; stands in every manifest and invitation.
    pub operator: String,
    /// Address and UDP port to listen on.
    pub listen: SocketAddr,
    /// What banks connect to, `host:port`; needed where `listen` names no single address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// Which key exchanges a bank may use.
    #[serde(default)]
    pub key_exchange: KeyExchange,
    /// Whether the network card cuts what is sent into packets, where it can. `false` for a card or tunnel that does it wrong.
    #[serde(default = "yes")]
    pub gso: bool,
    /// Address and TCP port for `/metrics`, `/healthz` and `/readyz`, without which there are none. Keep it on loopback.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metrics: Option<SocketAddr>,
    /// Days until a manifest runs out; publish again before. At most 366. A clock further than that from what was recorded is not
    /// believed.
    #[serde(default = "default_manifest_days")]
    pub manifest_days: u16,
    /// Days for which the OPRF key of before is served beside a new one, so that banks take along what they hold; afterwards it is
    /// destroyed. At most 366. A bank rekeys as many customers a day as it may evaluate.
    #[serde(default = "default_grace_days")]
    pub grace_days: u16,
    /// Evaluations a newly enrolled bank may use in a day (UTC).
    #[serde(default = "default_per_day")]
    pub per_day: u64,
    /// Evaluations a newly enrolled bank may use in all.
    #[serde(default = "default_lifetime")]
    pub lifetime: u64,
    /// Which segments are published with private lookups.
    #[serde(default)]
    pub lookup: Lookup,
    /// Private lookups a bank may make in a day (UTC). Each reads the whole segment: 1.5 GB is 50 to 90 ms of a core.
    #[serde(default = "default_lookups_per_day")]
    pub lookups_per_day: u64,
    /// Bounds on what peers can make the server hold.
    #[serde(default)]
    pub limits: Limits,
}

/// Which base segments are published with what private lookups need: a hint of 5.5 to 44 MB beside the segment, computed at
/// 40 to 80 MB of segment a second and core.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Lookup {
    /// Those of 64 MB and more; whoever checks a single NIK downloads smaller ones whole.
    #[default]
    Large,
    /// All of them.
    All,
    /// None: banks download everything.
    None,
}

/// Key exchanges admitted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyExchange {
    /// X25519MLKEM768 only: recordings stay closed to a later quantum computer.
    #[default]
    Hybrid,
    /// X25519 as well, for banks whose TLS library has nothing newer.
    HybridOrX25519,
}

/// Bounds. What they come to in memory is summed in docs/operator.md.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Connections at one time.
    pub connections: u32,
    /// Connections of one bank at one time.
    pub connections_per_bank: u32,
    /// Connections and handshakes at one time of one address (of IPv6, of a /64) that are no bank's.
    pub connections_per_address: u32,
    /// Handshakes in progress from which on an address must prove itself with a retry token.
    pub retry_from: u32,
    /// Memory for requests and responses in flight, MiB. Half of it is for what arrives and leaves, of which no bank holds
    /// more than an eighth of what it leaves free, beyond its first request, and an eighth is kept for small requests; half for
    /// the work on it. A request waits until there is room.
    pub memory_mib: u32,
    /// Seconds a peer may take over a handshake, or over any part of a request or a response.
    pub deadline_s: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 1_024,
            connections_per_bank: 16,
            connections_per_address: 32,
            retry_from: 64,
            memory_mib: 256,
            deadline_s: 30,
        }
    }
}

fn yes() -> bool {
    true
}

fn default_manifest_days() -> u16 {
    30
}

fn default_grace_days() -> u16 {
    14
}

fn default_per_day() -> u64 {
    10_000_000
}

fn default_lookups_per_day() -> u64 {
    100_000
}

fn default_lifetime() -> u64 {
    100_000_000
}

impl Config {
    /// What to do about a file that cannot be.
    pub(crate) const REMEDY: &str = "mend the line; a setting that is left out has its default";

    /// A configuration with every default.
    #[must_use]
    pub fn new(operator: String, listen: SocketAddr) -> Self {
        Self {
            operator,
            listen,
            address: None,
            key_exchange: KeyExchange::default(),
            gso: true,
            metrics: None,
            manifest_days: default_manifest_days(),
            grace_days: default_grace_days(),
            per_day: default_per_day(),
            lifetime: default_lifetime(),
            lookup: Lookup::default(),
            lookups_per_day: default_lookups_per_day(),
            limits: Limits::default(),
        }
    }

    /// Reads the file.
    ///
    /// # Errors
    /// [`Failure`] with the place in the file, or that there is none.
    pub fn read(path: &Path) -> Result<Self, Failure> {
        let text = std::fs::read_to_string(path).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => Failure::input(format!("{} does not exist", path.display()))
                .remedy("run `samar-server init` first, or name another folder with --dir"),
            _ => io_failure("read", path, &error),
        })?;
        Self::parse(&text)
            .map_err(|reason| Failure::input(format!("{}: {reason}", path.display())).remedy(Self::REMEDY))
    }

    /// Reads the file's text.
    ///
    /// # Errors
    /// The place in the text, or the rule that it breaks.
    pub fn parse(text: &str) -> Result<Self, String> {
        let config: Self = toml::from_str(text).map_err(|error| error.to_string().trim_end().to_owned())?;
        config.check()?;
        Ok(config)
    }

    fn check(&self) -> Result<(), &'static str> {
        let limits = &self.limits;
        if !(1..=366).contains(&self.manifest_days) {
            return Err("`manifest_days` must be 1 to 366");
        }
        let least = limits.connections.min(limits.connections_per_bank).min(limits.connections_per_address);
        if !(1..=366).contains(&self.grace_days) {
            return Err("`grace_days` must be 1 to 366");
        }
        if limits.memory_mib < 16 || least == 0 {
            return Err("`limits` must allow one connection and 16 MiB at least");
        }
        if limits.deadline_s == 0 {
            return Err("`limits.deadline_s` must be 1 at least");
        }
        Ok(())
    }

    /// The file's text.
    #[must_use]
    pub fn to_text(&self) -> String {
        toml::to_string(self).unwrap_or_default()
    }

    /// What banks connect to.
    ///
    /// # Errors
    /// [`Failure`] where the configuration names no address that a bank could reach.
    pub fn public_address(&self) -> Result<String, Failure> {
        match &self.address {
            Some(address) => Ok(address.clone()),
            None if self.listen.ip().is_unspecified() || self.listen.port() == 0 => {
                Err(Failure::input("the configuration does not say which address banks connect to")
                    .remedy("add a line like `address = \"breach.example:4433\"` to samar-server.toml"))
            }
            None => Ok(self.listen.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(extra: &str) -> Result<Config, toml::de::Error> {
        toml::from_str(&format!("operator = \"Badan Contoh\"\nlisten = \"0.0.0.0:4433\"\n{extra}"))
    }

    #[test]
    fn the_written_file_reads_back_and_defaults_fill_in() {
        let config = Config::new("Badan Contoh".to_owned(), "0.0.0.0:4433".parse().unwrap());
        assert_eq!(toml::from_str::<Config>(&config.to_text()).unwrap(), config);
        assert_eq!(parse("").unwrap(), config);
    }

    #[test]
    fn an_unknown_or_impossible_setting_is_refused() {
        assert!(parse("per_dya = 5").unwrap_err().to_string().contains("per_dya"));
        assert!(parse("[limits]\nconections = 5").is_err());
        assert!(parse("manifest_days = 0").unwrap().check().is_err());
        assert!(parse("grace_days = 0").unwrap().check().is_err());
        assert!(parse("[limits]\nmemory_mib = 1").unwrap().check().is_err());
        assert!(parse("[limits]\nconnections_per_address = 0").unwrap().check().is_err());
    }

    #[test]
    fn an_invitation_needs_an_address_that_can_be_reached() {
        assert!(parse("").unwrap().public_address().is_err());
        let named = parse("address = \"breach.example:4433\"").unwrap();
        assert_eq!(named.public_address().unwrap(), "breach.example:4433");
    }
}

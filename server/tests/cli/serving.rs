//! The program as a service: it starts, says where it listens, and ends when it is told.

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::UdpSocket;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::{Duration, Instant};

use crate::house::House;

/// A server process. Dropped, it is killed.
pub(crate) struct Service {
    child: Child,
    log: BufReader<ChildStderr>,
    first: String,
}

impl Service {
    pub(crate) fn start(house: &House, more: &[&str]) -> Self {
        let mut command = Command::new(assert_cmd::cargo::cargo_bin!("samar-server"));
        command.arg("serve").args(more).arg("--dir").arg(house.layout.root()).env_remove("SAMAR_LOG");
        let mut child = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap());
        let mut first = String::new();
        while !first.contains("listening") {
            first.clear();
            assert_ne!(log.read_line(&mut first).unwrap(), 0, "it ended before it listened");
        }
        Self { child, log, first }
    }

    /// Sends a signal, and says how the process ended and what it logged.
    pub(crate) fn end_with(mut self, signal: &str) -> (Option<i32>, String) {
        let kill = format!("kill -{signal} {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
        let patience = Instant::now() + Duration::from_secs(30);
        let status = loop {
            match self.child.try_wait().unwrap() {
                Some(status) => break status,
                None => assert!(Instant::now() < patience, "it goes on"),
            }
            std::thread::sleep(Duration::from_millis(20));
        };
        let mut log = String::new();
        self.log.read_to_string(&mut log).unwrap();
        (status.code(), log)
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn it_ends_in_order_when_it_is_told_to() {
    let house = House::filled();
    house.run(&["publish"]).done();
    for signal in ["TERM", "INT"] {
        let service = Service::start(&house, &[]);
        assert!(service.first.starts_with("samar-server: listening on 127.0.0.1:"), "{}", service.first);
        let (code, log) = service.end_with(signal);
        assert_eq!(code, Some(0), "{log}");
        assert!(log.contains("draining"), "{log}");
    }
}

#[test]
fn it_serves_a_folder_in_which_nothing_is_published_yet() {
    let service = Service::start(&House::new(), &[]);
    assert_eq!(service.end_with("TERM").0, Some(0));
}

#[test]
fn its_log_can_be_read_by_a_program() {
    let house = House::new();
    let service = Service::start(&house, &["--json"]);
    let first: serde_json::Value = serde_json::from_str(&service.first).unwrap();
    let address = first["fields"]["address"].as_str().unwrap();
    assert!(address.starts_with("127.0.0.1:") && !address.ends_with(":0"), "{address}");
    let (_, log) = service.end_with("TERM");
    for line in log.lines() {
        serde_json::from_str::<serde_json::Value>(line).unwrap();
    }
}

#[test]
fn a_folder_is_served_once() {
    let house = House::new();
    let service = Service::start(&house, &[]);
    house.run(&["serve"]).fails(6, &["another run is working on", "(serve)", "try: "]);
    // The rest of the house goes on meanwhile.
    house.ingest("breach-a", crate::house::DUMP).done();
    house.run(&["publish"]).done();
    house.run(&["status"]).done();
    assert_eq!(service.end_with("TERM").0, Some(0));
    assert_eq!(Service::start(&house, &[]).end_with("TERM").0, Some(0), "and again once it has ended");
}

#[test]
fn a_server_that_was_killed_leaves_nothing_in_the_way() {
    let house = House::new();
    let mut service = Service::start(&house, &[]);
    service.child.kill().unwrap();
    service.child.wait().unwrap();
    assert_eq!(Service::start(&house, &[]).end_with("TERM").0, Some(0));
}

#[test]
fn a_port_that_is_taken_is_named() {
    let taken = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let house = House::empty();
    house.run(&["init", "--listen", &address]).done();
    house.run(&["serve"]).fails(6, &[&address, "in use", "try: stop that program, or change `listen`"]);
}

// R-LOG-1: 6
#[test]
fn a_damaged_account_log_stops_it_at_the_start() {
    let house = House::new();
    assert_eq!(Service::start(&house, &[]).end_with("TERM").0, Some(0));
    std::fs::write(house.layout.account_log(), "not a log at all, but long enough to be one").unwrap();
    house.run(&["serve"]).fails(6, &["account.log is damaged", "try: restore the log"]);
}

/// An HTTP GET, whole.
fn get(address: &str, path: &str) -> String {
    use std::io::Write as _;
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

/// A TCP port that is free now.
fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[test]
fn whoever_watches_sees_health_and_figures_and_no_names() {
    let house = House::filled();
    let address = format!("127.0.0.1:{}", free_port());
    let config = house.layout.config();
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, format!("metrics = \"{address}\"\n{text}")).unwrap();
    let service = Service::start(&house, &["--json"]);
    assert!(get(&address, "/healthz").starts_with("HTTP/1.1 200"));
    let ready = get(&address, "/readyz");
    assert!(ready.starts_with("HTTP/1.1 503") && ready.contains("nothing is published"), "{ready}");
    house.run(&["publish"]).done();
    let patience = Instant::now() + Duration::from_secs(30);
    while !get(&address, "/readyz").starts_with("HTTP/1.1 200") {
        assert!(Instant::now() < patience, "it never takes up the publication");
        std::thread::sleep(Duration::from_millis(100));
    }
    let metrics = get(&address, "/metrics");
    assert!(metrics.contains("openmetrics-text"), "{metrics}");
    assert!(metrics.contains("samar_epoch 1\n") && metrics.contains("\nsamar_connections 0\n"), "{metrics}");
    assert!(!metrics.contains("breach-a"), "what is published is not told here");
    assert!(get(&address, "/else").starts_with("HTTP/1.1 404"));
    let (code, log) = service.end_with("TERM");
    assert_eq!(code, Some(0), "{log}");
    assert!(std::net::TcpStream::connect(&address).is_err());
}

#[test]
fn it_reads_its_settings_and_certificate_anew_on_a_hangup() {
    let house = House::filled();
    house.run(&["publish"]).done();
    let service = Service::start(&house, &[]);
    let hangup = || {
        let kill = format!("kill -HUP {}", service.child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
        std::thread::sleep(Duration::from_millis(700));
    };
    let before = std::fs::read(house.layout.server_certificate()).unwrap();
    assert!(house.run(&["renew"]).done().contains("SIGHUP"));
    assert_ne!(std::fs::read(house.layout.server_certificate()).unwrap(), before);
    hangup();
    let config = house.layout.config();
    let good = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, format!("manifest_dyas = 3\n{good}")).unwrap();
    hangup();
    std::fs::write(&config, good.replace("127.0.0.1:0", "127.0.0.2:0")).unwrap();
    hangup();
    let (code, log) = service.end_with("TERM");
    assert_eq!(code, Some(0), "{log}");
    assert_eq!(log.matches("configuration and certificates read anew").count(), 2, "{log}");
    assert!(log.contains("manifest_dyas") && log.contains("goes on as it was"), "{log}");
    assert!(log.contains("setting=\"listen\""), "{log}");
}

#[test]
fn a_new_certificate_is_kept_under_the_passphrase_of_the_old() {
    let house = House::filled();
    let seal = house.command(&["passphrase"]).env("SAMAR_NEW_PASSPHRASE", "kunci").output().unwrap();
    assert!(seal.status.success());
    house.run(&["renew"]).fails(2, &["needs a passphrase"]);
    let renewed = house.command(&["renew"]).env("SAMAR_PASSPHRASE", "kunci").output().unwrap();
    assert!(renewed.status.success(), "{renewed:?}");
    assert!(std::fs::read(house.layout.server_key()).unwrap().starts_with(b"SAMARKEY"));
}

//! `samar sync` beside quinn alone: the same bytes over loopback, in turn, in one process.
//!
//! `cargo run --release -p samar-benches --bin download -- [--mebibytes N] [--rounds N] [--folder DIR] [--no-gso] [--json]`. The set is
//! made of random elements. quinn moves as many bytes from memory on one stream, with windows that never hold it up, and throws
//! them away; a sync verifies each page, writes it, and syncs the file to the disk of `--folder`. Processor time is that of both
//! ends together.
#![allow(clippy::print_stdout, reason = "the table is the product")]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use clap::Parser;
use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use quinn::{ClientConfig, Endpoint, EndpointConfig, ServerConfig, TokioRuntime, TransportConfig, VarInt};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use rustix::time::{ClockId, clock_gettime};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::PrivateKeyDer;
use samar::Home;
use samar_benches::machine;
use samar_local::socket;
use samar_protocol::group::Backend;
use samar_protocol::oprf::Element;
use samar_protocol::segment::SegmentKind;
use samar_protocol::vault::VaultHeader;
use samar_server::config::Config;
use samar_server::enroll::{Enrolment, enroll};
use samar_server::layout::Layout;
use samar_server::serve::Server;
use samar_server::vault::about::About;
use samar_server::vault::file::Record;
use samar_server::vault::parts;
use serde::Serialize;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;

const BREACH: &str = "bpjs-2021";
/// Bits of an entry, about.
const ENTRY_BITS: u64 = 42;
/// More than loopback ever has under way.
const WINDOW: u32 = 64 << 20;
const MEMORY_BYTES: usize = 1 << 30;

/// Measures how fast a set is downloaded and verified, beside quinn alone.
#[derive(Parser)]
struct Arguments {
    /// Size of the set.
    #[arg(long, default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..=4_096))]
    mebibytes: u32,
    /// Rounds, of which the medians are taken.
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u16).range(1..))]
    rounds: u16,
    /// Folder in which both sides have their folders.
    #[arg(long, value_name = "DIR", default_value_os_t = std::env::temp_dir())]
    folder: PathBuf,
    /// Cut packets in the kernel, on both sides of both.
    #[arg(long)]
    no_gso: bool,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// Rates in millions of bytes a second.
#[derive(Serialize)]
struct Figures {
    bytes: u64,
    sync_mb_per_s: f64,
    quinn_mb_per_s: f64,
    ratio: f64,
    ratio_lowest: f64,
    ratio_highest: f64,
    sync_cpu_ns_per_byte: f64,
    quinn_cpu_ns_per_byte: f64,
    gso: bool,
    folder: String,
    machine: String,
}

fn main() {
    let arguments = Arguments::parse();
    let gso = !arguments.no_gso;
    let folder =
        tempfile::Builder::new().prefix("samar-download.").tempdir_in(&arguments.folder).expect("a folder");
    let layout = operator(folder.path(), u64::from(arguments.mebibytes) << 20, gso);
    let (operators, banks) = (Runtime::new().expect("a runtime"), Runtime::new().expect("a runtime"));
    let server = operators.block_on(async { Server::start(&layout, Backend::best()) }).expect("a server");
    let address = server.address().expect("an address").to_string();
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = operators.spawn(server.run(async { drop(stopped.await) }));
    let home = bank(folder.path(), &layout, &address, gso, &banks);

    let mut rounds = Vec::new();
    let mut bytes = 0;
    for round in 0..=arguments.rounds {
        let _ = std::fs::remove_dir_all(home.dir().join("segments"));
        let (began, cpu) = (Instant::now(), cpu_s());
        bytes = banks.block_on(samar::sync::sync(&home)).expect("a sync").bytes_fetched;
        let ours = Cost { wall_s: began.elapsed().as_secs_f64(), cpu_s: cpu_s() - cpu };
        let cpu = cpu_s();
        let wall_s = quinn_alone(bytes, gso, &operators, &banks);
        let theirs = Cost { wall_s, cpu_s: cpu_s() - cpu };
        if round > 0 {
            rounds.push((ours, theirs)); // the first warms up
        }
    }
    let _ = stop.send(());
    operators.block_on(serving).expect("a server that ends").expect("in order");

    let median = |values: &mut dyn Iterator<Item = f64>| {
        let mut values: Vec<f64> = values.collect();
        values.sort_unstable_by(f64::total_cmp);
        values[values.len() / 2]
    };
    let rate = |seconds: f64| (bytes as f64 / 1e6 / seconds).round();
    let ours_s = median(&mut rounds.iter().map(|round| round.0.wall_s));
    let theirs_s = median(&mut rounds.iter().map(|round| round.1.wall_s));
    let ratios = || rounds.iter().map(|(ours, theirs)| theirs.wall_s / ours.wall_s);
    let ns_per_byte = |seconds: f64| (seconds * 1e11 / bytes as f64).round() / 100.0;
    let two = |value: f64| (value * 100.0).round() / 100.0;
    let figures = Figures {
        bytes,
        sync_mb_per_s: rate(ours_s),
        quinn_mb_per_s: rate(theirs_s),
        ratio: two(theirs_s / ours_s),
        ratio_lowest: two(ratios().fold(f64::INFINITY, f64::min)),
        ratio_highest: two(ratios().fold(0.0, f64::max)),
        sync_cpu_ns_per_byte: ns_per_byte(median(&mut rounds.iter().map(|round| round.0.cpu_s))),
        quinn_cpu_ns_per_byte: ns_per_byte(median(&mut rounds.iter().map(|round| round.1.cpu_s))),
        gso,
        folder: arguments.folder.display().to_string(),
        machine: machine::describe(),
    };
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&figures).expect("figures are JSON"));
    } else {
        let Figures { sync_mb_per_s, quinn_mb_per_s, ratio, ratio_lowest, ratio_highest, .. } = &figures;
        let Figures { sync_cpu_ns_per_byte, quinn_cpu_ns_per_byte, .. } = &figures;
        println!(
            "{}\n{bytes} bytes, GSO {}, folder {}",
            figures.machine,
            if gso { "on" } else { "off" },
            figures.folder
        );
        println!(
            "samar sync   {sync_mb_per_s:>6} MB/s  {sync_cpu_ns_per_byte:.2} ns of processor time a byte"
        );
        println!("quinn alone  {quinn_mb_per_s:>6} MB/s  {quinn_cpu_ns_per_byte:.2} ns");
        println!("ratio        {ratio:>6.2} ({ratio_lowest:.2} to {ratio_highest:.2})");
    }
}

/// What moving the bytes once took.
struct Cost {
    wall_s: f64,
    cpu_s: f64,
}

/// Processor time of this process so far.
fn cpu_s() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// An operator that has published about so many bytes of random elements.
fn operator(folder: &Path, bytes: u64, gso: bool) -> Layout {
    let layout = Layout::new(folder.join("operator"));
    samar_server::init::init(&layout, "Badan Contoh", "127.0.0.1:0".parse().expect("an address"))
        .expect("a folder");
    let config = Config { gso, ..Config::read(&layout.config()).expect("a configuration") };
    std::fs::write(layout.config(), config.to_text()).expect("a configuration");
    let key = samar_server::keys::oprf(&layout).expect("a key");
    let mut rng = StdRng::seed_from_u64(1);
    let mut elements: Vec<[u8; 32]> = (0..bytes * 8 / ENTRY_BITS).map(|_| rng.random()).collect();
    elements.sort_unstable();
    std::fs::create_dir_all(layout.breach(BREACH)).expect("a folder");
    let header = VaultHeader {
        key_id: key.public().id().0,
        breach: BREACH.to_owned(),
        exposes: vec![],
        varies: vec![],
    };
    let mut part = parts::create(&layout, BREACH, SegmentKind::Base, &header).expect("a part of a vault");
    for element in elements {
        part.push(Record { element: Element(element), label: 0 }).expect("room");
    }
    part.finish().expect("room");
    let about =
        About::new("BPJS".to_owned(), "2021-05".to_owned(), "claimed".to_owned(), vec!["nik".to_owned()]);
    about.write(&layout.about(BREACH)).expect("room");
    samar_server::publish::publish(&layout, MEMORY_BYTES).expect("a publication");
    layout
}

/// A bank that has joined.
fn bank(folder: &Path, layout: &Layout, address: &str, gso: bool, runtime: &Runtime) -> Home {
    let config = Config {
        address: Some(address.to_owned()),
        ..Config::read(&layout.config()).expect("a configuration")
    };
    std::fs::write(layout.config(), config.to_text()).expect("a configuration");
    let out = folder.join("bank.invitation");
    let enrolment =
        Enrolment { bank: "bank-jaya", out: &out, per_day: None, lifetime: None, csr: None, again: false };
    enroll(layout, &enrolment).expect("an enrolment");
    let home = Home::new(&folder.join("bank"));
    let invitation = std::fs::read_to_string(out).expect("an invitation");
    runtime.block_on(samar::join::join(&home, &invitation, None)).expect("to join");
    let config = samar::Config { gso, ..samar::Config::load(&home).expect("a configuration") };
    config.store(&home).expect("room");
    home
}

/// A socket with the buffers that the programs have.
fn endpoint(config: Option<ServerConfig>) -> Endpoint {
    let socket = socket::bind("127.0.0.1:0".parse().expect("an address")).expect("a port");
    Endpoint::new(EndpointConfig::default(), config, socket, Arc::new(TokioRuntime)).expect("an endpoint")
}

/// Seconds that quinn alone takes for so many bytes, from the connection to the last byte.
fn quinn_alone(bytes: u64, gso: bool, servers: &Runtime, clients: &Runtime) -> f64 {
    let certified = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("a certificate");
    let certificate = certified.cert.der().clone();
    let key = PrivateKeyDer::Pkcs8(certified.signing_key.serialize_der().into());
    let provider = Arc::new(aws_lc_rs::default_provider());
    let tls = rustls::ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("TLS 1.3")
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key)
        .expect("a certificate");
    let mut transport = TransportConfig::default();
    transport
        .send_window(WINDOW.into())
        .stream_receive_window(VarInt::from_u32(WINDOW))
        .enable_segmentation_offload(gso);
    transport.receive_window(VarInt::from_u32(WINDOW));
    let transport = Arc::new(transport);
    let mut config = ServerConfig::with_crypto(Arc::new(QuicServerConfig::try_from(tls).expect("QUIC")));
    config.transport_config(Arc::clone(&transport));
    let server = servers.block_on(async { endpoint(Some(config)) });
    let address = server.local_addr().expect("an address");
    let sending = servers.spawn(async move {
        let connection = server.accept().await.expect("a caller").await.expect("a connection");
        let mut send = connection.open_uni().await.expect("a stream");
        let chunk = vec![7u8; 1 << 20];
        let mut left = bytes;
        while left > 0 {
            let part = usize::try_from(left).map_or(chunk.len(), |left| left.min(chunk.len()));
            send.write_all(&chunk[..part]).await.expect("to write");
            left -= part as u64;
        }
        send.finish().expect("to end");
        let _ = send.stopped().await;
    });
    let mut roots = rustls::RootCertStore::empty();
    roots.add(certificate).expect("a certificate");
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("TLS 1.3")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let mut config = ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls).expect("QUIC")));
    config.transport_config(transport);
    let seconds = clients.block_on(async {
        let endpoint = endpoint(None);
        let began = Instant::now();
        let connection = endpoint
            .connect_with(config, address, "localhost")
            .expect("to call")
            .await
            .expect("a connection");
        let mut receive = connection.accept_uni().await.expect("a stream");
        let mut came = 0;
        while let Some(chunk) = receive.read_chunk(usize::MAX, true).await.expect("to read") {
            came += chunk.bytes.len() as u64;
        }
        assert_eq!(came, bytes);
        let seconds = began.elapsed().as_secs_f64();
        connection.close(0u32.into(), b"");
        endpoint.wait_idle().await;
        seconds
    });
    servers.block_on(sending).expect("to send");
    seconds
}

//! Another OPRF key under a running server: both keys are served for the grace, what a bank holds goes along, and nobody gains by it.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use rand::SeedableRng as _;
use rand::rngs::StdRng;
use samar::Home;
use samar::check::Checker;
use samar::join::join;
use samar::lookup::LookupMode;
use samar::report::{Format, Summary, Verdict};
use samar::screen::{Column, ScreenPlan, screen};
use samar::sync::{audit, sync};
use samar_protocol::group::Backend;
use samar_protocol::identifier::Nik;
use samar_protocol::oprf::{Blinding, Element, PinnedRotation, Proof, PublicKey, Rekeyed, SUITE, SecretKey};
use samar_protocol::wire::{RefusalCode, RekeyRequest, Request, Response};
use samar_server::config::Lookup;
use samar_server::rotate::{self, Plan};
use samar_tests::{Answer, Batch, Caller, Pins, Scene, niks};

const MEMORY_BYTES: usize = 16 << 20;

/// Rotates, and waits until the running server has taken it up.
async fn rotate(scene: &Scene, grace_s: u64) -> Pins {
    let plan = Plan { memory_bytes: MEMORY_BYTES, grace_s: Some(grace_s) };
    let rotated = rotate::rotate(&scene.operator.layout, Backend::best(), &plan).unwrap();
    let patience = Instant::now() + Duration::from_secs(30);
    loop {
        let pins = Pins::take(&scene.caller, &scene.bank.invitation).await;
        if pins.manifest == rotated.manifest {
            return pins;
        }
        assert!(Instant::now() < patience, "it never takes up the new epoch");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn request(from: &PublicKey, to: &PublicKey, epoch: u64, blinded: &[[u8; 32]]) -> Vec<u8> {
    let count = u32::try_from(blinded.len()).unwrap();
    let (from_key_id, to_key_id) = (from.id().0, to.id().0);
    let control = RekeyRequest { suite: SUITE, from_key_id, to_key_id, epoch, count, extensions: vec![] };
    [Request::Rekey(control).encode().unwrap().as_slice(), blinded.as_flattened()].concat()
}

/// What the server makes of these elements, verified and unblinded, and what it charged.
async fn rekey(
    caller: &Caller,
    from: &Pins,
    to: &Pins,
    elements: &[Element],
    seed: u64,
) -> (u32, Vec<Element>) {
    let rotation = PinnedRotation::new(Backend::best(), from.public_key, to.public_key, Blinding::Additive);
    let blinded = rotation.blind(elements, &mut StdRng::seed_from_u64(seed)).unwrap();
    let asked = request(&from.public_key, &to.public_key, to.manifest.epoch, blinded.encodings());
    let Answer { response: Response::Rekeyed(said), bulk } = caller.send(&asked).await.unwrap() else {
        panic!("refused")
    };
    let proof = Proof::from_bytes(&said.proof).unwrap();
    let verified = blinded.verify(bulk.as_chunks().0, &proof).unwrap();
    (said.charged, verified.unblind().into_iter().map(Rekeyed::into_element).collect())
}

// R-ALLOW-4: day-allowance-used
#[tokio::test(flavor = "multi_thread")]
async fn what_a_bank_holds_goes_along_and_its_lifetime_pays_nothing() {
    let scene = Scene::configured(|config| (config.per_day, config.lifetime) = (30, 30)).await;
    let asked = niks(50, 20); // ten are in the set, ten are not
    let (charged, held) = Batch::new(&asked, 1).evaluate(&scene.caller, &scene.pins).await;
    assert_eq!(charged, 20);
    let after = rotate(&scene, 3_600).await;

    // The connection that was open goes on under the old key, and a retry there is as free as before.
    assert_eq!(Batch::new(&asked, 1).evaluate(&scene.caller, &scene.pins).await, (0, held.clone()));
    for (seed, expected) in [(2, 20), (2, 0)] {
        let (charged, rekeyed) = rekey(&scene.caller, &scene.pins, &after, &held, seed).await;
        assert_eq!(charged, expected, "once");
        assert!(rekeyed == scene.elements(&asked), "elements of the new key");
    }
    let allowance = scene.caller.allowance().await;
    assert_eq!((allowance.used_today, allowance.used_lifetime), (20, 20), "rekeying counts for neither");
    let (charged, elements) = Batch::new(&niks(80, 10), 3).evaluate(&scene.caller, &after).await;
    assert_eq!(charged, 10);
    assert!(elements == scene.elements(&niks(80, 10)));

    // As many as may be evaluated in a day, and no more.
    let rotation =
        PinnedRotation::new(Backend::best(), scene.pins.public_key, after.public_key, Blinding::Rfc);
    let blinded = rotation.blind(&held, &mut rand::rng()).unwrap();
    let more = request(&scene.pins.public_key, &after.public_key, 2, blinded.encodings());
    let refused = scene.caller.send(&more).await.unwrap().refused().unwrap();
    assert!(matches!(refused, (RefusalCode::DayAllowanceUsed, Some(_))), "{refused:?}");
}

/// Rekeying of whoever had nothing evaluated makes elements of neither key, so that it finds nobody; and it is no way to an
/// evaluation at a lower price.
#[tokio::test(flavor = "multi_thread")]
async fn without_an_evaluation_before_a_rekeying_gives_nothing() {
    let scene = Scene::new().await;
    let guesses = niks(0, 10); // all of them in the set
    let before = scene.elements(&guesses);
    let after = rotate(&scene, 3_600).await;
    // An enumerator hashes guesses to the group itself: what the key 1 makes of them. The answer is honest, and its proof holds.
    let mut one = [0; 32];
    one[0] = 1;
    let inputs: Vec<_> = guesses.iter().map(|nik| Nik::parse(nik).unwrap().oprf_input()).collect();
    let hashed = SecretKey::from_bytes(&one).unwrap().encode(Backend::best(), &inputs);
    let (charged, rekeyed) = rekey(&scene.caller, &scene.pins, &after, &hashed, 7).await;
    assert_eq!(charged, 10);
    for set in [&before, &scene.elements(&guesses)] {
        assert!(rekeyed.iter().all(|element| !set.contains(element)), "it finds somebody");
    }
    // Nor is an evaluation paid for by having its batch rekeyed first.
    let batch = Batch::new(&guesses, 8);
    let bulk = batch.bulk(&scene.pins);
    let asked = request(&scene.pins.public_key, &after.public_key, 2, bulk.as_chunks().0);
    assert_eq!(scene.caller.send(&asked).await.unwrap().refused(), None);
    assert_eq!(batch.evaluate(&scene.caller, &scene.pins).await.0, 10);
}

// R-WIRE-18: key-unknown, R-WIRE-8: unsupported, R-WIRE-19: epoch-unknown, R-WIRE-11: malformed
#[tokio::test(flavor = "multi_thread")]
async fn between_other_keys_or_after_its_grace_nothing_is_rekeyed() {
    let mut scene = Scene::new().await;
    let (_, held) = Batch::new(&niks(0, 3), 1).evaluate(&scene.caller, &scene.pins).await;
    let after = rotate(&scene, 3_600).await;
    let (old, new) = (scene.pins.public_key, after.public_key);
    let rotation = PinnedRotation::new(Backend::best(), old, new, Blinding::Additive);
    let blinded = rotation.blind(&held, &mut rand::rng()).unwrap();
    let honest = |epoch| request(&old, &new, epoch, blinded.encodings());
    let before = scene.pins.clone();
    scene.pins = after.clone();
    scene.refuses(&request(&new, &old, 2, blinded.encodings()), RefusalCode::KeyUnknown).await;
    scene.refuses(&honest(3), RefusalCode::EpochUnknown).await;
    let mut suite = honest(2);
    suite[6] = 9;
    scene.refuses(&suite, RefusalCode::Unsupported).await;
    let mut epoch_0 = honest(2);
    epoch_0[24..32].fill(0);
    scene.refuses(&epoch_0, RefusalCode::Malformed).await;

    rotate::finish(&scene.operator.layout).unwrap();
    let patience = Instant::now() + Duration::from_secs(30);
    while scene.caller.send(&honest(2)).await.unwrap().refused().is_none() {
        assert!(Instant::now() < patience, "the key before is still served");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    scene.refuses(&honest(2), RefusalCode::KeyUnknown).await;
    scene.refuses(&Batch::new(&niks(0, 3), 1).request(&before), RefusalCode::KeyUnknown).await;
    // A server that starts then knows one key.
    scene.serving = scene.operator.serve_again(scene.serving).await;
    scene.caller = scene.call().await;
    scene.refuses(&honest(2), RefusalCode::KeyUnknown).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_server_destroys_the_old_key_when_the_grace_is_over() {
    let scene = Scene::new().await;
    let old = scene.pins.clone();
    rotate(&scene, 0).await;
    let patience = Instant::now() + Duration::from_secs(30);
    while scene.operator.layout.previous_oprf_key().exists() {
        assert!(Instant::now() < patience, "it is still there");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let late = Batch::new(&niks(0, 3), 1).request(&old);
    assert_eq!(scene.caller.send(&late).await.unwrap().refused(), Some((RefusalCode::KeyUnknown, None)));
}

/// The bank's program in a folder of its own.
struct Client {
    folder: tempfile::TempDir,
}

impl Client {
    async fn joined(scene: &Scene, bank: &str) -> Self {
        let client = Self { folder: tempfile::tempdir().unwrap() };
        let mut invitation = scene.operator.invite(bank, None, None);
        invitation.address = scene.serving.address.to_string();
        join(&client.home(), &invitation.to_text().unwrap(), None).await.unwrap();
        sync(&client.home()).await.unwrap();
        client
    }

    fn home(&self) -> Home {
        Home::new(&self.folder.path().join("samar"))
    }

    /// Screens these customers. The summary, and the report.
    async fn screen(&self, customers: &[String]) -> (Summary, String) {
        let (file, out) = (self.folder.path().join("customers.csv"), self.folder.path().join("report.csv"));
        std::fs::write(&file, format!("nik\n{}\n", customers.join("\n"))).unwrap();
        let plan = ScreenPlan {
            home: self.home(),
            file,
            columns: vec![Column::parse("nik")],
            form: None,
            table: None,
            out: out.clone(),
            format: Format::Csv,
            summary: None,
            html: None,
            only: vec![],
            since: None,
            memory_bytes: 256 << 20,
            ledger: true,
        };
        let summary = screen(&plan).await.unwrap();
        (summary, std::fs::read_to_string(out).unwrap())
    }

    /// What private lookups say of these.
    async fn check(&self, asked: &[String]) -> Vec<String> {
        let checker = Checker::open_with(&self.home(), LookupMode::Always).await.unwrap();
        let statuses = checker.verdicts(asked).await.unwrap().iter().map(Verdict::status).collect();
        checker.close().await;
        statuses
    }

    /// Names in its folder of ledgers.
    fn ledgers(&self) -> Vec<String> {
        let folder: PathBuf = self.folder.path().join("samar/ledger");
        let name =
            |entry: std::io::Result<std::fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
        let mut names: Vec<String> = std::fs::read_dir(folder).unwrap().map(name).collect();
        names.sort();
        names
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn private_lookups_go_on_under_the_new_key_with_hints_of_their_own() {
    let scene = Scene::configured(|config| config.lookup = Lookup::All).await;
    let client = Client::joined(&scene, "bank-maju").await;
    let asked = [niks(0, 2), niks(500, 2)].concat();
    let before = client.check(&asked).await;
    assert_eq!(before, ["exposed", "exposed", "clear", "clear"]);
    rotate(&scene, 3_600).await;
    let audited = audit(&client.home()).await.unwrap();
    assert_eq!((audited.epoch, audited.hints_audited), (2, 1));
    assert_eq!(client.check(&asked).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bank_carries_on_by_itself_and_pays_for_nobody_twice() {
    let scene = Scene::new().await;
    let used = |bank: &'static str| {
        let log = scene.operator.layout.account_log();
        move || samar_server::accounts::Accounts::standing(&log).unwrap().usage(bank, 0).lifetime
    };
    let used = used("bank-maju");
    let client = Client::joined(&scene, "bank-maju").await;
    let late = Client::joined(&scene, "bank-telat").await;
    let customers = niks(40, 60); // 20 of them are in the set
    let (first, report) = client.screen(&customers).await;
    assert_eq!((first.evaluated, first.exposed), (60, 20));
    late.screen(&customers).await;
    let before = scene.pins.public_key.id().to_string();
    assert_eq!(client.ledgers(), [before.as_str()]);

    let after = rotate(&scene, 3_600).await.public_key.id().to_string();
    // Whoever has the set of before goes on with it, and evaluates under the key of before.
    let more = [customers.as_slice(), &niks(20, 5)].concat();
    let (between, _) = client.screen(&more).await;
    assert_eq!((between.evaluated, between.exposed), (5, 25));

    sync(&client.home()).await.unwrap();
    assert_eq!(
        client.ledgers(),
        [after.as_str()],
        "the ledger is that of the new key, and the old one is gone"
    );
    let (again, same) = client.screen(&customers).await;
    assert_eq!((again.evaluated, again.reused), (0, 60));
    assert_eq!(same, report, "the same report");
    assert_eq!(used(), 65);
    let (new, _) = client.screen(&[more.as_slice(), &niks(200, 3)].concat()).await;
    assert_eq!((new.evaluated, new.exposed), (3, 25));
    assert_eq!(used(), 68);

    // A bank that comes after the grace is told so and pays anew. What it cannot use stays until it is pruned.
    rotate::finish(&scene.operator.layout).unwrap();
    tokio::time::sleep(Duration::from_secs(3)).await;
    sync(&late.home()).await.unwrap();
    let (anew, same) = late.screen(&customers).await;
    assert_eq!((anew.evaluated, anew.charged), (60, 60));
    assert_eq!(same, report);
    let mut both = [before, after];
    both.sort();
    assert_eq!(late.ledgers(), both);
}

//! An operator for the client to meet: honest unless told otherwise. It is written from the protocol alone, so that it
//! can say what the real server never would.

mod answers;
mod face;
mod large;
mod made;

pub(crate) use answers::{joined, manifest_sent};
pub(crate) use face::Face;
use face::server_config;
pub(crate) use made::{MadeBreach, MadeEntry};

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, RwLock};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use samar::people::now_s;
use samar_protocol::group::Backend;
use samar_protocol::identifier::{Nik, OprfInput};
use samar_protocol::invitation::{Credential, Invitation};
use samar_protocol::lookup::{HintBuilder, HintNote, Kernel, MatrixSeed, Shape};
use samar_protocol::manifest::{
    Breach, Floor, Manifest, ManifestHash, Rotation, SegmentKind, SegmentRef, SignedManifest, Status, sign,
};
use samar_protocol::oprf::{self, SecretKey};
use samar_protocol::segment::{BreachId, Entry, SegmentBuilder, SegmentParams};
use samar_protocol::wire::{RefusalCode, Request, RequestKind};

use super::refused;

/// Changes the bytes of an answer before they are sent.
pub(crate) type Lie = Box<dyn Fn(&Request, Vec<u8>) -> Vec<u8> + Send + Sync>;

pub(crate) struct Operator {
    pub(crate) address: SocketAddr,
    state: Arc<State>,
    ca_pem: String,
    _runtime: tokio::runtime::Runtime,
}

struct State {
    ca: CertifiedIssuer<'static, KeyPair>,
    oprf: RwLock<Arc<SecretKey>>,
    publisher: ed25519_dalek::SigningKey,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    manifests: Vec<Vec<u8>>,
    segments: HashMap<[u8; 32], Vec<u8>>,
    lie: Option<Lie>,
    /// Requests by kind, as they came.
    asked: Vec<Request>,
    /// Of each stream the bytes of both directions, and how connections ended.
    exchanged: Vec<String>,
    allowance: u64,
    busy: u32,
    /// The key before, and until when it is served.
    previous: Option<(Arc<SecretKey>, u64)>,
    /// Rekeyings that are answered before the next is refused.
    rekeyings: Option<u32>,
    /// Connections to come that get no seat: refused at once, or closed once they are there.
    refused: u32,
    closed: u32,
    /// Lookups to come at which the connection is closed for want of a seat.
    closed_at_lookup: u32,
    /// Whether bases are published with private lookups from here on.
    lookups: bool,
    /// Bulk of the lookups that came.
    queries: Vec<Vec<u8>>,
    hints: HashMap<[u8; 32], Vec<u8>>,
    /// Whether hints are computed of other pages.
    wrong_hints: bool,
}

impl State {
    fn key(&self) -> Arc<SecretKey> {
        Arc::clone(&self.oprf.read().unwrap())
    }
}

impl Operator {
    pub(crate) fn start() -> Self {
        Self::showing(Face::default())
    }

    pub(crate) fn showing(face: Face) -> Self {
        let mut parameters = CertificateParams::default();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca = CertifiedIssuer::self_signed(parameters, KeyPair::generate().unwrap()).unwrap();
        let ca_pem = ca.pem();
        let inner = Inner { allowance: u64::MAX, ..Inner::default() };
        let state = Arc::new(State {
            // The keys of SPEC.md's examples, so that what was made of them can be served.
            oprf: RwLock::new(Arc::new(SecretKey::from_bytes(&refused::listed("k")).unwrap())),
            publisher: ed25519_dalek::SigningKey::from_bytes(&[7; 32]),
            inner: Mutex::new(inner),
            ca,
        });
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let config = server_config(&state.ca, face);
        let endpoint = runtime
            .block_on(async { quinn::Endpoint::server(config, "127.0.0.1:0".parse().unwrap()).unwrap() });
        let address = endpoint.local_addr().unwrap();
        let serving = Arc::clone(&state);
        runtime.spawn(async move {
            while let Some(incoming) = endpoint.accept().await {
                let state = Arc::clone(&serving);
                tokio::spawn(async move {
                    if take_one(&mut state.inner.lock().unwrap().refused) {
                        return incoming.refuse();
                    }
                    let Ok(connection) = incoming.await else { return };
                    if take_one(&mut state.inner.lock().unwrap().closed) {
                        connection.close((RefusalCode::Busy as u32).into(), b"");
                    }
                    while let Ok((send, receive)) = connection.accept_bi().await {
                        let exchange =
                            answers::exchange(Arc::clone(&state), connection.clone(), send, receive);
                        tokio::spawn(exchange);
                    }
                    let end = format!("{:?}", connection.close_reason());
                    state.inner.lock().unwrap().exchanged.push(end);
                });
            }
        });
        Self { address, state, ca_pem, _runtime: runtime }
    }

    pub(crate) fn invitation(&self) -> Invitation {
        self.invitation_with(Credential::Token([7; 32]))
    }

    pub(crate) fn invitation_with(&self, credential: Credential) -> Invitation {
        Invitation {
            operator: "Badan Contoh".to_owned(),
            bank: "bank-a".to_owned(),
            address: self.address.to_string(),
            ca_certificate: self.ca_pem.clone(),
            publisher_key: self.state.publisher.verifying_key(),
            floor: Floor { epoch: 0, hash: ManifestHash::NONE },
            expires_s: now_s() + 600,
            credential,
        }
    }

    pub(crate) fn lie(&self, lie: impl Fn(&Request, Vec<u8>) -> Vec<u8> + Send + Sync + 'static) {
        self.state.inner.lock().unwrap().lie = Some(Box::new(lie));
    }

    /// Answers requests of one kind with these bytes, whatever they ask.
    pub(crate) fn answer_always(&self, kind: RequestKind, bytes: &[u8]) {
        let bytes = bytes.to_vec();
        self.lie(move |request, answer| if request.kind() == kind { bytes.clone() } else { answer });
    }

    /// Sends this as every manifest that is asked for.
    pub(crate) fn send_manifest(&self, manifest: &[u8]) {
        self.answer_always(RequestKind::Manifest, &manifest_sent(manifest));
    }

    pub(crate) fn be_honest(&self) {
        self.state.inner.lock().unwrap().lie = None;
    }

    pub(crate) fn allow(&self, evaluations: u64) {
        self.state.inner.lock().unwrap().allowance = evaluations;
    }

    /// Has no seat for the next connections: the first ones are refused, and then some closed.
    pub(crate) fn be_full(&self, refused: u32, closed: u32) {
        let mut inner = self.state.inner.lock().unwrap();
        (inner.refused, inner.closed) = (refused, closed);
    }

    /// Loses its seat for the bank at so many lookups to come.
    pub(crate) fn close_at_lookups(&self, times: u32) {
        self.state.inner.lock().unwrap().closed_at_lookup = times;
    }

    /// Refuses so many requests before the next is answered.
    pub(crate) fn be_busy(&self, times: u32) {
        self.state.inner.lock().unwrap().busy = times;
    }

    /// Changes the key: what is published from now on is under another, and tells until when the one before is served.
    pub(crate) fn rotate(&self, until_s: u64) {
        let mut key = self.state.oprf.write().unwrap();
        let before = std::mem::replace(&mut *key, Arc::new(SecretKey::generate(&mut rand::rng())));
        self.state.inner.lock().unwrap().previous = Some((before, until_s));
    }

    /// Answers so many rekeyings, and refuses the others as those of a day that is used up.
    pub(crate) fn rekey_only(&self, batches: Option<u32>) {
        self.state.inner.lock().unwrap().rekeyings = batches;
    }

    /// Publishes bases with private lookups from here on.
    pub(crate) fn offer_lookups(&self) {
        self.state.inner.lock().unwrap().lookups = true;
    }

    /// Publishes hints of other pages from here on.
    pub(crate) fn lie_in_hints(&self) {
        self.state.inner.lock().unwrap().wrong_hints = true;
    }

    /// Gives another hint than the segments name.
    pub(crate) fn swap_hint(&self, root: [u8; 32], hint: Vec<u8>) -> Vec<u8> {
        self.state.inner.lock().unwrap().hints.insert(root, hint).unwrap()
    }

    /// The queries of lookups since the last time.
    pub(crate) fn queries(&self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.state.inner.lock().unwrap().queries)
    }

    /// What streams and ends of connections showed since the last time.
    pub(crate) fn exchanged(&self) -> Vec<String> {
        std::mem::take(&mut self.state.inner.lock().unwrap().exchanged)
    }

    /// What was asked since the last time.
    pub(crate) fn asked(&self) -> Vec<Request> {
        std::mem::take(&mut self.state.inner.lock().unwrap().asked)
    }

    /// Publishes the next epoch with these segments of one breach: kind, and NIK with label.
    pub(crate) fn publish(&self, segments: &[(SegmentKind, &[(String, u32)])]) -> Vec<u8> {
        self.publish_until(segments, now_s() + 3_600)
    }

    pub(crate) fn publish_until(
        &self,
        segments: &[(SegmentKind, &[(String, u32)])],
        until_s: u64,
    ) -> Vec<u8> {
        let references = segments.iter().map(|(kind, entries)| self.build(*kind, entries)).collect();
        self.publish_built(references, until_s)
    }

    fn publish_built(&self, references: Vec<SegmentRef>, until_s: u64) -> Vec<u8> {
        let breach = Breach {
            id: "bpjs-2021".to_owned(),
            title: "BPJS Kesehatan".to_owned(),
            date: "2021-05".to_owned(),
            status: Status::Claimed,
            exposes: vec!["phone".to_owned()],
            varies: vec!["photo".to_owned()],
            segments: references,
        };
        let bytes = self.sign(vec![breach], until_s);
        self.state.inner.lock().unwrap().manifests.push(bytes.clone());
        bytes
    }

    /// Publishes the next epoch with this file as the one segment of SPEC.md's example.
    pub(crate) fn publish_file(&self, reference: SegmentRef, file: Vec<u8>) {
        let example = SignedManifest::inspect(&refused::example("manifest")).unwrap();
        let mut breach = example.manifest().breaches[0].clone();
        self.state.inner.lock().unwrap().segments.insert(reference.root, file);
        breach.segments = vec![reference];
        let bytes = self.sign(vec![breach], now_s() + 3_600);
        self.state.inner.lock().unwrap().manifests.push(bytes);
    }

    /// A manifest that follows the newest one, changed, and not published.
    pub(crate) fn sign_changed(&self, change: impl FnOnce(&mut Manifest)) -> Vec<u8> {
        let mut manifest = self.next(vec![], now_s() + 3_600);
        change(&mut manifest);
        sign(&manifest, &self.state.publisher).unwrap()
    }

    /// Certifies the key of a signing request, with parameters changed so.
    pub(crate) fn certifier(&self) -> impl Fn(&[u8], fn(&mut CertificateParams)) -> Vec<u8> + use<> {
        let state = Arc::clone(&self.state);
        move |csr, change| answers::certify(&state.ca, csr, change)
    }

    fn sign(&self, breaches: Vec<Breach>, until_s: u64) -> Vec<u8> {
        sign(&self.next(breaches, until_s), &self.state.publisher).unwrap()
    }

    /// What follows the newest manifest.
    fn next(&self, breaches: Vec<Breach>, until_s: u64) -> Manifest {
        let inner = self.state.inner.lock().unwrap();
        let previous = inner.manifests.last().map(|bytes| SignedManifest::inspect(bytes).unwrap());
        let key = self.state.key();
        let public = key.public();
        Manifest {
            operator: "Badan Contoh".to_owned(),
            epoch: inner.manifests.len() as u64 + 1,
            created_s: until_s - 7_200,
            valid_until_s: until_s,
            previous: previous.map_or(ManifestHash::NONE, |previous| previous.hash()).0,
            suite: oprf::SUITE,
            key_id: public.id().0,
            public_key: public.to_bytes(),
            breaches,
            next_publisher_key: None,
            extensions: inner
                .previous
                .iter()
                .map(|(key, until_s)| Rotation { previous: *key.public(), until_s: *until_s }.extension())
                .collect(),
        }
    }

    fn build(&self, kind: SegmentKind, niks: &[(String, u32)]) -> SegmentRef {
        let inputs: Vec<_> = niks.iter().map(|(nik, _)| Nik::parse(nik).unwrap().oprf_input()).collect();
        let labels: Vec<u32> = niks.iter().map(|(_, label)| *label).collect();
        self.build_of("bpjs-2021", kind, 1, &inputs, &labels)
    }

    fn build_of(
        &self,
        breach: &str,
        kind: SegmentKind,
        label_bits: u8,
        inputs: &[OprfInput],
        labels: &[u32],
    ) -> SegmentRef {
        let params = SegmentParams {
            kind,
            breach_id: BreachId::parse(breach).unwrap(),
            key_id: self.state.key().public().id().0,
            salt: rand::random(),
            entries: u32::try_from(inputs.len()).unwrap(),
            page_bytes: 2_048,
            label_bits,
            extensions: vec![],
        };
        let elements = self.state.key().encode(Backend::best(), inputs);
        let mut entries: Vec<Entry> = match params.placement() {
            None => Vec::new(),
            Some(placement) => elements
                .iter()
                .zip(labels)
                .map(|(element, label)| placement.locate(&element.tag().0).entry(*label))
                .collect(),
        };
        entries.sort_by_key(Entry::key);
        self.offer(params, entries)
    }

    /// A segment of these entries, in order, which from here on is served.
    fn offer(&self, params: SegmentParams, entries: impl IntoIterator<Item = Entry>) -> SegmentRef {
        let (kind, count) = (params.kind, params.entries);
        let mut builder = SegmentBuilder::new(params).unwrap();
        let mut pages = Vec::new();
        for entry in entries {
            pages.extend(builder.push(entry).unwrap());
        }
        let mut finished = builder.finish().unwrap();
        pages.append(&mut finished.pages);
        let hint = self.state.inner.lock().unwrap().lookups && kind == SegmentKind::Base;
        let hint = hint.then(|| {
            let mut pages = pages.concat();
            pages[7] ^= u8::from(self.state.inner.lock().unwrap().wrong_hints);
            let shape = Shape::new(2_048, finished.header().pages()).unwrap();
            let seed = MatrixSeed::of(&finished.header().params().salt, &finished.directory);
            let mut builder = HintBuilder::new(Kernel::best(), shape, seed);
            builder.push(&pages);
            builder.finish()
        });
        if let Some(hint) = &hint {
            finished = finished.with_lookup(&HintNote::of(hint)).unwrap();
        }
        let file = [finished.header_block, pages.concat(), finished.directory].concat();
        let reference = SegmentRef {
            root: finished.root.0,
            kind,
            entries: count.into(),
            page_bytes: 2_048,
            file_bytes: file.len() as u64,
        };
        let mut inner = self.state.inner.lock().unwrap();
        inner.segments.insert(reference.root, file);
        inner.hints.extend(hint.map(|hint| (reference.root, hint)));
        reference
    }
}

fn take_one(left: &mut u32) -> bool {
    let some = *left > 0;
    *left = left.saturating_sub(1);
    some
}

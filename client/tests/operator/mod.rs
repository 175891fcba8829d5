//! An operator for the client to meet: honest unless told otherwise. It is written from the protocol alone, so that it
//! can say what the real server never would.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use rand::{SeedableRng as _, rngs::StdRng};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, CertifiedIssuer,
    ExtendedKeyUsagePurpose, IsCa, KeyPair,
};
use rustls::pki_types::PrivateKeyDer;
use rustls::server::WebPkiClientVerifier;
use samar::people::now_s;
use samar_protocol::codec::Extension;
use samar_protocol::group::Backend;
use samar_protocol::identifier::Nik;
use samar_protocol::invitation::{Credential, Invitation};
use samar_protocol::limits::{ELEMENT_BYTES, PREAMBLE_BYTES};
use samar_protocol::manifest::{
    Breach, Floor, Manifest, ManifestHash, SegmentKind, SegmentRef, SignedManifest, Status, sign,
};
use samar_protocol::oprf::{self, BlindedBatch, SecretKey};
use samar_protocol::segment::{BreachId, Entry, SegmentBuilder, SegmentParams};
use samar_protocol::wire::{
    ALPN, Allowance, EXTENSION_BACKEND, Evaluated, Fetched, Joined, ManifestSent, Preamble, Refusal,
    RefusalCode, Request, Response, SERVER_NAME,
};

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
    oprf: SecretKey,
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
    allowance: u64,
    busy: u32,
}

impl Operator {
    pub(crate) fn start() -> Self {
        let mut parameters = CertificateParams::default();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca = CertifiedIssuer::self_signed(parameters, KeyPair::generate().unwrap()).unwrap();
        let ca_pem = ca.pem();
        let mut rng = StdRng::seed_from_u64(1);
        let inner = Inner { allowance: u64::MAX, ..Inner::default() };
        let state = Arc::new(State {
            oprf: SecretKey::generate(&mut rng),
            publisher: ed25519_dalek::SigningKey::from_bytes(&[9; 32]),
            inner: Mutex::new(inner),
            ca,
        });
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let endpoint = runtime.block_on(async {
            quinn::Endpoint::server(server_config(&state.ca), "127.0.0.1:0".parse().unwrap()).unwrap()
        });
        let address = endpoint.local_addr().unwrap();
        let serving = Arc::clone(&state);
        runtime.spawn(async move {
            while let Some(incoming) = endpoint.accept().await {
                let state = Arc::clone(&serving);
                tokio::spawn(async move {
                    let Ok(connection) = incoming.await else { return };
                    while let Ok((send, receive)) = connection.accept_bi().await {
                        tokio::spawn(exchange(Arc::clone(&state), send, receive));
                    }
                });
            }
        });
        Self { address, state, ca_pem, _runtime: runtime }
    }

    pub(crate) fn invitation(&self) -> Invitation {
        Invitation {
            operator: "Badan Contoh".to_owned(),
            bank: "bank-a".to_owned(),
            address: self.address.to_string(),
            ca_certificate: self.ca_pem.clone(),
            publisher_key: self.state.publisher.verifying_key(),
            floor: Floor { epoch: 0, hash: ManifestHash::NONE },
            expires_s: now_s() + 600,
            credential: Credential::Token([7; 32]),
        }
    }

    pub(crate) fn lie(&self, lie: impl Fn(&Request, Vec<u8>) -> Vec<u8> + Send + Sync + 'static) {
        self.state.inner.lock().unwrap().lie = Some(Box::new(lie));
    }

    pub(crate) fn be_honest(&self) {
        self.state.inner.lock().unwrap().lie = None;
    }

    pub(crate) fn allow(&self, evaluations: u64) {
        self.state.inner.lock().unwrap().allowance = evaluations;
    }

    /// Refuses so many requests before the next is answered.
    pub(crate) fn be_busy(&self, times: u32) {
        self.state.inner.lock().unwrap().busy = times;
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

    /// A manifest that follows the newest one.
    pub(crate) fn sign(&self, breaches: Vec<Breach>, until_s: u64) -> Vec<u8> {
        let inner = self.state.inner.lock().unwrap();
        let previous = inner.manifests.last().map(|bytes| SignedManifest::inspect(bytes).unwrap());
        let public = self.state.oprf.public();
        let manifest = Manifest {
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
            extensions: vec![],
        };
        sign(&manifest, &self.state.publisher).unwrap()
    }

    fn build(&self, kind: SegmentKind, niks: &[(String, u32)]) -> SegmentRef {
        let params = SegmentParams {
            kind,
            breach_id: BreachId::parse("bpjs-2021").unwrap(),
            key_id: self.state.oprf.public().id().0,
            salt: rand::random(),
            entries: u32::try_from(niks.len()).unwrap(),
            page_bytes: 2_048,
            label_bits: 1,
            extensions: vec![],
        };
        let inputs: Vec<_> = niks.iter().map(|(nik, _)| Nik::parse(nik).unwrap().oprf_input()).collect();
        let elements = self.state.oprf.encode(Backend::best(), &inputs);
        let mut entries: Vec<Entry> = match params.placement() {
            None => Vec::new(),
            Some(placement) => elements
                .iter()
                .zip(niks)
                .map(|(element, (_, label))| placement.locate(&element.tag().0).entry(*label))
                .collect(),
        };
        entries.sort_by_key(Entry::key);
        let mut builder = SegmentBuilder::new(params).unwrap();
        let mut pages = Vec::new();
        for entry in entries {
            pages.extend(builder.push(entry).unwrap());
        }
        let finished = builder.finish().unwrap();
        pages.extend(finished.pages);
        let file = [finished.header_block, pages.concat(), finished.directory].concat();
        let reference = SegmentRef {
            root: finished.root.0,
            kind,
            entries: niks.len() as u64,
            page_bytes: 2_048,
            file_bytes: file.len() as u64,
        };
        self.state.inner.lock().unwrap().segments.insert(reference.root, file);
        reference
    }
}

fn server_config(ca: &CertifiedIssuer<'static, KeyPair>) -> quinn::ServerConfig {
    let key = KeyPair::generate().unwrap();
    let certificate =
        CertificateParams::new(vec![SERVER_NAME.to_owned()]).unwrap().signed_by(&key, ca).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut roots = rustls::RootCertStore::empty();
    roots.add(ca.der().clone()).unwrap();
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
        .allow_unauthenticated()
        .build()
        .unwrap();
    let mut tls = rustls::ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_client_cert_verifier(verifier)
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
        )
        .unwrap();
    tls.alpn_protocols = vec![ALPN.to_vec()];
    let crypto = quinn::crypto::rustls::QuicServerConfig::try_from(tls).unwrap();
    quinn::ServerConfig::with_crypto(Arc::new(crypto))
}

async fn exchange(state: Arc<State>, mut send: quinn::SendStream, mut receive: quinn::RecvStream) {
    let Ok(bytes) = receive.read_to_end(8 << 20).await else { return };
    let (preamble, rest) = bytes.split_first_chunk::<PREAMBLE_BYTES>().unwrap();
    let preamble = Preamble::parse(*preamble).unwrap();
    let (control, bulk) = rest.split_at(preamble.control_bytes as usize);
    let request = Request::decode(preamble.kind, control).unwrap();
    let answer = {
        let mut inner = state.inner.lock().unwrap();
        inner.asked.push(request.clone());
        let (response, bulk) = answer(&state, &mut inner, &request, bulk);
        let answer = [response.encode().unwrap(), bulk].concat();
        match &inner.lie {
            Some(lie) => lie(&request, answer),
            None => answer,
        }
    };
    let _ = send.write_all(&answer).await;
    let _ = send.finish();
    let _ = send.stopped().await;
}

fn answer(state: &State, inner: &mut Inner, request: &Request, bulk: &[u8]) -> (Response, Vec<u8>) {
    let refused = |code| (Response::Refused(Refusal::new(code)), Vec::new());
    if inner.busy > 0 {
        inner.busy -= 1;
        return (Response::Refused(Refusal::new(RefusalCode::Busy).retry_after_ms(1)), Vec::new());
    }
    match request {
        Request::Join(join) => {
            let mut csr = CertificateSigningRequestParams::from_der(&join.csr.as_slice().into()).unwrap();
            csr.params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
            let certificate = csr.signed_by(&state.ca).unwrap().der().to_vec();
            let bank = "bank-a".to_owned();
            (Response::Joined(Joined { bank, certificate, extensions: vec![] }), Vec::new())
        }
        Request::Manifest(asked) => {
            let epoch = asked.epoch.map_or(inner.manifests.len(), |epoch| usize::try_from(epoch).unwrap());
            match epoch.checked_sub(1).and_then(|at| inner.manifests.get(at)) {
                None => refused(RefusalCode::EpochUnknown),
                Some(file) => {
                    let length = u32::try_from(file.len()).unwrap();
                    (Response::Manifest(ManifestSent { length, extensions: vec![] }), file.clone())
                }
            }
        }
        Request::Fetch(asked) => {
            let from = usize::try_from(asked.offset).unwrap();
            let range = from..from + asked.length as usize;
            match inner.segments.get(&asked.root).and_then(|file| file.get(range)) {
                None => refused(RefusalCode::RangeUnknown),
                Some(bytes) => {
                    let fetched = Fetched { length: asked.length, extensions: vec![] };
                    (Response::Fetched(fetched), bytes.to_vec())
                }
            }
        }
        Request::Evaluate(asked) => {
            let Some(left) = inner.allowance.checked_sub(asked.count.into()) else {
                return refused(RefusalCode::DayAllowanceUsed);
            };
            inner.allowance = left;
            let blinded = bulk.as_chunks::<ELEMENT_BYTES>().0.to_vec();
            let batch = BlindedBatch::decode(Backend::best(), blinded).unwrap();
            let evaluation = state.oprf.evaluate(&batch, &mut StdRng::seed_from_u64(2));
            let evaluated = Evaluated {
                count: asked.count,
                proof: evaluation.proof.to_bytes(),
                charged: asked.count,
                extensions: vec![],
            };
            (Response::Evaluated(evaluated), evaluation.evaluated.concat())
        }
        Request::Allowance(_) => {
            let (per_day, lifetime) = (inner.allowance, u64::MAX);
            let allowance = Allowance {
                per_day,
                lifetime,
                used_today: 0,
                used_lifetime: 0,
                next_day_s: 0,
                extensions: vec![Extension { id: EXTENSION_BACKEND, bytes: b"stand-in".to_vec() }],
            };
            (Response::Allowance(allowance), Vec::new())
        }
    }
}

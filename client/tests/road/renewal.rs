//! A certificate that runs out: renewed in time by the bank itself, or by another invitation, in the folder where everything is.

use std::time::{Duration, SystemTime};

use rcgen::{CertificateParams, KeyPair};
use samar::join::Enrolment;
use samar::renew::renew;
use samar_local::exit::{Exit, Failure};
use samar_protocol::invitation::{Credential, Invitation};
use samar_protocol::manifest::SegmentKind::Base;
use samar_protocol::wire::{JoinRequest, Refusal, RefusalCode, Request, Response};

use super::bank::{Bank, entries};
use super::operator::{Operator, joined};

/// Weeks that a certificate has left when its bank ought to see to it.
const LEFT: Duration = Duration::from_secs(20 * 86_400);

fn soon(parameters: &mut CertificateParams) {
    parameters.not_after = (SystemTime::now() + LEFT).into();
}

fn past(parameters: &mut CertificateParams) {
    parameters.not_after = (SystemTime::now() - LEFT).into();
}

/// Issues certificates that are changed so from here on.
fn issue(operator: &Operator, change: fn(&mut CertificateParams)) {
    let certify = operator.certifier();
    operator.lie(move |request, answer| match request {
        Request::Join(join) => joined(certify(&join.csr, change)).encode().unwrap(),
        _ => answer,
    });
}

/// A bank that joined and synced, whose certificate runs out within weeks.
fn bank(operator: &Operator) -> Bank {
    operator.publish(&[(Base, &entries(0..10))]);
    let bank = Bank::joined(operator);
    bank.sync().unwrap();
    put(&bank, operator, soon);
    bank
}

/// Puts another certificate of its key into the bank's folder.
fn put(bank: &Bank, operator: &Operator, change: fn(&mut CertificateParams)) {
    let key = KeyPair::from_pem(&std::fs::read_to_string(bank.path("samar/client.key")).unwrap()).unwrap();
    let request = CertificateParams::default().serialize_request(&key).unwrap();
    let certificate = operator.certifier()(request.der(), change);
    let pem = pem::encode(&pem::Pem::new("CERTIFICATE", certificate));
    std::fs::write(bank.path("samar/client.pem"), pem).unwrap();
}

fn certificate(bank: &Bank) -> Vec<u8> {
    std::fs::read(bank.path("samar/client.pem")).unwrap()
}

fn renewed(bank: &Bank, invitation: Option<&Invitation>) -> Result<Enrolment, Failure> {
    let text = invitation.map(|invitation| invitation.to_text().unwrap());
    bank.runtime.block_on(renew(&bank.home(), text.as_deref()))
}

#[test]
fn a_sync_in_the_last_weeks_renews_the_certificate_of_the_same_key() {
    let operator = Operator::start();
    let bank = bank(&operator);
    let (before, key) = (certificate(&bank), std::fs::read(bank.path("samar/client.key")).unwrap());
    operator.asked();
    bank.sync().unwrap();
    let asked = operator.asked();
    let tokens: Vec<_> = asked
        .iter()
        .filter_map(|request| if let Request::Join(join) = request { Some(join.token) } else { None })
        .collect();
    assert_eq!(tokens, [JoinRequest::RENEWAL]);
    assert_ne!(certificate(&bank), before);
    assert_eq!(std::fs::read(bank.path("samar/client.key")).unwrap(), key);
    // Nothing more is asked while there is time, and the new one serves.
    bank.sync().unwrap();
    assert!(!operator.asked().iter().any(|request| matches!(request, Request::Join(_))));
    assert_eq!(bank.screen(0..3).unwrap().exposed, 3);
}

#[test]
fn a_server_that_does_not_renew_keeps_nobody_from_syncing() {
    let operator = Operator::start();
    let bank = bank(&operator);
    let before = certificate(&bank);
    let refusal = Response::Refused(Refusal::new(RefusalCode::InvitationInvalid)).encode().unwrap();
    operator.answer_always(samar_protocol::wire::RequestKind::Join, &refusal);
    bank.sync().unwrap();
    assert_eq!(certificate(&bank), before);
    let failure = renewed(&bank, None).unwrap_err();
    assert_eq!(failure.exit(), Exit::Refused, "{failure}");
    operator.be_honest();
    let until_s = renewed(&bank, None).unwrap().certificate_until_s;
    assert!(until_s > samar::people::now_s() + 30 * 86_400);
}

// R-JOIN-3: 5
#[test]
fn a_renewed_certificate_that_is_not_this_banks_is_not_taken() {
    let operator = Operator::start();
    let bank = bank(&operator);
    let before = certificate(&bank);
    let refused = |says: &str| {
        let failure = renewed(&bank, None).unwrap_err();
        assert_eq!(failure.exit(), Exit::Peer, "{failure}");
        assert!(failure.to_string().contains(says), "{failure} does not say {says}");
        assert_eq!(certificate(&bank), before);
    };
    operator.lie(|request, answer| match request {
        Request::Join(_) => {
            let foreign = rcgen::generate_simple_self_signed(vec!["bank-a".to_owned()]).unwrap();
            joined(foreign.cert.der().to_vec()).encode().unwrap()
        }
        _ => answer,
    });
    refused("for another key");
    issue(&operator, past);
    refused("does not hold");
    let certify = operator.certifier();
    operator.lie(move |request, answer| match request {
        Request::Join(join) => {
            let Response::Joined(mut other) = joined(certify(&join.csr, |_| {})) else { return answer };
            other.bank = "bank-b".to_owned();
            Response::Joined(other).encode().unwrap()
        }
        _ => answer,
    });
    refused("this bank is bank-a");
    // A sync says so, and goes on.
    bank.sync().unwrap();
    assert_eq!(certificate(&bank), before);
}

#[test]
fn one_that_ran_out_is_renewed_by_another_invitation_where_everything_is() {
    let (operator, other) = (Operator::start(), Operator::start());
    let bank = bank(&operator);
    bank.screen(0..5).unwrap();
    let key = std::fs::read(bank.path("samar/client.key")).unwrap();
    put(&bank, &operator, past);
    let ended = certificate(&bank);
    let failure = renewed(&bank, None).unwrap_err();
    assert!(failure.exit() == Exit::Input && failure.to_string().contains("ran out on"), "{failure}");
    assert_eq!(bank.sync().unwrap_err().exit(), Exit::Refused, "the server lets nobody in with it");

    // Of another operator, or for another bank: nothing is touched.
    let another = Invitation { bank: "bank-b".to_owned(), ..operator.invitation() };
    for foreign in [other.invitation(), another] {
        let failure = renewed(&bank, Some(&foreign)).unwrap_err();
        assert_eq!(failure.exit(), Exit::Input, "{failure}");
        assert!(failure.to_string().contains("this folder is joined to Badan Contoh as bank-a"), "{failure}");
        assert_eq!(certificate(&bank), ended);
    }
    renewed(&bank, Some(&operator.invitation())).unwrap();
    assert_eq!(std::fs::read(bank.path("samar/client.key")).unwrap(), key);
    bank.sync().unwrap();
    let summary = bank.screen(0..5).unwrap();
    assert_eq!((summary.reused, summary.charged, summary.exposed), (5, 0, 5), "set and ledger are the same");
}

#[test]
fn the_program_renews_and_tells_until_when() {
    let operator = Operator::start();
    let bank = bank(&operator);
    let samar = |arguments: &[&str]| {
        let mut command = assert_cmd::Command::cargo_bin("samar").unwrap();
        let output = command.arg("--dir").arg(bank.home().dir()).args(arguments).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
    };
    let (code, out, _) = samar(&["status", "--offline"]);
    assert!(
        code == 0
            && out.contains("the certificate of this bank runs out in ")
            && out.contains(": samar renew;"),
        "{out}"
    );
    let (code, out, err) = samar(&["renew"]);
    assert!(
        code == 0 && out.starts_with("renewed the certificate of bank-a: it is valid until "),
        "{out}{err}"
    );
    assert!(!samar(&["status", "--offline"]).1.contains("samar renew"));

    put(&bank, &operator, past);
    let (code, _, err) = samar(&["renew"]);
    assert!(code == 2 && err.contains("enroll bank-a --again"), "{err}");
    let file = bank.path("again.toml");
    std::fs::write(&file, operator.invitation().to_text().unwrap()).unwrap();
    let (code, out, err) = samar(&["renew", file.to_str().unwrap(), "--json"]);
    let told: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert!(code == 0 && told["bank"] == "bank-a", "{out}{err}");
    assert_eq!(samar(&["status"]).0, 0, "the server takes it");

    // One whose server says nothing shows what is here all the same.
    operator.be_full(1, 0);
    let (code, out, _) = samar(&["status"]);
    assert!(code == 4 && out.contains("allowance    not known: "), "{code} {out}");
    let (code, _, err) = samar(&["renew", bank.path("none.toml").to_str().unwrap()]);
    assert!(code == 2 && err.contains("none.toml"), "{err}");
}

// R-JOIN-4: 2
#[test]
fn a_certificate_of_the_banks_own_pki_is_renewed_for_the_key_that_is_here_and_no_other() {
    let operator = Operator::start();
    let bank = bank(&operator);
    let before = certificate(&bank);
    let key = KeyPair::from_pem(&std::fs::read_to_string(bank.path("samar/client.key")).unwrap()).unwrap();
    let invitation = |key: &KeyPair| {
        let request = CertificateParams::default().serialize_request(key).unwrap();
        let certificate = operator.certifier()(request.der(), |_| {});
        operator
            .invitation_with(Credential::Certificate(pem::encode(&pem::Pem::new("CERTIFICATE", certificate))))
    };
    let failure = renewed(&bank, Some(&invitation(&KeyPair::generate().unwrap()))).unwrap_err();
    assert_eq!(failure.exit(), Exit::Input, "{failure}");
    assert!(failure.to_string().contains("for another key of bank-a"), "{failure}");
    assert_eq!(certificate(&bank), before);
    renewed(&bank, Some(&invitation(&key))).unwrap();
    assert_ne!(certificate(&bank), before);
    bank.sync().unwrap();
}

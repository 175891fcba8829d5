//! Revoking a bank, as an operator types it.

use crate::house::House;

#[test]
fn a_revoked_bank_stays_revoked_and_its_reason_is_kept() {
    let house = House::new();
    std::fs::write(
        house.layout.config(),
        format!(
            "address = \"breach.example:4433\"\n{}",
            std::fs::read_to_string(house.layout.config()).unwrap()
        ),
    )
    .unwrap();
    let out = house.path("x.invitation").into_os_string().into_string().unwrap();
    house.run(&["revoke", "bank-jaya", "--reason", "ended"]).fails(2, &["`bank-jaya` is not enrolled"]);
    house.run(&["enroll", "bank-jaya", "--out", &out]).done();
    house.run(&["revoke", "bank-jaya", "--reason", ""]).fails(2, &["the reason must be"]);
    house.run(&["revoke", "bank-jaya", "--reason", "contract ended"]).done();
    house.run(&["revoke", "bank-jaya", "--reason", "again"]).fails(2, &["revoked before: contract ended"]);
    house.run(&["enroll", "bank-jaya", "--out", &out, "--again"]).fails(2, &["revoked", "another name"]);
    assert!(house.run(&["status"]).done().contains("revoked: contract ended"));
}

//! Keys in the clear and sealed, and every way in which a file can be wrong.

use std::os::unix::fs::PermissionsExt as _;

use samar_local::exit::Exit;

use super::*;

/// A passphrase from a file, as a descriptor would give it.
fn passphrase(folder: &Path, text: &str) -> (std::fs::File, Passphrase) {
    use std::os::fd::AsRawFd as _;
    let path = folder.join(format!("{text}.txt"));
    std::fs::write(&path, format!("{text}\n")).unwrap();
    let file = std::fs::File::open(path).unwrap();
    let descriptor = u32::try_from(file.as_raw_fd()).unwrap();
    (file, Passphrase::new(Source::Descriptor(descriptor)))
}

fn initialised(folder: &Path) -> Layout {
    let layout = Layout::new(folder.join("op"));
    crate::init::init(&layout, "Badan Contoh", "127.0.0.1:0".parse().unwrap()).unwrap();
    layout
}

#[test]
fn damage_to_a_key_in_the_clear_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let layout = initialised(folder.path());
    let path = layout.oprf_key();
    let public = *oprf(&layout).unwrap().public();
    let good = std::fs::read(&path).unwrap();
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 1;
        std::fs::write(&path, &bad).unwrap();
        oprf(&layout).unwrap_err();
    }
    for length in 0..good.len() {
        std::fs::write(&path, &good[..length]).unwrap();
        oprf(&layout).unwrap_err();
    }
    std::fs::copy(layout.publisher_key(), &path).unwrap();
    assert!(oprf(&layout).unwrap_err().to_string().contains("another purpose"));
    std::fs::write(&path, &good).unwrap();
    assert_eq!(*oprf(&layout).unwrap().public(), public);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    assert!(oprf(&layout).unwrap_err().to_string().contains("others may read it"));
}

#[test]
fn sealed_keys_open_with_their_passphrase_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let layout = initialised(folder.path());
    let public = *oprf(&layout).unwrap().public();
    let publisher_key = publisher(&layout).unwrap().verifying_key();
    let clear = std::fs::read(layout.oprf_key()).unwrap();
    let ca = pem(&layout, Purpose::Authority).unwrap();
    let (_first, first) = passphrase(folder.path(), "kunci pertama");
    assert_eq!(protect(&layout, Some(&first)).unwrap(), Protected::Sealed);
    assert!(sealed(&layout).unwrap());

    // Nothing of a key is left in any file, and none opens without the passphrase.
    for purpose in Purpose::ALL {
        let file = std::fs::read(purpose.path(&layout)).unwrap();
        assert!(!file.windows(32).any(|window| window == &clear[12..44] || ca.starts_with(window)));
        let mode = std::fs::metadata(purpose.path(&layout)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    let (_none, wrong) = passphrase(folder.path(), "kunci kedua");
    let with_wrong = Layout::new(layout.root()).opened_with(wrong);
    let refused = oprf(&with_wrong).unwrap_err();
    assert_eq!(refused.exit(), Exit::Input);
    assert!(refused.to_string().contains("does not open"), "{refused}");
    // What is public needs none.
    assert_eq!(publisher_public(&with_wrong).unwrap(), publisher_key);

    let (_file, right) = passphrase(folder.path(), "kunci pertama");
    let layout = layout.opened_with(right);
    assert_eq!(*oprf(&layout).unwrap().public(), public);
    assert_eq!(publisher(&layout).unwrap().verifying_key(), publisher_key);
    assert_eq!(pem(&layout, Purpose::Authority).unwrap(), ca);

    // Every byte of a sealed file counts.
    let path = layout.oprf_key();
    let good = std::fs::read(&path).unwrap();
    for at in [0, 11, 12, 43, 44, 48, 52, 56, 72, 96, 100, good.len() - 9, good.len() - 1] {
        let mut bad = good.clone();
        bad[at] ^= 1;
        std::fs::write(&path, &bad).unwrap();
        oprf(&layout).unwrap_err();
        // Also with the checksum made to fit.
        bad.truncate(bad.len() - 8);
        file::close(&mut bad);
        if at < good.len() - 8 {
            std::fs::write(&path, &bad).unwrap();
            oprf(&layout).unwrap_err();
        }
    }
    std::fs::write(&path, &good).unwrap();

    assert_eq!(protect(&layout, None).unwrap(), Protected::Clear);
    assert_eq!(std::fs::read(&path).unwrap(), clear);
    assert_eq!(std::fs::read(layout.ca_key()).unwrap(), *ca);
}

#[test]
fn a_change_that_was_cut_short_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let layout = initialised(folder.path());
    let public = *oprf(&layout).unwrap().public();
    let (_first, first) = passphrase(folder.path(), "lama");
    protect(&layout, Some(&first)).unwrap();
    let old = std::fs::read(layout.publisher_key()).unwrap();
    let (_old, current) = passphrase(folder.path(), "lama");
    let layout = layout.opened_with(current);
    let (_new, new) = passphrase(folder.path(), "baru");
    protect(&layout, Some(&new)).unwrap();
    // As it stands when only the first file was replaced.
    std::fs::write(layout.publisher_key(), old).unwrap();
    protect(&layout, Some(&new)).unwrap();
    let (_file, only_new) = passphrase(folder.path(), "baru");
    let layout = layout.opened_with(only_new);
    assert_eq!(*oprf(&layout).unwrap().public(), public);
    publisher(&layout).unwrap();
}

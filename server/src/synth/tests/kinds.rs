//! The other breaches, and customers of all kinds of identifiers.

use super::*;

/// The well-formed identifiers of a column, and how many cells are none.
fn identifiers(bytes: &[u8], kind: Kind, name: &str) -> (Vec<Vec<u8>>, usize) {
    let cells = column(bytes, name);
    let parsed: Vec<_> = cells.iter().filter_map(|cell| Identifier::parse(kind, cell).ok()).collect();
    let broken = cells.len() - parsed.len();
    (parsed.iter().map(|identifier| identifier.normalised().to_vec()).collect(), broken)
}

#[test]
fn every_identifier_of_the_other_breaches_is_one_persons_however_it_is_written() {
    for (like, columns) in [
        (Like::Dukcapil, &[(Kind::Nik, "NIK"), (Kind::Kk, "NO_KK")][..]),
        (Like::Tokopedia, &[(Kind::Email, "EMAIL"), (Kind::Phone, "NO_HP")]),
        (Like::EktpSelfie, &[(Kind::Nik, "NIK"), (Kind::Kk, "NO_KK"), (Kind::Npwp, "NPWP")]),
    ] {
        let spec = DumpSpec { like, count: 3_000, ..spec() };
        let mut text = Vec::new();
        let summary = write_dump(&mut text, &spec).unwrap();
        // Persons who have nothing but what is written plainly: the same ones, whatever the dirt.
        let plain = dump(&DumpSpec { dirt: Dirt::default(), ..spec.clone() });
        for (kind, name) in columns {
            let (found, broken) = identifiers(&text, *kind, name);
            let (expected, none) = identifiers(&plain, *kind, name);
            assert_eq!((broken as u64, none), (summary.broken, 0), "{name}");
            let expected: HashSet<_> = expected.into_iter().collect();
            assert_eq!(expected.len() as u64, spec.count, "two persons share one: {name}");
            assert_eq!(found.into_iter().collect::<HashSet<_>>(), expected, "{name}");
            let plainly: HashSet<String> = column(&plain, name).into_iter().collect();
            let odd = column(&text, name).iter().filter(|cell| !plainly.contains(*cell)).count();
            assert!(odd as u64 > summary.odd / 2, "{odd} of {} are written oddly: {name}", summary.odd);
        }
    }
}

#[test]
fn the_other_breaches_keep_their_bytes_too() {
    let spec = DumpSpec { count: 1, dirt: Dirt::default(), photo_per_mille: 1000, ..spec() };
    for (like, lines) in [
        (Like::Dukcapil, PINNED_DUKCAPIL),
        (Like::Tokopedia, PINNED_TOKOPEDIA),
        (Like::EktpSelfie, PINNED_EKTP),
    ] {
        assert_eq!(String::from_utf8(dump(&DumpSpec { like, ..spec.clone() })).unwrap(), lines, "{like:?}");
    }
}

const PINNED_DUKCAPIL: &str = "NIK,NO_KK,NAMA,JENIS_KELAMIN,TGL_LAHIR,ALAMAT\n\
    1213072008960001,7310012103030010,Wahyu Saputra,L,1996-08-20,\"Jl. Anggrek No. 014, RT 017/RW 004\"\n";
const PINNED_TOKOPEDIA: &str = "USER_ID,NAMA,EMAIL,NO_HP,JENIS_KELAMIN,TGL_LAHIR,PASSWORD\n\
    0000000005000,Wahyu Saputra,wahyu.saputra5000@example.org,0813559761594,L,1996-08-20,\
    fb75f8bf6a09f1e7d656eda87e3d865fcadf86b1d298c077c0b5f60d08c95095\n";
const PINNED_EKTP: &str = "NIK,NO_KK,NPWP,NAMA,FOTO_SELFIE,FOTO_KK,FOTO_NPWP\n\
    1213072008960001,7310012103030010,845883915145000,Wahyu Saputra,\
    selfie/0000000005000.jpg,kk/0000000005000.jpg,npwp/0000000005000.jpg\n";

#[test]
fn customers_of_any_number_of_dumps_are_in_those_that_the_truth_names() {
    let breaches =
        [breach("tokopedia-2020", 100..250), breach("bpjs-2021", 0..200), breach("ektp", 190..260)];
    let spec = CustomerSpec::among(7, &[300..320, 150..280], &breaches, DIRTY).unwrap();
    let spec = CustomerSpec { all_kinds: true, ..spec };
    let (mut text, mut truth) = (Vec::new(), Vec::new());
    let summary = write_customers(&mut text, Some(&mut truth), &spec).unwrap();
    assert_eq!((summary.customers, summary.exposed), (150, 110));
    let population = Population::new(7);
    let mut seen = HashSet::new();
    for line in String::from_utf8(truth).unwrap().lines().skip(1) {
        let [_, status, found, person] = line.split(',').collect::<Vec<_>>().try_into().unwrap();
        if status == "invalid" {
            continue;
        }
        let person: u64 = person.parse().unwrap();
        assert!(
            population.nik(person).is_some()
                && ((150..280).contains(&person) || (300..320).contains(&person))
        );
        seen.insert(person);
        let mut ids: Vec<_> = breaches
            .iter()
            .filter(|breach| breach.persons.contains(&person))
            .map(|breach| breach.id.as_str())
            .collect();
        ids.sort_unstable();
        assert_eq!((found, status == "exposed"), (ids.join(";").as_str(), !ids.is_empty()), "{person}");
    }
    assert_eq!(seen.len(), 150, "each is a customer");

    // They are the persons of the dumps by each identifier.
    let dump = dump(&DumpSpec {
        like: Like::Tokopedia,
        first: 150,
        count: 130,
        dirt: Dirt::default(),
        ..self::spec()
    });
    for (kind, of_dump, of_bank) in [(Kind::Email, "EMAIL", "EMAIL"), (Kind::Phone, "NO_HP", "NO_HP")] {
        let found: HashSet<_> = identifiers(&text, kind, of_bank).0.into_iter().collect();
        assert!(
            identifiers(&dump, kind, of_dump).0.iter().all(|of_dump| found.contains(of_dump)),
            "{of_bank}"
        );
    }
    assert!(matches!(
        CustomerSpec::among(7, &[0..10, 9..20], &breaches, DIRTY),
        Err(SynthError::Twice { .. })
    ));
}

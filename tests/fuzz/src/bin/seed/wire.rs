//! Messages, and elements to evaluate.

use samar_protocol::codec;
use samar_protocol::wire::{
    Allowance, AllowanceRequest, EvaluateRequest, Evaluated, FetchRequest, Fetched, HintRequest, HintSent,
    JoinRequest, Joined, LookedUp, LookupRequest, ManifestRequest, ManifestSent, Refusal, RefusalCode,
    RekeyRequest, Rekeyed, Request, Response,
};

use crate::{extension, put};

fn requests() -> [(&'static str, Request); 8] {
    let rekey = RekeyRequest {
        suite: 1,
        from_key_id: [2; 8],
        to_key_id: [3; 8],
        epoch: 2,
        count: 2,
        extensions: vec![],
    };
    let evaluate = EvaluateRequest { suite: 1, key_id: [2; 8], epoch: 1, count: 2, extensions: vec![] };
    [
        (
            "join",
            Request::Join(JoinRequest { token: [9; 32], csr: vec![0x30, 3, 2, 1, 0], extensions: vec![] }),
        ),
        ("manifest", Request::Manifest(ManifestRequest { epoch: Some(3), extensions: extension() })),
        (
            "fetch",
            Request::Fetch(FetchRequest { root: [1; 32], offset: 8_192, length: 65_536, extensions: vec![] }),
        ),
        ("evaluate", Request::Evaluate(evaluate)),
        ("allowance", Request::Allowance(AllowanceRequest { extensions: vec![] })),
        ("rekey", Request::Rekey(rekey)),
        (
            "hint",
            Request::Hint(HintRequest { root: [1; 32], offset: 8_192, length: 65_536, extensions: vec![] }),
        ),
        ("lookup", Request::Lookup(LookupRequest { root: [1; 32], pages: 3, extensions: extension() })),
    ]
}

pub(crate) fn wire() {
    for (name, request) in requests() {
        put("request", name, &[&request.encode().unwrap()]);
    }
    let [.., (_, allowance), _, _, _] = requests();
    let mut longer = allowance.encode().unwrap();
    longer[2] += 1;
    put("request", "longer", &[&longer, &[0]]);
    let joined =
        Joined { bank: "bank-a".to_owned(), certificate: vec![0x30, 3, 2, 1, 0], extensions: vec![] };
    let evaluated = Evaluated { count: 2, proof: [0; 64], charged: 2, extensions: extension() };
    let rekeyed = Rekeyed { count: 2, proof: [0; 64], charged: 0, extensions: vec![] };
    let allowance = Allowance {
        per_day: 10,
        lifetime: 20,
        used_today: 1,
        used_lifetime: 2,
        next_day_s: 86_400,
        extensions: vec![],
    };
    let responses = [
        Response::Joined(joined),
        Response::Manifest(ManifestSent { length: 524, extensions: vec![] }),
        Response::Fetched(Fetched { length: 65_536, extensions: vec![] }),
        Response::Evaluated(evaluated),
        Response::Allowance(allowance),
        Response::Rekeyed(rekeyed),
        Response::Hint(HintSent { length: 65_536, extensions: vec![] }),
        Response::LookedUp(LookedUp { page_bytes: 8_192, extensions: vec![] }),
    ];
    for (asked, (response, (name, _))) in (0u8..).zip(responses.iter().zip(requests())) {
        put("response", name, &[&[asked], &response.encode().unwrap()]);
    }
    let refusal = Refusal::new(RefusalCode::Busy).retry_after_ms(1_000);
    put("response", "refusal", &[&[3], &Response::Refused(refusal.clone()).encode().unwrap()]);
    put("refusal", "busy", &[&codec::encode(&refusal).unwrap()]);
    put("refusal", "malformed", &[&codec::encode(&Refusal::new(RefusalCode::Malformed)).unwrap()]);
}

pub(crate) fn elements() {
    for (name, mode, patches) in [
        ("honest", 2u8, [].as_slice()),
        ("additive", 3, &[]),
        ("changed", 2, &[3, 0, 1]),
        ("proof", 3, &[100, 0, 1]),
        ("made-up", 0, &[1, 2, 3, 4]),
    ] {
        put("oprf_batch", name, &[&[mode, 3], patches]);
    }
    let generator = "e2f2ae0a6abc4e71a884a961c500515f58e30b6aa582dd8db6a65945e08d2d76";
    let generator: Vec<u8> =
        (0..32).map(|i| u8::from_str_radix(&generator[2 * i..2 * i + 2], 16).unwrap()).collect();
    put("oprf_batch", "elements", &[&[0, 1], &generator, &generator, &[1; 30], &[0; 2], &[1; 30]]);
    put("backends", "made", &[&[7], &0x1_ffffu32.to_le_bytes(), &[5; 32], &(0..=255).collect::<Vec<u8>>()]);
    put("backends", "mixed", &[&[8], &0x1_fefeu32.to_le_bytes(), &[3; 32], &generator, &[9; 99], &generator]);
    put("backends", "identity", &[&[0], &[0; 4], &[3; 32], &[0; 32]]);
}

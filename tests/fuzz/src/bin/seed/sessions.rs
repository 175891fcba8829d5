//! Exchanges of the two session machines.

use crate::put;

pub(crate) fn sessions() {
    let exchange = |peer: u8, message: &[u8]| [&[peer, 0, 0, 0], message].concat();
    let evaluate = exchange(0, &[5, 3, 1, 2, 3]);
    // One element asked for, one byte of the request turned; the other patches turn nothing.
    let changed = |patch: &[u8]| exchange(0, &[&[0xfd, 1, 3], patch, &[0; 6]].concat());
    for (name, exchanges) in [
        (
            "requests",
            vec![exchange(0, &[2, 0]), exchange(0, &[3, 0, 0, 0, 32]), exchange(0, &[4]), evaluate.clone()],
        ),
        ("join", vec![exchange(0xff, &[1, 0]), exchange(0xff, &[1, 0]), exchange(0, &[1, 1, 2, 0, 0x30, 0])]),
        ("charged-once", vec![evaluate.clone(), evaluate.clone(), exchange(0, &[6, 7, 9, 9, 9, 9, 9, 9, 9])]),
        ("changed", vec![exchange(0, &[0xfd, 2, 0, 0, 7, 0, 1]), exchange(0, &[0xf5, 1, 1, 40, 0])]),
        ("cut", vec![[0, 3, 0xfe, 0].to_vec(), exchange(0, &[0xec, 1, 0, 9])]),
        ("raw", vec![exchange(0, &[0, 14, 0, 1, 8, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])]),
        ("strangers", vec![exchange(0xff, &[4]), exchange(0xfe, &[4]), exchange(0xfd, &[4])]),
        (
            "element-invalid",
            vec![exchange(0, &[5, 2, 1, 0xff, 1]), exchange(0, &[5, 1, 0xff]), evaluate.clone()],
        ),
        (
            "allowances",
            vec![
                evaluate.clone(),
                exchange(0, &[5, 5, 9, 9, 9, 9, 9]),
                exchange(0, &[5, 6, 1, 3, 5, 7, 8, 2]),
            ],
        ),
        (
            "hint",
            vec![
                exchange(0, &[7, 0, 0, 0, 0, 0, 0, 32]),
                exchange(0, &[7, 0, 0xff, 0xff, 0xff, 0xff, 0, 32]),
            ],
        ),
        (
            "lookups",
            vec![
                exchange(0, &[7, 1, 1, 2, 3, 0x14]),
                exchange(0, &[7, 1, 1, 2, 3, 4]),
                exchange(0, &[7, 1, 5, 6, 7, 8]),
                exchange(0, &[7, 1, 9, 9, 9, 9]),
                evaluate.clone(),
            ],
        ),
        ("other-suite", vec![changed(&[6, 0, 2])]),
        ("other-key", vec![changed(&[9, 0, 1])]),
        ("later-epoch", vec![changed(&[16, 0, 3]), changed(&[17, 0, 1])]),
        ("too-many", vec![changed(&[24, 0, 3])]),
        ("longer", vec![exchange(0, &[0xed, 1, 3, 1, 0, 7]), exchange(0, &[0xec, 1, 0, 7])]),
        (
            "unread",
            vec![[0, 0, 0, 0xfe, 9, 0, 5, 2, 1, 1].to_vec(), [0, 0, 0, 0xfd, 0, 0, 4].to_vec(), evaluate],
        ),
    ] {
        put("session_server", name, &[&exchanges.concat()]);
    }
    let honest = [2, 0, 0, 0];
    let busy = [&[1, 0, 0, 0], &[13u8] as &[u8], &[0, 0, 0, 0]].concat();
    put("session_client", "join", &[&[0, 0, 0], &honest, &[3, 0, 1, 2, 3]]);
    put("session_client", "manifest", &[&[1, 0, 0], &honest, &[3]]);
    put("session_client", "fetch", &[&[2, 0, 9], &honest, &[7]]);
    put("session_client", "evaluate", &[&[3, 2, 0], &honest]);
    put("session_client", "evaluate-rfc", &[&[12, 2, 0], &busy, &honest]);
    put("session_client", "evaluate-changed", &[&[3, 1, 0], &[0xfe, 0, 0, 0, 20, 0, 1]]);
    put("session_client", "allowance", &[&[4, 0, 0], &busy, &busy, &honest, &[1; 40]]);
    put("session_client", "busy", &[&[4, 0, 0], &busy.repeat(7)]);
    put("session_client", "walk", &[&[6, 0, 0], &honest, &[4], &honest, &[1], &honest, &[2], &honest, &[3]]);
    put("session_client", "fork", &[&[24, 0, 0], &honest, &[3], &honest, &[1], &honest, &[2]]);
    put("session_client", "hint", &[&[7, 0, 9], &busy, &honest, &[7]]);
    put("session_client", "lookup", &[&[8, 0, 0], &honest, &[0, 7]]);
    put("session_client", "lookup-busy", &[&[8, 0, 0], &busy, &honest, &[0, 7]]);
    put("session_client", "lookup-other-size", &[&[8, 0, 0], &honest, &[1, 7]]);
    put("session_client", "raw", &[&[4, 0, 0, 0, 2, 0, 0, 54, 0, 1, 0x88, 48, 0, 0, 0], &[0; 48]]);
    put("session_client", "reset", &[&[3, 0, 0, 2, 0, 0, 0xff, 13]]);
    put("session_client", "stalled", &[&[2, 0, 0, 0xf8 | 2, 1, 0xfe, 40, 0, 0xfe, 0, 9, 0]]);
}

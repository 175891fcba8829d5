#![no_main]
// libFuzzer's hook ends the program at every panic, before one that is contained can be.
libfuzzer_sys::fuzz_target!(
    init: {
        let ends = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if !samar_fuzz::is_contained() {
                ends(panic);
            }
        }));
    },
    |data: &[u8]| samar_fuzz::table(data)
);

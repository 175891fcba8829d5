#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| samar_fuzz::account_checkpoint(data));

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| bitmart_fuzz::frames(data));

//! A session description, read in all its parts, changed or refused.

#![no_main]

#[expect(dead_code, reason = "each target uses one of its functions")]
#[path = "../../sip/tests/fuzzing/mod.rs"]
mod fuzzing;

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzzing::sdp(data));

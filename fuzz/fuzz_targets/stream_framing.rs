//! A TCP stream, cut into pieces in any way.

#![no_main]

#[expect(dead_code, reason = "each target uses one of its functions")]
#[path = "../../sip/tests/fuzzing/mod.rs"]
mod fuzzing;

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzzing::stream_framing(data));

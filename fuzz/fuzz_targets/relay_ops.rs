//! Any sequence of orders, packets and time on a relay.

#![no_main]

#[expect(dead_code, reason = "each target uses one of its functions")]
#[path = "../../media/tests/fuzzing/mod.rs"]
mod fuzzing;

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzzing::relay_ops(data));

//! Frames of tunnels: forged, from a member of the mesh that breaks the rules, replayed, out of order.

#![no_main]

#[expect(dead_code, reason = "each target uses one of its functions")]
#[path = "../../media/tests/fuzzing/mod.rs"]
mod fuzzing;

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzzing::tunnel_frame(data));

//! Compiles the `.proto` files with protox, so that no system protoc is needed.

use prost::Message as _;
use std::{env, error::Error, fs, path::PathBuf};

const FILES: [&str; 3] = [
    "proto/ringway/admin/v1/admin.proto",
    "proto/ringway/media/v1/media.proto",
    "proto/ringway/mesh/v1/mesh.proto",
];
/// Not ours: a client of it is made, and it is neither published nor reflected.
const ETCD: &str = "proto/etcd/v3/etcd.proto";

fn main() -> Result<(), Box<dyn Error>> {
    for file in FILES.iter().chain([&ETCD]) {
        println!("cargo::rerun-if-changed={file}");
    }
    let descriptors = protox::compile(FILES, ["proto"])?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out.join("descriptor.bin"), descriptors.encode_to_vec())?;
    tonic_prost_build::configure().compile_fds(descriptors)?;
    tonic_prost_build::configure().build_server(false).compile_fds(protox::compile([ETCD], ["proto"])?)?;
    Ok(())
}

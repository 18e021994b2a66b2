//! What the end-to-end tests share: the binary under test, peers from Debian's packages, and a look at `/metrics`.
#![allow(dead_code, reason = "each test uses its part")]

pub(crate) mod baresip;
pub(crate) mod call;
pub(crate) mod etcd;
pub(crate) mod sipp;
pub(crate) mod tls;

use ringway_lab::world::{Node, World, WorldSpec};
use std::{
    env,
    net::SocketAddrV4,
    path::{Path, PathBuf},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// The binary that cargo built for this test.
pub(crate) fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_ringway"))
}

/// The whitepaper's four regions, all nodes ready and routed.
pub(crate) async fn world(seed: u64) -> World {
    world_of(&WorldSpec::whitepaper(), seed).await
}

/// A world of another kind.
pub(crate) async fn world_of(spec: &WorldSpec, seed: u64) -> World {
    let started = World::start(spec, binary(), seed).await;
    started.unwrap_or_else(|error| panic!("the world does not start: {error}"))
}

/// A peer program, or `None` with a loud word. With `RINGWAY_REQUIRE_PEERS=1` it has to be there.
pub(crate) fn peer(program: &str, package: &str) -> Option<PathBuf> {
    let found = env::split_paths(&env::var_os("PATH").unwrap_or_default())
        .map(|folder| folder.join(program))
        .find(|file| file.is_file());
    if found.is_none() {
        let required = env::var("RINGWAY_REQUIRE_PEERS").is_ok_and(|value| value == "1");
        assert!(!required, "{program} is required (Debian package {package})");
        eprintln!("SKIPPED: {program} is not installed (Debian package {package}); nothing was tested");
    }
    found
}

/// The value of one metric of a node, summed over all its labels that contain `label`.
pub(crate) async fn metric(node: &Node, name: &str, label: &str) -> f64 {
    let text = http_get(node.metrics_address(), "/metrics").await.1;
    text.lines()
        .filter(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' '])))
        .filter(|line| line.contains(label))
        .filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok())
        .sum()
}

/// Status code and body of an HTTP GET.
pub(crate) async fn http_get(address: SocketAddrV4, path: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).await.expect("the HTTP listener answers");
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("a request is taken");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer comes");
    let code = answer.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status line");
    let body = answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default();
    (code, body)
}

/// A policy that sends Oregon's calls to Virginia over one relay.
pub(crate) fn pin(revision: u64, relay: &str) -> String {
    format!(
        "revision = {revision}\n[[rule]]\nname = \"over {relay}\"\n\
         match = {{ from = \"us-west-2\", to = \"us-east-1\" }}\npin = [\"{relay}\"]\nboth_ways = true\n"
    )
}

//! SIPp between Oregon and Virginia: its scenarios, its arguments, what it says of the calls.

use ringway_lab::world::World;
use std::{
    fs,
    net::{SocketAddr, SocketAddrV4},
    path::{Path, PathBuf},
    process::Stdio,
};
use tokio::process::{Child, Command};

/// What one SIPp places beside nodes that are no release builds.
pub(crate) const CALLS_PER_SECOND: u64 = 60;

pub(crate) fn start(sipp: &Path, world: &World, role: &str, args: Vec<String>) -> Child {
    let scenario = scenario(world, role);
    Command::new(sipp)
        .args(args)
        .args(["-sf".into(), scenario, "-error_file".into(), error_file(world, role)])
        .args(["-nostdin", "-trace_err"])
        .current_dir(world.directory())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .expect("sipp starts")
}

/// The scenario; it calls a number of the mesh, whatever stands between SIPp and the proxy.
fn scenario(world: &World, role: &str) -> PathBuf {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/sipp/{role}.xml"));
    let text = fs::read_to_string(file).expect("the scenario is there");
    let text = text.replace("@[remote_ip]:[remote_port]", &format!("@{}", world.spec().mesh_domain));
    let file = world.directory().join(format!("{role}.xml"));
    fs::write(&file, text).expect("the world has a folder");
    file
}

pub(crate) fn callee_args(world: &World) -> Vec<String> {
    let callee = world.region("us-east-1").expect("the whitepaper has it").phone();
    listening(callee)
}

pub(crate) fn caller_args(world: &World, calls: u64) -> Vec<String> {
    let (oregon, virginia) = (world.region("us-west-2"), world.region("us-east-1"));
    let (oregon, virginia) = (oregon.expect("there"), virginia.expect("there"));
    let number = format!("{}5550100", virginia.prefix().expect("Virginia has phones"));
    let proxy = SocketAddr::from(oregon.nodes()[0].sip()).to_string();
    let statistics = statistics_file(world).display().to_string();
    let mut args = listening(oregon.phone());
    args.extend([
        "-s".into(),
        number,
        "-m".into(),
        calls.to_string(),
        "-r".into(),
        CALLS_PER_SECOND.to_string(),
    ]);
    args.extend(["-trace_stat".into(), "-stf".into(), statistics, "-fd".into(), "1".into()]);
    args.push(proxy);
    args
}

pub(crate) fn listening(address: SocketAddrV4) -> Vec<String> {
    vec!["-i".into(), address.ip().to_string(), "-p".into(), address.port().to_string()]
}

fn statistics_file(world: &World) -> PathBuf {
    world.directory().join("uac.csv")
}

fn error_file(world: &World, role: &str) -> PathBuf {
    world.directory().join(format!("{role}.err"))
}

pub(crate) fn errors(world: &World) -> String {
    let read = |role| fs::read_to_string(error_file(world, role)).unwrap_or_default();
    let text = format!("caller:\n{}\ncallee:\n{}", read("uac"), read("uas"));
    text.chars().take(8_000).collect()
}

/// The last line of SIPp's statistics.
#[derive(Debug)]
pub(crate) struct Totals {
    pub(crate) successful: u64,
    pub(crate) failed: u64,
    pub(crate) retransmissions: u64,
}

impl Totals {
    pub(crate) fn read(world: &World) -> Self {
        let text = fs::read_to_string(statistics_file(world)).expect("sipp wrote its statistics");
        let mut lines = text.lines();
        let names: Vec<&str> = lines.next().expect("a head line").split(';').collect();
        let values: Vec<&str> = lines.last().expect("a last line").split(';').collect();
        let value = |name: &str| {
            let column = names.iter().position(|column| *column == name);
            let column = column.unwrap_or_else(|| panic!("no column {name} in {names:?}"));
            values[column].parse().unwrap_or_else(|_| panic!("{name} is {:?}", values[column]))
        };
        Self {
            successful: value("SuccessfulCall(C)"),
            failed: value("FailedCall(C)"),
            retransmissions: value("Retransmissions(C)"),
        }
    }
}

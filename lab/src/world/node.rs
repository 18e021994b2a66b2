//! One node of the world: a real process of the real binary, with its files and its addresses.

use std::{
    fs::{self, File},
    io,
    net::SocketAddrV4,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use tokio::{
    process::{Child, Command},
    sync::Mutex,
    time::sleep,
};

use super::{
    WorldError,
    admin::Admin,
    certs::NodeCertificate,
    relay::Relay,
    scratch::tail,
    spec::{node_name, zone},
};
use crate::{
    address::{ADMIN_PORT, CONTROL_PORT, METRICS_PORT, SIP_PORT, SIP_TLS_PORT, real},
    clock,
};

const POLL: Duration = Duration::from_millis(50);
const TAIL_LINES: usize = 12;

/// A running node; drop kills its process.
pub struct Node {
    region: String,
    name: String,
    zone: String,
    octet: u8,
    host: u8,
    pid: u32,
    child: Mutex<Child>,
    killed: AtomicBool,
    admin: Admin,
    relay: Relay,
    directory: PathBuf,
}

/// What a node needs on disk before it starts.
pub(super) struct NodeFiles {
    pub(super) config: String,
    pub(super) certificate: NodeCertificate,
    pub(super) sip_certificate: NodeCertificate,
    pub(super) authority: String,
}

impl Node {
    pub(super) fn spawn(
        binary: &Path,
        parent: &Path,
        (region, octet, host): (&str, u8, u8),
        files: &NodeFiles,
    ) -> Result<Self, WorldError> {
        let name = node_name(region, host);
        let directory = parent.join(format!("{region}.{name}"));
        files.write(&directory).map_err(|error| WorldError::Files { path: directory.clone(), error })?;
        let child =
            spawn(binary, &directory).map_err(|error| WorldError::Spawn { binary: binary.into(), error })?;
        let admin = Admin::new(SocketAddrV4::new(real(octet, host), ADMIN_PORT));
        Ok(Self {
            region: region.to_owned(),
            zone: zone(region, host),
            name,
            octet,
            host,
            pid: child.id().unwrap_or_default(),
            child: Mutex::new(child),
            killed: AtomicBool::new(false),
            admin,
            relay: Relay::new(SocketAddrV4::new(real(octet, host), CONTROL_PORT)),
            directory,
        })
    }

    /// Its region.
    pub fn region(&self) -> &str {
        &self.region
    }

    /// Its name, unique within the region.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its availability zone.
    pub fn zone(&self) -> &str {
        &self.zone
    }

    /// Its number in the region, from 1: the last octet of its addresses.
    pub fn host(&self) -> u8 {
        self.host
    }

    /// The id of its process.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Where it takes SIP from its own region.
    pub fn sip(&self) -> SocketAddrV4 {
        self.at(SIP_PORT)
    }

    /// Where it takes SIP over TLS from its own region.
    pub fn sip_tls(&self) -> SocketAddrV4 {
        self.at(SIP_TLS_PORT)
    }

    /// Where operators talk to it.
    pub fn admin_address(&self) -> SocketAddrV4 {
        self.at(ADMIN_PORT)
    }

    /// Where Prometheus reads it.
    pub fn metrics_address(&self) -> SocketAddrV4 {
        self.at(METRICS_PORT)
    }

    /// The operator's client of it.
    pub fn admin(&self) -> &Admin {
        &self.admin
    }

    /// The client of the media relay beside it.
    pub fn relay(&self) -> &Relay {
        &self.relay
    }

    /// Its configuration file.
    pub fn config_file(&self) -> PathBuf {
        self.directory.join("node.toml")
    }

    /// Its log.
    pub fn log_file(&self) -> PathBuf {
        self.directory.join("stderr.log")
    }

    /// Kills it at once (SIGKILL) and waits for its end. No word to anyone: the mesh has to find out.
    pub async fn kill(&self) {
        self.killed.store(true, Ordering::Relaxed);
        // Fails only when the process has already ended.
        let _ = self.child.lock().await.kill().await;
    }

    /// Whether the lab itself has killed it.
    pub fn is_killed(&self) -> bool {
        self.killed.load(Ordering::Relaxed)
    }

    /// How it ended, if it did and not by the hand of the lab.
    pub(super) async fn death(&self) -> Option<WorldError> {
        let status = self.child.lock().await.try_wait().ok().flatten()?;
        (!self.is_killed()).then(|| self.describe_death(status))
    }

    /// Waits until it takes calls.
    pub(super) async fn ready(&self, limit: Duration) -> Result<(), WorldError> {
        let end = clock::now() + limit;
        loop {
            if let Some(death) = self.death().await {
                return Err(death);
            }
            let last = match self.admin.status().await {
                Ok(status) if status.ready => return Ok(()),
                Ok(_) => "it answers, but says that it is not ready".to_owned(),
                Err(status) => format!("its admin API: {}", status.message()),
            };
            if clock::now() >= end {
                let log = self.log_file();
                let tail = self.tail();
                return Err(WorldError::NotReady { node: self.to_string(), limit, last, log, tail });
            }
            sleep(POLL).await;
        }
    }

    fn describe_death(&self, status: ExitStatus) -> WorldError {
        WorldError::Died { node: self.to_string(), status, log: self.log_file(), tail: self.tail() }
    }

    /// What it said last, on either stream.
    fn tail(&self) -> String {
        let lines = ["stdout.log", "stderr.log"].map(|file| tail(&self.directory.join(file), TAIL_LINES));
        lines.concat().iter().map(|line| format!("\n    {line}")).collect()
    }

    fn at(&self, port: u16) -> SocketAddrV4 {
        SocketAddrV4::new(real(self.octet, self.host), port)
    }
}

impl std::fmt::Display for Node {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.region, self.name)
    }
}

impl NodeFiles {
    fn write(&self, directory: &Path) -> io::Result<()> {
        fs::create_dir(directory)?;
        fs::write(directory.join("node.toml"), &self.config)?;
        fs::write(directory.join("node.pem"), &self.certificate.certificate)?;
        fs::write(directory.join("node.key"), &self.certificate.key)?;
        fs::write(directory.join("sip.pem"), &self.sip_certificate.certificate)?;
        fs::write(directory.join("sip.key"), &self.sip_certificate.key)?;
        fs::write(directory.join("ca.pem"), &self.authority)
    }
}

fn spawn(binary: &Path, directory: &Path) -> io::Result<Child> {
    Command::new(binary)
        .args(["run", "-c", "node.toml"])
        .current_dir(directory)
        .stdin(Stdio::null())
        .stdout(File::create(directory.join("stdout.log"))?)
        .stderr(File::create(directory.join("stderr.log"))?)
        // Ctrl-C in the terminal is for the lab, which then ends its nodes itself.
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
}

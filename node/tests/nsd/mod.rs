//! A real DNS server for one test: Debian's nsd, on a free port, with a zone of the test's own.

use ringway_node::chance::seed;
use std::{
    env, fs,
    net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};
use tokio::{
    net::TcpStream,
    time::{sleep, timeout},
};

/// How long a server may take to start.
const START_MAX: Duration = Duration::from_secs(20);

/// A running nsd. It ends when this is dropped.
pub(crate) struct Nsd {
    child: Child,
    pub(crate) address: SocketAddr,
}

/// The program, or `None` with a loud word. With `RINGWAY_REQUIRE_PEERS=1` it has to be there.
pub(crate) fn program() -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&path).chain(["/usr/sbin".into()]);
    let found = folders.map(|folder| folder.join("nsd")).find(|file| file.is_file());
    if found.is_none() {
        let required = env::var("RINGWAY_REQUIRE_PEERS").is_ok_and(|value| value == "1");
        assert!(!required, "nsd is required (Debian package nsd)");
        eprintln!("SKIPPED: nsd is not installed (Debian package nsd); nothing was tested");
    }
    found
}

/// An address of ours that nobody listens at, neither over UDP nor over TCP. It is none of those that the system gives
/// to outgoing sockets, so it stays free while a server is away.
pub(crate) fn free_address() -> SocketAddr {
    loop {
        let port = 10_000 + u16::try_from(seed() % 20_000).expect("less than 20,000");
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        if UdpSocket::bind(address).is_ok() && TcpListener::bind(address).is_ok() {
            return address;
        }
    }
}

impl Nsd {
    /// Starts it on a free port with this zone, which is `example.`.
    pub(crate) async fn start(program: &Path, zone: &str) -> Self {
        // Another process may take the port between our look and nsd's.
        for _ in 0..5 {
            if let Some(nsd) = Self::start_at(program, zone, free_address()).await {
                return nsd;
            }
        }
        panic!("nsd does not start");
    }

    /// Starts it there. `None` when it ends instead.
    pub(crate) async fn start_at(program: &Path, zone: &str, address: SocketAddr) -> Option<Self> {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("nsd-{}", address.port()));
        fs::create_dir_all(&folder).expect("a folder for the server");
        let head = "$ORIGIN example.\n$TTL 60\n@ SOA ns admin 1 3600 900 86400 5\n@ NS ns\nns A 127.0.0.1\n";
        fs::write(folder.join("example.zone"), format!("{head}{zone}\n")).expect("a zone file");
        let file = folder.join("nsd.conf");
        fs::write(&file, configuration(&folder, address)).expect("a configuration");
        let log = fs::File::create(folder.join("stderr")).expect("a log");
        let child = Command::new(program)
            .args(["-d", "-c"])
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("nsd can be run");
        let mut this = Self { child, address };
        timeout(START_MAX, this.is_up()).await.expect("nsd is up within its time").then_some(this)
    }

    /// Waits until it answers, or ends.
    async fn is_up(&mut self) -> bool {
        loop {
            if self.child.try_wait().expect("the child can be looked at").is_some() {
                return false;
            }
            // It opens UDP and TCP together.
            if TcpStream::connect(self.address).await.is_ok() {
                return true;
            }
            sleep(Duration::from_millis(10)).await;
        }
    }
}

impl Drop for Nsd {
    fn drop(&mut self) {
        // SIGKILL would leave its own children behind.
        let id = self.child.id().to_string();
        let is_asked =
            Command::new("kill").args(["-TERM", &id]).status().is_ok_and(|status| status.success());
        if !is_asked {
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }
}

fn configuration(folder: &Path, address: SocketAddr) -> String {
    let folder = folder.display();
    format!(
        "server:
  ip-address: {}@{}
  server-count: 1
  username: \"\"
  chroot: \"\"
  zonesdir: \"{folder}\"
  database: \"\"
  pidfile: \"{folder}/nsd.pid\"
  xfrdfile: \"{folder}/xfrd.state\"
  xfrdir: \"{folder}\"
  zonelistfile: \"{folder}/zone.list\"
  logfile: \"{folder}/nsd.log\"
  rrl-ratelimit: 0
remote-control:
  control-enable: no
zone:
  name: example.
  zonefile: example.zone
",
        address.ip(),
        address.port()
    )
}

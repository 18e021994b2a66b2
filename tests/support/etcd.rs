//! A real etcd, with a folder and ports of its own.

use super::peer;
use std::{
    env, fs,
    net::{Ipv4Addr, TcpListener},
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};
use tokio::{net::TcpStream, time::sleep};

/// A busy machine needs seconds to elect a leader of one.
const LIMIT: Duration = Duration::from_secs(20);
static NEXT: AtomicU32 = AtomicU32::new(0);

/// One member, the whole cluster. Drop ends it and removes its folder.
pub(crate) struct Cluster {
    program: PathBuf,
    folder: PathBuf,
    client: u16,
    other: u16,
    child: Option<Child>,
}

impl Cluster {
    /// Starts it, or says loudly that there is none.
    pub(crate) async fn start() -> Option<Self> {
        let program = peer("etcd", "etcd-server")?;
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let folder = env::temp_dir().join(format!("ringway-etcd-{}-{number}", std::process::id()));
        fs::create_dir(&folder).expect("a folder of its own");
        let mut this = Self { program, folder, client: free_port(), other: free_port(), child: None };
        this.run().await;
        Some(this)
    }

    /// Where it takes questions.
    pub(crate) fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.client)
    }

    /// Kills it at once.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().and_then(|()| child.wait()).expect("it can be killed");
        }
    }

    /// Starts it, with what it wrote before, and waits until it answers.
    pub(crate) async fn run(&mut self) {
        let (client, other) = (self.endpoint(), format!("http://127.0.0.1:{}", self.other));
        let log = fs::File::create(self.folder.join("log")).expect("its folder is there");
        let child = Command::new(&self.program)
            .args(["--name", "lab", "--logger", "zap", "--log-level", "warn"])
            .arg("--data-dir")
            .arg(self.folder.join("data"))
            .args(["--listen-client-urls", &client, "--advertise-client-urls", &client])
            .args(["--listen-peer-urls", &other, "--initial-advertise-peer-urls", &other])
            .args(["--initial-cluster", &format!("lab={other}")])
            .stdout(Stdio::null())
            .stderr(log)
            .spawn();
        self.child = Some(child.expect("etcd starts"));
        let began = Instant::now();
        while TcpStream::connect((Ipv4Addr::LOCALHOST, self.client)).await.is_err() {
            assert!(began.elapsed() < LIMIT, "etcd does not listen; its log: {}", self.folder.display());
            sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.kill();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("it is bound").port()
}

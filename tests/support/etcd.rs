//! A real etcd, with a folder and ports of its own.

use super::peer;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair};
use std::{
    env, fs,
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};
use tokio::{
    net::TcpStream,
    time::{sleep, timeout},
};

/// A busy machine needs seconds to elect a leader of one.
const LIMIT: Duration = Duration::from_secs(20);
static NEXT: AtomicU32 = AtomicU32::new(0);

/// One member, the whole cluster. Drop ends it and removes its folder.
pub(crate) struct Cluster {
    program: PathBuf,
    folder: PathBuf,
    client: u16,
    other: u16,
    papers: Option<Papers>,
    child: Option<Child>,
}

/// PEM files. The member and whoever asks it show the same certificate.
pub(crate) struct Papers {
    pub(crate) authority: PathBuf,
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

impl Cluster {
    /// Starts it, or says loudly that there is none.
    pub(crate) async fn start() -> Option<Self> {
        Self::start_with(|_| None).await
    }

    /// The same with TLS, where both sides have to show a certificate.
    pub(crate) async fn start_with_tls() -> Option<Self> {
        Self::start_with(|folder| Some(Papers::write(folder))).await
    }

    async fn start_with(papers: impl FnOnce(&Path) -> Option<Papers>) -> Option<Self> {
        let program = peer("etcd", "etcd-server")?;
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let folder = env::temp_dir().join(format!("ringway-etcd-{}-{number}", std::process::id()));
        fs::create_dir(&folder).expect("a folder of its own");
        let papers = papers(&folder);
        let mut this = Self { program, folder, client: free_port(), other: free_port(), papers, child: None };
        this.run().await;
        Some(this)
    }

    /// Where it takes questions.
    pub(crate) fn endpoint(&self) -> String {
        let scheme = if self.papers.is_some() { "https" } else { "http" };
        format!("{scheme}://127.0.0.1:{}", self.client)
    }

    /// What it shows, and wants to see.
    pub(crate) fn papers(&self) -> Option<&Papers> {
        self.papers.as_ref()
    }

    /// Where the test may put files.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
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
        let mut command = Command::new(&self.program);
        if let Some(Papers { authority, certificate, key }) = &self.papers {
            command.arg("--client-cert-auth").arg("--trusted-ca-file").arg(authority);
            command.arg("--cert-file").arg(certificate).arg("--key-file").arg(key);
        }
        let child = command
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
        let listens = timeout(LIMIT, async {
            while TcpStream::connect((Ipv4Addr::LOCALHOST, self.client)).await.is_err() {
                sleep(Duration::from_millis(20)).await;
            }
        });
        let folder = self.folder.display();
        listens.await.unwrap_or_else(|_| panic!("etcd does not listen; its log: {folder}"));
    }
}

impl Papers {
    fn write(folder: &Path) -> Self {
        let mut params = CertificateParams::new(Vec::<String>::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key"));
        let authority = authority.expect("an authority");
        let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).expect("an address");
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &authority).expect("a certificate");
        let write = |name: &str, pem: String| {
            let file = folder.join(name);
            fs::write(&file, pem).expect("its folder is there");
            file
        };
        Self {
            authority: write("ca.pem", authority.pem()),
            certificate: write("member.pem", certificate.pem()),
            key: write("member.key", key.serialize_pem()),
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

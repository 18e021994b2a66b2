//! Who may do what on the admin API with TLS: a real node, and operators' certificates of every kind.

mod support;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair, SanType,
    date_time_ymd,
};
use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::Duration,
};
use support::binary;
use tokio::time::{sleep, timeout};

const MESH: &str = "m.example";
const LIMIT: Duration = Duration::from_secs(20);

struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::<String>::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        let key = KeyPair::generate().expect("a key");
        Self(CertifiedIssuer::self_signed(params, key).expect("an authority"))
    }

    /// Writes `name.pem` and `name.key`.
    fn issue(&self, folder: &Path, name: &str, uri: &str, expired: bool) {
        let mut params = CertificateParams::new(vec![MESH.to_owned()]).expect("a DNS name");
        params.subject_alt_names.push(SanType::URI(uri.try_into().expect("a URI is ASCII")));
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ClientAuth, ExtendedKeyUsagePurpose::ServerAuth];
        if expired {
            params.not_after = date_time_ymd(2020, 1, 1);
        }
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.0).expect("a certificate");
        fs::write(folder.join(format!("{name}.pem")), certificate.pem()).expect("a file");
        fs::write(folder.join(format!("{name}.key")), key.serialize_pem()).expect("a file");
    }
}

/// A node of its own, without a mesh. Ends with the test.
struct Lone {
    child: Child,
    folder: PathBuf,
    admin: String,
}

impl Lone {
    fn run() -> Self {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("roles-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder");
        let (ours, theirs) = (Authority::new(), Authority::new());
        fs::write(folder.join("ca.pem"), ours.0.pem()).expect("a file");
        let node = format!("spiffe://{MESH}/us-west-2/w1");
        let operator = |role: &str| format!("spiffe://{MESH}/operator/{role}");
        ours.issue(&folder, "node", &node, false);
        ours.issue(&folder, "ann", &operator("read/ann"), false);
        ours.issue(&folder, "bob", &operator("operate/bob"), false);
        ours.issue(&folder, "old", &operator("operate/old"), true);
        theirs.issue(&folder, "eve", &operator("operate/eve"), false);

        let port = || TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr()).expect("free").port();
        let ports: Vec<u16> = (0..5).map(|_| port()).collect();
        let config = format!(
            "[node]\nregion = \"us-west-2\"\nzone = \"a\"\nname = \"w1\"\nmesh_domain = \"{MESH}\"\n\
             [metrics]\nlisten = \"127.0.0.1:{}\"\n[admin]\nlisten = \"127.0.0.1:{}\"\naudit_file = \"audit\"\n\
             [admin.tls]\ncertificate = \"node.pem\"\nkey = \"node.key\"\nauthority = \"ca.pem\"\n\
             [mesh]\nlisten = \"127.0.0.1:{}\"\nprobe_listen = \"127.0.0.1:{}\"\ncertificate = \"node.pem\"\n\
             key = \"node.key\"\nauthority = \"ca.pem\"\n[sip]\nlisten = \"127.0.0.1:{}\"\n\
             [edge]\ntrusted = [\"127.0.0.0/8\"]\n",
            ports[0], ports[1], ports[2], ports[3], ports[4]
        );
        fs::write(folder.join("node.toml"), config).expect("a file");
        let child = Command::new(binary())
            .args(["run", "-c", "node.toml"])
            .current_dir(&folder)
            .stderr(Stdio::null())
            .spawn()
            .expect("the binary runs");
        Self { child, folder, admin: format!("https://127.0.0.1:{}", ports[1]) }
    }

    fn ask(&self, who: &str, words: &[&str]) -> Output {
        let file = |name: &str| self.folder.join(name).display().to_string();
        Command::new(binary())
            .args(words)
            .args(["--address", &self.admin, "--tls-name", MESH, "--tls-ca", &file("ca.pem")])
            .args(["--tls-cert", &file(&format!("{who}.pem")), "--tls-key", &file(&format!("{who}.key"))])
            .output()
            .expect("the binary runs")
    }
}

impl Drop for Lone {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_is_needed_and_reading_is_not_changing() {
    let node = Lone::run();
    let up = async {
        while !node.ask("bob", &["status"]).status.success() {
            sleep(Duration::from_millis(100)).await;
        }
    };
    timeout(LIMIT, up).await.expect("an operator gets in");

    assert!(node.ask("ann", &["status"]).status.success(), "who reads may ask");
    let said = |output: &Output| String::from_utf8_lossy(&output.stderr).into_owned();
    let drain = ["region", "drain", "us-west-2", "--for", "1m", "--why", "test"];
    let refused = node.ask("ann", &drain);
    assert!(
        !refused.status.success() && said(&refused).contains("the role operate is needed"),
        "{refused:?}"
    );
    let done = node.ask("bob", &drain);
    assert!(done.status.success(), "{}", said(&done));

    let nodes = node.ask("node", &["status"]);
    assert!(!nodes.status.success() && said(&nodes).contains("has no role"), "{}", said(&nodes));
    // In TLS 1.3 a certificate is refused after the client believes that the connection stands: it is closed, no more.
    for who in ["old", "eve"] {
        let output = node.ask(who, &["status"]);
        assert!(!output.status.success() && said(&output).contains("https://"), "{who}: {}", said(&output));
    }

    let audit = fs::read_to_string(node.folder.join("audit")).expect("the audit");
    let lines: Vec<&str> = audit.lines().collect();
    assert_eq!(lines.len(), 2, "{audit}");
    assert!(lines[0].contains("\"who\":\"ann\"") && lines[0].contains("refused"), "{audit}");
    assert!(lines[1].contains("\"who\":\"bob\"") && lines[1].contains("\"done\""), "{audit}");
    assert!(lines[1].contains("us-west-2 for 60 s: test"), "{audit}");
}

//! Kamailio drives the media relay by its own rtpengine module, and knows nothing of Ringway; SIPp talks through both.

mod support;

use serde_json::{Value, json};
use std::{
    env, fs,
    net::Ipv4Addr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};
use support::{binary, peer};
use tokio::{
    net::UdpSocket,
    time::{sleep, timeout},
};

/// Nobody waits longer for anything.
const LIMIT: Duration = Duration::from_secs(30);
const CALLS: usize = 4;
/// A second of G.711 each way.
const PACKETS_MIN: u64 = 50;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kamailio_drives_the_relay_and_both_ways_are_counted() {
    let (Some(kamailio), Some(sipp)) = (peer("kamailio", "kamailio"), peer("sipp", "sip-tester")) else {
        return;
    };
    let world = World::new();
    let relay = world.relay();
    let asker = Asker::new(&world).await;
    timeout(LIMIT, asker.ask(json!({"command": "ping"}))).await.expect("the relay runs");
    let proxy = world.kamailio(&kamailio);
    let callee = world.sipp(&sipp, "uas", world.at(4), &[]);
    let mut caller = world.sipp(&sipp, "uac", world.at(3), &[&format!("{}:5060", world.at(2)), "-s", "2000"]);

    let counted = timeout(LIMIT, until_all_speak(&asker)).await;
    let counted = counted.unwrap_or_else(|_| panic!("calls without media\n{}", world.said()));
    println!("packets of each party: {counted:?}");
    let ended = async {
        loop {
            if let Some(status) = caller.0.try_wait().expect("our own child") {
                return status;
            }
            sleep(Duration::from_millis(50)).await;
        }
    };
    let status = timeout(LIMIT, ended).await.expect("the calls end");
    assert!(status.success(), "sipp says {status}\n{}", world.said());
    // Kamailio deleted them at their BYE.
    let gone = async {
        while asker.ask(json!({"command": "list"})).await["calls"] != json!([]) {
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(LIMIT, gone).await.expect("no call is left");
    let statistics = asker.ask(json!({"command": "statistics"})).await;
    println!("relayed: {}", statistics["statistics"]["totalstatistics"]["relayedpackets"]);
    drop((callee, proxy, relay));
}

/// All calls are there, and each party of each has been heard for a second. How many packets that were.
async fn until_all_speak(asker: &Asker) -> Vec<u64> {
    loop {
        sleep(Duration::from_millis(100)).await;
        let calls = asker.ask(json!({"command": "list"})).await["calls"].clone();
        let mut packets = Vec::new();
        for call in calls.as_array().into_iter().flatten() {
            let query = asker.ask(json!({"command": "query", "call-id": call})).await;
            let tags = query["tags"].as_object().cloned().unwrap_or_default();
            packets.extend(tags.values().map(|tag| sent(&tag["medias"][0]["streams"][0])));
        }
        if packets.len() == 2 * CALLS && packets.iter().all(|count| *count >= PACKETS_MIN) {
            return packets;
        }
    }
}

fn sent(stream: &Value) -> u64 {
    stream["stats"]["packets"].as_u64().unwrap_or_default()
}

/// Addresses of its own in 127/8, and a folder.
struct World {
    folder: PathBuf,
}

impl World {
    fn new() -> Self {
        let folder = env::temp_dir().join(format!("ringway-kamailio-{}", std::process::id()));
        fs::create_dir(&folder).expect("a folder of its own");
        // Four seconds of silence, µ-law.
        fs::write(folder.join("voice.ul"), vec![0xff; 32_000]).expect("it can be written");
        Self { folder }
    }

    /// Relay 1, Kamailio 2, caller 3, callee 4.
    fn at(&self, host: u8) -> Ipv4Addr {
        let [.., high, low] = std::process::id().to_be_bytes();
        Ipv4Addr::new(127, 248 + host % 4, high, low.max(1))
    }

    fn relay(&self) -> Ours {
        let ip = self.at(1);
        let text = format!(
            "[node]\nregion = \"us-west-2\"\nzone = \"us-west-2a\"\nname = \"m1\"\nmesh_domain = \"m.example\"\n\
             [relay]\nng_listen = \"{ip}:2223\"\n[[relay.interface]]\nname = \"edge\"\nlisten = \"{ip}\"\n"
        );
        let config = self.folder.join("relay.toml");
        fs::write(&config, text).expect("it can be written");
        self.start(Command::new(binary()).args(["run", "--config"]).arg(config), "relay")
    }

    fn kamailio(&self, program: &Path) -> Ours {
        let modules = fs::read_dir("/usr/lib").expect("a Debian").flatten();
        let modules = modules.map(|entry| entry.path().join("kamailio/modules")).find(|path| path.exists());
        let text = include_str!("kamailio/kamailio.cfg")
            .replace("@MODULES@", modules.expect("Kamailio has modules").to_str().expect("a plain path"))
            .replace("@LISTEN@", &format!("{}:5060", self.at(2)))
            .replace("@RELAY@", &format!("{}:2223", self.at(1)))
            .replace("@CALLEE@", &format!("{}:5060", self.at(4)));
        let config = self.folder.join("kamailio.cfg");
        fs::write(&config, text).expect("it can be written");
        let mut command = Command::new(program);
        command.arg("-f").arg(config).args(["-DD", "-E", "-Y"]).arg(&self.folder);
        self.start(command.arg("-P").arg(self.folder.join("kamailio.pid")), "kamailio")
    }

    /// The scenarios of the other tests, with voice after the call is answered.
    fn sipp(&self, program: &Path, role: &str, ip: Ipv4Addr, more: &[&str]) -> Ours {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/sipp/{role}.xml"));
        let voice = self.folder.join("voice.ul");
        let speak = format!("<nop><action><exec rtp_stream=\"{},1,0\"/></action></nop>", voice.display());
        let text = fs::read_to_string(file).expect("the scenario is there");
        let text = text
            .replace("<pause milliseconds=\"500\"/>", &format!("{speak}<pause milliseconds=\"3000\"/>"))
            .replace(
                "<recv request=\"ACK\" crlf=\"true\"/>",
                &format!("<recv request=\"ACK\" crlf=\"true\"/>{speak}"),
            );
        let scenario = self.folder.join(format!("{role}.xml"));
        fs::write(&scenario, text).expect("it can be written");
        let mut command = Command::new(program);
        let ip = ip.to_string();
        command.args(["-i", &ip, "-p", "5060", "-mi", &ip, "-nostdin", "-trace_err", "-error_file"]);
        command.arg(self.folder.join(format!("{role}.err"))).arg("-sf").arg(scenario);
        self.start(
            command.args(["-m", &CALLS.to_string(), "-r", "10"]).args(more).current_dir(&self.folder),
            role,
        )
    }

    fn start(&self, command: &mut Command, name: &str) -> Ours {
        let log = fs::File::create(self.folder.join(format!("{name}.log"))).expect("it can be written");
        let err = log.try_clone().expect("a second handle");
        let child = command.stdin(Stdio::null()).stdout(log).stderr(err).spawn();
        Ours(child.unwrap_or_else(|error| panic!("{name} does not start: {error}")))
    }

    /// What all of them said.
    fn said(&self) -> String {
        let files = fs::read_dir(&self.folder).expect("it is there").flatten().map(|entry| entry.path());
        let told = files.filter(|path| path.extension().is_some_and(|kind| kind == "log" || kind == "err"));
        told.map(|path| format!("{}:\n{}\n", path.display(), fs::read_to_string(&path).unwrap_or_default()))
            .collect()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// A process of ours; drop ends it.
struct Ours(Child);

impl Drop for Ours {
    fn drop(&mut self) {
        // Kamailio ends its children on SIGTERM only.
        let _ = Command::new("kill").arg(self.0.id().to_string()).status();
        let _ = self.0.wait();
    }
}

/// Asks the relay as a person would: in JSON.
struct Asker {
    socket: UdpSocket,
    relay: (Ipv4Addr, u16),
}

impl Asker {
    async fn new(world: &World) -> Self {
        let socket = UdpSocket::bind((world.at(1), 0)).await.expect("a free port");
        Self { socket, relay: (world.at(1), 2223) }
    }

    async fn ask(&self, order: Value) -> Value {
        let mut buffer = vec![0; 65_535];
        loop {
            let _ =
                self.socket.send_to(format!("a{} {order}", fastrand::u32(..)).as_bytes(), self.relay).await;
            let received = timeout(Duration::from_millis(200), self.socket.recv(&mut buffer)).await;
            let Ok(Ok(length)) = received else { continue };
            let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
            return serde_json::from_str(text.split_once(' ').expect("a cookie").1).expect("JSON");
        }
    }
}

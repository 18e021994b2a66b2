//! A baresip for one test: an account, no sound card, and its control port (module `ctrl_tcp`).

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    process::Stdio,
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    process::{Child, Command},
    time::{sleep, timeout},
};

/// Longer than a phone takes to start, and than a call takes to be set up.
const LIMIT: Duration = Duration::from_secs(30);
/// At the phone's own address.
const CONTROL_PORT: u16 = 4444;

/// Who a phone is, and where.
pub(crate) struct Account<'a> {
    pub(crate) user: &'a str,
    pub(crate) domain: &'a str,
    pub(crate) address: Ipv4Addr,
    /// The outbound proxy, with its transport if that is not UDP: `127.1.0.1:5060;transport=tcp`.
    pub(crate) proxy: String,
    pub(crate) dns: SocketAddr,
}

/// A running phone. It ends when this is dropped.
pub(crate) struct Baresip {
    _child: Child,
    control: TcpStream,
    unread: Vec<u8>,
}

impl Baresip {
    pub(crate) async fn start(program: &Path, folder: &Path, account: &Account<'_>) -> Self {
        let folder = folder.join(account.user);
        fs::create_dir_all(&folder).expect("a folder for the phone");
        let write =
            |file: &str, text: String| fs::write(folder.join(file), text).expect("a file of the phone");
        write("config", config(account));
        write("accounts", account_line(account));
        write("contacts", String::new());
        fs::write(folder.join("tone.wav"), silence()).expect("something to say");
        let log = fs::File::create(folder.join("log")).expect("a log");
        let child = Command::new(program)
            .arg("-f")
            .arg(&folder)
            .current_dir(&folder)
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a second handle"))
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .expect("baresip starts");
        let at = SocketAddr::from((account.address, CONTROL_PORT));
        let control = timeout(LIMIT, async {
            loop {
                match TcpStream::connect(at).await {
                    Ok(control) => return control,
                    Err(_) => sleep(Duration::from_millis(20)).await,
                }
            }
        });
        let control = control.await.expect("the phone opens its control port");
        Self { _child: child, control, unread: Vec::new() }
    }

    /// Gives a command, such as `dial`.
    pub(crate) async fn command(&mut self, command: &str, params: &str) {
        let text = format!("{{\"command\":\"{command}\",\"params\":\"{params}\"}}");
        let frame = format!("{}:{text},", text.len());
        self.control.write_all(frame.as_bytes()).await.expect("the phone takes commands");
    }

    /// Waits until it says that this happened, such as `CALL_ESTABLISHED`; gives its words.
    pub(crate) async fn event(&mut self, kind: &str) -> String {
        let wanted = format!("\"type\":\"{kind}\"");
        let mut heard = Vec::new();
        let event = async {
            loop {
                let said = self.next().await;
                if said.contains(&wanted) {
                    return said;
                }
                heard.push(said);
            }
        };
        timeout(LIMIT, event).await.unwrap_or_else(|_| panic!("no {kind}, but {heard:#?}"))
    }

    /// The next netstring.
    async fn next(&mut self) -> String {
        loop {
            if let Some(colon) = self.unread.iter().position(|&byte| byte == b':') {
                let length = String::from_utf8_lossy(&self.unread[..colon]).parse::<usize>();
                let end = colon + 1 + length.expect("a netstring begins with its length");
                if self.unread.len() > end {
                    let text = String::from_utf8_lossy(&self.unread[colon + 1..end]).into_owned();
                    self.unread.drain(..=end);
                    return text;
                }
            }
            let read = self.control.read_buf(&mut self.unread).await.expect("the phone speaks");
            assert!(read > 0, "the phone is gone");
        }
    }
}

fn config(account: &Account<'_>) -> String {
    let Account { address, dns, .. } = account;
    let modules = ["g711", "aufile"].map(|name| format!("module {name}.so\n")).concat();
    format!(
        "poll_method epoll\nsip_listen {address}:5060\nnet_interface {address}\ndns_server {dns}\n\
         rtp_ports 20000-20100\naudio_source aufile,tone.wav\naudio_player aufile,heard.wav\naudio_alert aufile,rung.wav\n\
         module_path /usr/lib/baresip/modules\n{modules}module_tmp uuid.so\nmodule_tmp account.so\n\
         module_app contact.so\nmodule_app menu.so\nmodule_app ctrl_tcp.so\nctrl_tcp_listen {address}:{CONTROL_PORT}\n"
    )
}

/// A minute of silence, 8,000 samples a second, 16 bits.
fn silence() -> Vec<u8> {
    let bytes: u32 = 60 * 16_000;
    let mut wav = Vec::new();
    wav.extend(b"RIFF");
    wav.extend((36 + bytes).to_le_bytes());
    wav.extend(b"WAVEfmt ");
    // The length of this part; PCM, one channel; samples and bytes a second; bytes and bits a sample.
    wav.extend(16_u32.to_le_bytes());
    wav.extend([1_u16, 1].map(u16::to_le_bytes).concat());
    wav.extend([8_000_u32, 16_000].map(u32::to_le_bytes).concat());
    wav.extend([2_u16, 16].map(u16::to_le_bytes).concat());
    wav.extend(b"data");
    wav.extend(bytes.to_le_bytes());
    wav.resize(wav.len() + bytes as usize, 0);
    wav
}

fn account_line(account: &Account<'_>) -> String {
    let Account { user, domain, proxy, .. } = account;
    format!(
        "<sip:{user}@{domain}>;auth_pass=none;outbound=\"sip:{proxy}\";regint=120;answermode=auto;\
         audio_codecs=PCMU/8000/1\n"
    )
}

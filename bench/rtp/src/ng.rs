//! Just enough of rtpengine's ng protocol: offer, answer and delete in bencode over UDP.

use std::{
    io,
    net::{IpAddr, SocketAddr, UdpSocket},
    time::Duration,
};

/// How long an answer may take; the same question is asked again then, with the same cookie.
const PATIENCE: Duration = Duration::from_millis(500);
const ATTEMPTS: usize = 4;

pub struct Ng {
    socket: UdpSocket,
    cookies: u32,
}

impl Ng {
    pub fn connect(relay: SocketAddr) -> io::Result<Self> {
        let socket = UdpSocket::bind(SocketAddr::new(relay.ip(), 0))?;
        socket.connect(relay)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        Ok(Self { socket, cookies: 0 })
    }

    /// A caller at `from` calls; where the callee has to send.
    pub fn offer(&mut self, call: &str, from: SocketAddr) -> io::Result<SocketAddr> {
        let sdp = sdp(from);
        let answer =
            self.ask(&[("command", "offer"), ("call-id", call), ("from-tag", "a"), ("sdp", &sdp)])?;
        media(&answer)
    }

    /// A callee at `from` answers; where the caller has to send.
    pub fn answer(&mut self, call: &str, from: SocketAddr) -> io::Result<SocketAddr> {
        let sdp = sdp(from);
        let words =
            [("command", "answer"), ("call-id", call), ("from-tag", "a"), ("to-tag", "b"), ("sdp", &sdp)];
        media(&self.ask(&words)?)
    }

    pub fn delete(&mut self, call: &str) -> io::Result<()> {
        self.ask(&[("command", "delete"), ("call-id", call), ("from-tag", "a")]).map(drop)
    }

    fn ask(&mut self, words: &[(&str, &str)]) -> io::Result<String> {
        self.cookies += 1;
        // The keys of a dictionary are sorted.
        let mut words = words.to_vec();
        words.sort_unstable();
        let body: String =
            words.iter().map(|(key, value)| format!("{}:{key}{}:{value}", key.len(), value.len())).collect();
        let cookie = format!("{} ", self.cookies);
        let mut buffer = [0; 65_535];
        for _ in 0..ATTEMPTS {
            self.socket.send(format!("{cookie}d{body}e").as_bytes())?;
            while let Ok(length) = self.socket.recv(&mut buffer) {
                let answer = String::from_utf8_lossy(&buffer[..length]).into_owned();
                match answer.strip_prefix(&cookie) {
                    Some(answer) if answer.contains("6:result2:ok") => return Ok(answer.to_owned()),
                    Some(answer) => return Err(io::Error::other(format!("refused: {answer}"))),
                    // An answer to an attempt before this one.
                    None => {}
                }
            }
        }
        Err(io::Error::new(io::ErrorKind::TimedOut, format!("no answer to {words:?}")))
    }
}

fn sdp(at: SocketAddr) -> String {
    let (ip, port) = (at.ip(), at.port());
    format!(
        "v=0\r\no=- 1 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\n\
         m=audio {port} RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\na=sendrecv\r\n"
    )
}

/// The address of the first stream in an answer's SDP.
fn media(answer: &str) -> io::Result<SocketAddr> {
    let word = |line: &str| {
        let rest = answer.split(line).nth(1)?;
        rest.split([' ', '\r', '\n']).next()
    };
    let ip: Option<IpAddr> = word("c=IN IP4 ").and_then(|ip| ip.parse().ok());
    let port: Option<u16> = word("m=audio ").and_then(|port| port.parse().ok());
    let both = ip.zip(port).map(SocketAddr::from);
    both.ok_or_else(|| io::Error::other(format!("no address in {answer}")))
}

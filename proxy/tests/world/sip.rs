//! SIP as the edge elements write and read it: plain text, so that the product's parser is not judged by itself.

use std::net::SocketAddr;

/// A message, read naively: one header a line, no folds, long names only (the scripts and the core write no other).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sip {
    pub(crate) start: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Sip {
    pub(crate) fn read(text: &str) -> Self {
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((text, ""));
        let mut lines = head.split("\r\n");
        let start = lines.next().unwrap_or_default().to_owned();
        let header = |line: &str| {
            let (name, value) = line.split_once(':').unwrap_or((line, ""));
            (name.trim().to_owned(), value.trim().to_owned())
        };
        Self { start, headers: lines.map(header).collect(), body: body.to_owned() }
    }

    pub(crate) fn status(&self) -> Option<u16> {
        self.start.strip_prefix("SIP/2.0 ")?.get(..3)?.parse().ok()
    }

    /// Of the request, or of the request that is answered.
    pub(crate) fn method(&self) -> &str {
        self.one("CSeq").split(' ').nth(1).unwrap_or_default()
    }

    pub(crate) fn is_request(&self, method: &str) -> bool {
        self.status().is_none() && self.method() == method
    }

    pub(crate) fn uri(&self) -> &str {
        self.start.split(' ').nth(1).unwrap_or_default()
    }

    /// The first line of that name; empty if there is none.
    pub(crate) fn one(&self, name: &str) -> &str {
        self.lines(name).next().unwrap_or_default()
    }

    /// All values of that name, lists taken apart.
    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        self.lines(name).flat_map(|line| line.split(',')).map(str::trim).collect()
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.lines(name).next().is_some()
    }

    /// The branch of the topmost Via.
    pub(crate) fn branch(&self) -> &str {
        self.all("Via").first().and_then(|via| parameter(via, "branch")).unwrap_or_default()
    }

    /// "INVITE", "180 to INVITE".
    pub(crate) fn title(&self) -> String {
        match self.status() {
            Some(status) => format!("{status} to {}", self.method()),
            None => self.method().to_owned(),
        }
    }

    fn lines<'a, 'n>(&'a self, name: &'n str) -> impl Iterator<Item = &'a str> + use<'a, 'n> {
        self.headers
            .iter()
            .filter(move |(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }
}

/// The value of a `;name=value` parameter; empty for one without a value.
pub(crate) fn parameter<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.split(';').skip(1).find_map(|param| {
        let (n, value) = param.split_once('=').unwrap_or((param, ""));
        n.trim().eq_ignore_ascii_case(name).then_some(value)
    })
}

/// A request in the making.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    pub(crate) method: String,
    pub(crate) uri: String,
    pub(crate) sent_by: SocketAddr,
    pub(crate) branch: String,
    pub(crate) max_forwards: Option<u8>,
    pub(crate) routes: Vec<String>,
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) call_id: String,
    pub(crate) cseq: u32,
    pub(crate) extra: Vec<String>,
    pub(crate) body: String,
}

impl Draft {
    /// A request outside a dialog.
    pub(crate) fn new(method: &str, uri: &str, call_id: &str, sent_by: SocketAddr) -> Self {
        Self {
            method: method.to_owned(),
            uri: uri.to_owned(),
            sent_by,
            branch: format!("z9hG4bK-{call_id}-1"),
            max_forwards: Some(70),
            routes: Vec::new(),
            from: format!("<sip:+12065550100@mesh.example>;tag=from-{call_id}"),
            to: format!("<{uri}>"),
            call_id: call_id.to_owned(),
            cseq: 1,
            extra: vec![format!("Contact: <sip:caller@{sent_by}>")],
            body: String::new(),
        }
    }

    pub(crate) fn with(mut self, header: &str) -> Self {
        self.extra.push(header.to_owned());
        self
    }

    pub(crate) fn route(mut self, uri: &str) -> Self {
        self.routes.push(format!("<{uri}>"));
        self
    }

    pub(crate) fn max_forwards(mut self, hops: u8) -> Self {
        self.max_forwards = Some(hops);
        self
    }

    /// Another request that shares Via, From and Call-ID with this one: its CANCEL, its ACK to a failure.
    pub(crate) fn follow(&self, method: &str, to: &str) -> Self {
        let (method, to) = (method.to_owned(), to.to_owned());
        Self { method, to, extra: Vec::new(), body: String::new(), ..self.clone() }
    }

    pub(crate) fn text(&self) -> String {
        let mut lines = vec![
            format!("{} {} SIP/2.0", self.method, self.uri),
            format!("Via: SIP/2.0/UDP {};rport;branch={}", self.sent_by, self.branch),
        ];
        lines.extend(self.max_forwards.map(|hops| format!("Max-Forwards: {hops}")));
        lines.extend(self.routes.iter().map(|route| format!("Route: {route}")));
        lines.push(format!("From: {}", self.from));
        lines.push(format!("To: {}", self.to));
        lines.push(format!("Call-ID: {}", self.call_id));
        lines.push(format!("CSeq: {} {}", self.cseq, self.method));
        lines.extend(self.extra.iter().cloned());
        lines.push(format!("Content-Length: {}", self.body.len()));
        format!("{}\r\n\r\n{}", lines.join("\r\n"), self.body)
    }
}

/// A description of one audio stream (RFC 4566).
pub(crate) fn sdp(at: SocketAddr, port: u16) -> String {
    let ip = at.ip();
    format!("v=0\r\no=- 1 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\nm=audio {port} RTP/AVP 0\r\n")
}

/// Whether a body is a description with media in it.
pub(crate) fn is_sdp(body: &str) -> bool {
    body.starts_with("v=0") && body.contains("\r\nm=")
}

/// An answer to `request` as RFC 3261 §8.2.6.2 wants it.
pub(crate) fn answer(request: &Sip, code: u16, to_tag: &str, contact: SocketAddr, body: &str) -> String {
    let mut lines = vec![format!("SIP/2.0 {code} Reason")];
    for (name, value) in &request.headers {
        match name.as_str() {
            "Via" | "From" | "Call-ID" | "CSeq" | "Record-Route" => lines.push(format!("{name}: {value}")),
            "To" if value.contains(";tag=") || code == 100 => lines.push(format!("To: {value}")),
            "To" => lines.push(format!("To: {value};tag={to_tag}")),
            _ => {}
        }
    }
    lines.push(format!("Contact: <sip:callee@{contact}>"));
    if is_sdp(body) {
        lines.push("Content-Type: application/sdp".to_owned());
    }
    lines.push(format!("Content-Length: {}", body.len()));
    format!("{}\r\n\r\n{body}", lines.join("\r\n"))
}

//! What is refused of `[sip]`, by which key.

use super::*;

fn read(text: &str) -> Result<Sip, String> {
    let sip: Sip = toml::from_str(text).map_err(|error| error.message().to_owned())?;
    sip.check().map_err(|(key, why)| format!("{key}: {why}"))?;
    Ok(sip)
}

const MAIN: &str = "listen = \"192.0.2.1:5060\"\n";

#[test]
fn sockets_of_every_transport_and_family_beside_the_main_one() {
    let text = format!(
        "{MAIN}[[socket]]\ntransport = \"udp\"\nlisten = \"[2001:db8::1]:5060\"\n\
         [[socket]]\ntransport = \"tcp\"\nlisten = \"[2001:db8::1]:5060\"\n\
         [[socket]]\ntransport = \"tls\"\nlisten = \"0.0.0.0:5061\"\nadvertise = \"192.0.2.1:5061\"\n\
         [tls]\ncertificate = \"a.pem\"\nkey = \"a.key\"\nclient_certificates = \"optional\"\n\
         [streams]\nidle_timeout_s = 60\n[limits]\nheaders = 100\n"
    );
    let sip = read(&text).unwrap();
    assert_eq!(sip.socket[2].sent_by().to_string(), "192.0.2.1:5061");
    assert_eq!(sip.tls.unwrap().client_certificates, ClientCertificates::Optional);
    let settings = sip.streams.settings(sip.limits.limits());
    assert_eq!(
        (settings.idle.as_secs(), settings.connections_max),
        (60, 20_000),
        "the rest as it is by default"
    );
    assert_eq!((settings.limits.headers, settings.limits.message_bytes), (100, 64_000));
}

#[test]
fn what_cannot_work_is_refused_by_its_key() {
    let socket = |transport: &str, listen: &str, more: &str| {
        format!("[[socket]]\ntransport = \"{transport}\"\nlisten = \"{listen}\"\n{more}")
    };
    let tls = "[tls]\ncertificate = \"a.pem\"\nkey = \"a.key\"\n";
    let many = socket("tcp", "192.0.2.1:5062", "").repeat(9);
    for (text, want) in [
        (socket("tls", "192.0.2.1:5061", ""), "sip.tls: needed by the socket 192.0.2.1:5061"),
        (socket("udp", "192.0.2.1:5070", ""), "sip.socket.listen: 192.0.2.1:5070: one UDP socket for IPv4"),
        (socket("udp", "[::1]:1", "") + &socket("udp", "[::1]:2", ""), "sip.socket.listen: [::1]:2: one UDP"),
        (socket("tcp", "0.0.0.0:5070", ""), "sip.socket.advertise: needed with"),
        (
            socket("tcp", "0.0.0.0:5070", "advertise = \"[2001:db8::1]:5070\"\n"),
            "sip.socket.advertise: not of the family",
        ),
        (many, "sip.socket: 9 sockets"),
        (socket("sctp", "192.0.2.1:5060", ""), "unknown variant `sctp`"),
        (socket("tcp", "192.0.2.1:5062", "port = 1\n"), "unknown field `port`"),
        (format!("{tls}client_certificates = \"maybe\"\n"), "unknown variant `maybe`"),
        (format!("{tls}ca = \"b.pem\"\n"), "unknown field `ca`"),
        ("[streams]\nidle_timeout_s = 0\n".into(), "sip.streams.idle_timeout_s: 0 is not within"),
        ("[streams]\nconnections = 1\n".into(), "unknown field `connections`"),
        ("[limits]\nmessage_bytes = 70000\n".into(), "sip.limits.message_bytes: 70000 is not within"),
        ("[limits]\nbodies = 1\n".into(), "unknown field `bodies`"),
    ] {
        let why = read(&format!("{MAIN}{text}")).map(drop).unwrap_err();
        assert!(why.starts_with(want), "{why}\nwant {want}");
    }
}

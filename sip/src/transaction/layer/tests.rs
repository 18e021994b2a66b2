//! The layer as its user and the wire see it: who gets which message, what is sent when, and that nothing stays.

use std::time::Duration;

use super::*;
use crate::message::{Limits, Name, Reply};
use crate::transaction::epoch::epoch;

mod clients;
mod matching;
mod random;
mod servers;

const NEAR: &str = "192.0.2.1:5062";
const FAR: &str = "198.51.100.9:5060";

fn addr(text: &str) -> Peer {
    Peer::udp(text.parse().unwrap())
}

/// A request with that branch, which asks for rport.
fn request(method: &str, branch: &str) -> Message {
    let text = format!(
        "{method} sip:bob@example.net SIP/2.0\r\n\
         Via: SIP/2.0/UDP caller.example:5062;rport;branch={branch}\r\n\
         Max-Forwards: 70\r\n\
         Route: <sip:relay.example;lr>\r\n\
         From: <sip:alice@example.com>;tag=a1\r\n\
         To: <sip:bob@example.net>\r\n\
         Call-ID: call-1@example.com\r\n\
         CSeq: 7 {method}\r\n\
         Content-Length: 0\r\n\r\n"
    );
    parse(text.as_bytes())
}

fn parse(bytes: &[u8]) -> Message {
    Message::parse(Bytes::copy_from_slice(bytes), &Limits::default()).unwrap()
}

fn response(request: &Message, code: u16) -> Message {
    parse(&Reply::new(request, addr(NEAR).address, code, "So").to_tag("b2").finish())
}

/// All outputs, each as a short text.
fn drain(layer: &mut Layer) -> Vec<String> {
    std::iter::from_fn(|| layer.poll()).map(|output| short(&output)).collect()
}

fn short(output: &Output) -> String {
    match output {
        Output::Send { to, bytes, again, .. } => {
            let text = String::from_utf8_lossy(bytes);
            let start = text.split(' ').take(2).collect::<Vec<_>>().join(" ");
            format!("send {start} to {}{}", to.address, if *again { " again" } else { "" })
        }
        Output::Request { message, .. } => format!("request {}", message.method()),
        Output::Cancel { invite, .. } => {
            format!("cancel {}", if invite.is_some() { "known" } else { "unknown" })
        }
        Output::Ack { .. } => "ack".to_owned(),
        Output::Response { message, again, .. } => {
            let status = message.status().unwrap();
            format!("response {status} to {}{}", message.method(), if *again { " again" } else { "" })
        }
        Output::Stray { .. } => "stray".to_owned(),
        Output::TimedOut { .. } => "timed out".to_owned(),
        Output::TransportFailed { .. } => "transport failed".to_owned(),
        Output::Unacknowledged { .. } => "unacknowledged".to_owned(),
        Output::ClientEnded { .. } => "client ended".to_owned(),
        Output::ServerEnded { .. } => "server ended".to_owned(),
    }
}

/// Ticks at every deadline until no timer runs; gives what happened, with milliseconds after `start`.
fn run_out(layer: &mut Layer, start: Instant) -> Vec<(u128, String)> {
    let mut done = Vec::new();
    while let Some(at) = layer.deadline() {
        layer.tick(at);
        done.extend(drain(layer).into_iter().map(|what| ((at - start).as_millis(), what)));
    }
    done
}

#[test]
fn a_whole_call_leaves_nothing_behind() {
    let (start, mut layer) = (epoch(), Layer::new(Timing::default()));
    let invite = request("INVITE", "z9hG4bKcall");
    layer.receive(start, addr(NEAR), invite.clone());
    let Some(Output::Request { id: server, .. }) = layer.poll() else {
        panic!("the INVITE goes to the user")
    };
    let onward = request("INVITE", "z9hG4bKonward");
    let client = layer.request(start, addr(FAR), "z9hG4bKonward", Method::Invite, onward.raw().clone());
    layer.receive(start, addr(FAR), response(&onward, 200));
    layer.respond(start, server, 200, response(&invite, 200).raw().clone());
    assert_eq!((layer.clients(), layer.servers()), (1, 1));

    run_out(&mut layer, start);
    assert_eq!((layer.clients(), layer.servers(), layer.agenda.len()), (0, 0, 0));
    assert_eq!((layer.client_keys.len(), layer.server_keys.len()), (0, 0));

    // The ids are stale now; using them does nothing.
    assert_eq!(layer.cancel(start, client), None);
    layer.respond(start, server, 200, Bytes::new());
    layer.abandon_client(client);
    layer.abandon_server(server);
    assert!(drain(&mut layer).is_empty());
}

#[test]
fn the_agenda_stays_in_proportion_to_what_lives() {
    let (start, mut layer) = (epoch(), Layer::new(Timing::default()));
    for number in 0..10_000 {
        let branch = format!("z9hG4bK{number}");
        let id = layer.request(
            start,
            addr(FAR),
            &branch,
            Method::Options,
            request("OPTIONS", &branch).raw().clone(),
        );
        drain(&mut layer);
        layer.abandon_client(id);
    }
    assert!(layer.agenda.len() <= 65, "{} entries for no transaction", layer.agenda.len());
    assert_eq!(layer.clients.iter().count(), 0);
}

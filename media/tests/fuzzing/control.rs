//! Any bytes as bencode, and as requests of controllers.

use ringway_media::ng::{Command, Cookies, Packet, Refusal, Reply, Sdp, Seen, Value, decode, encode};
use ringway_router::Time;
use std::net::{Ipv4Addr, SocketAddr};

/// What is read as bencode is written and read again as the same, but for the order of keys, and to write it once more
/// changes nothing.
pub(crate) fn bencode(data: &[u8]) {
    let Ok(value) = decode(data) else { return };
    let mut once = Vec::new();
    encode(&value, &mut once);
    assert_eq!(once.len(), data.len(), "each value has one form");
    let again = decode(&once).expect("what we write can be read");
    let mut twice = Vec::new();
    encode(&again, &mut twice);
    assert!(once == twice);
}

/// A datagram is met with silence, or answered: once for all its copies, in its own encoding, with its own cookie.
pub(crate) fn ng_request(data: &[u8]) {
    let Ok(packet) = Packet::read(data) else { return };
    assert!(data.starts_with(packet.cookie) && data[packet.cookie.len()] == b' ');
    let (now, from) = (Time::from_millis(1), SocketAddr::from((Ipv4Addr::LOCALHOST, 2_223)));
    let mut cookies = Cookies::new(4, 1 << 20);
    assert_eq!(cookies.begin(now, from, packet.cookie, data), Seen::New);
    assert_eq!(cookies.begin(now, from, packet.cookie, data), Seen::Working);
    let request = packet.request();
    assert!(request.ignored.len() <= 16);
    let (reply, result) = match request.command {
        Ok(command) => reply(&command),
        Err(refusal) => {
            let readable = packet.dictionary().is_ok();
            assert_eq!(matches!(refusal, Refusal::Malformed(_)), !readable);
            (refusal.into(), "error")
        }
    };
    let answer = packet.answer(&reply);
    cookies.finish(from, packet.cookie, &answer);
    assert_eq!(cookies.begin(now, from, packet.cookie, data), Seen::Answered(&answer));
    let answered = Packet::read(&answer).expect("an answer is a packet as well");
    assert_eq!((answered.cookie, answered.encoding), (packet.cookie, packet.encoding));
    let value = answered.dictionary().expect("what we write can be read");
    let dictionary = value.as_dictionary().expect("an answer is a dictionary");
    assert_eq!(dictionary.value("result").and_then(Value::as_str), Some(result));
}

/// Something to say to an order, and its result.
fn reply(command: &Command) -> (Reply, &'static str) {
    assert!(command.kind() == command.clone().kind());
    match command {
        Command::Ping => (Reply::Pong, "pong"),
        Command::Offer(proposal) | Command::Answer(proposal) => {
            let call = &proposal.call;
            assert!(!call.call_id.is_empty() && !call.from_tag.is_empty() && !proposal.sdp.is_empty());
            (Reply::Sdp(Sdp(proposal.sdp.clone())), "ok")
        }
        Command::Delete(delete) => {
            let result = if delete.fatal { "error" } else { "ok" };
            (Reply::nothing_deleted(delete.fatal), result)
        }
        Command::Query(query) => {
            assert!(!query.call.call_id.is_empty());
            (Reply::unknown_call(), "error")
        }
        Command::List(limit) => (Reply::Calls(vec!["a@b".to_owned(); (*limit).min(3)]), "ok"),
        Command::Statistics => (Reply::Statistics(Box::default()), "ok"),
        Command::Gate(_) => (Reply::done(), "ok"),
    }
}

//! REGISTER requests as phones write them, and what they are told.

use super::{Registration, Rejection, Settings, answer};
use crate::core::names::Names;
use crate::location::{Contacts, Limits, Store, Wish};
use ringway_sip::Message;

fn read(lines: &str) -> Result<Registration, Rejection> {
    let text = format!(
        "REGISTER sip:h SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKx\r\nFrom: <sip:a@h>;tag=1\r\n\
         To: <sip:%61@H;x=y>\r\nCall-ID: c\r\nCSeq: 7 REGISTER\r\nMax-Forwards: 70\r\n{lines}Content-Length: 0\r\n\r\n"
    );
    let message = Message::parse(text.into(), &ringway_sip::Limits::default()).unwrap();
    let names = Names::new("h", "us-west-2".parse().unwrap(), Vec::new());
    Registration::read(&message, &names, &Settings::default())
}

fn wishes(lines: &str) -> Vec<Wish> {
    match read(lines).unwrap().change.contacts {
        Contacts::Set(wishes) => wishes,
        Contacts::Clear => panic!("no wildcard was sent"),
    }
}

#[test]
fn the_address_of_record_is_canonical_and_no_contact_is_a_question() {
    let change = read("").unwrap().change;
    assert_eq!((change.aor.as_str(), change.call_id.as_str(), change.cseq), ("sip:a@h", "c", 7));
    assert_eq!(change.contacts, Contacts::Set(Vec::new()));
}

#[test]
fn expiry_is_of_the_contact_then_of_the_header_then_ours_and_has_bounds() {
    for (lines, expires_s) in [
        ("Contact: <sip:a@1>;expires=90\r\nExpires: 80\r\n", 90),
        ("Contact: <sip:a@1>\r\nExpires: 80\r\n", 80),
        ("Contact: <sip:a@1>\r\n", 3600),
        ("Contact: <sip:a@1>;expires=soon\r\n", 3600),
        ("Contact: <sip:a@1>;expires=99999\r\n", 7200),
        ("Contact: <sip:a@1>;expires=0\r\n", 0),
        ("Contact: <sip:a@1>;expires=60\r\n", 60),
    ] {
        assert_eq!(wishes(lines)[0].expires_s, expires_s, "{lines}");
    }
    let brief = read("Contact: <sip:a@1>;expires=59\r\n").unwrap_err();
    assert_eq!(brief.status().0, 423);
    assert_eq!(
        brief.header().map(|(name, value)| (name.as_str(), value)),
        Some(("Min-Expires", "60".into()))
    );
}

#[test]
fn a_wildcard_stands_alone_and_ends_everything() {
    assert_eq!(read("Contact: *\r\nExpires: 0\r\n").unwrap().change.contacts, Contacts::Clear);
    for lines in [
        "Contact: *\r\n",
        "Contact: *\r\nExpires: 60\r\n",
        "Contact: *, <sip:a@1>\r\nExpires: 0\r\n",
        "Contact: *;expires=0\r\n",
    ] {
        assert_eq!(read(lines).unwrap_err().status().0, 400, "{lines}");
    }
}

#[test]
fn q_has_three_digits() {
    for (q, value) in [("0", 0), ("0.5", 500), ("0.05", 50), ("0.123", 123), ("1", 1000), ("1.000", 1000)] {
        assert_eq!(wishes(&format!("Contact: <sip:a@1>;q={q}\r\n"))[0].q, value, "{q}");
    }
    for q in ["2", "1.1", "0.1234", "-0.1", "x", "0.+1", ""] {
        assert!(read(&format!("Contact: <sip:a@1>;q={q}\r\n")).is_err(), "{q}");
    }
}

#[test]
fn a_flow_needs_outbound_and_an_instance() {
    let flow = "Contact: <sip:a@1>;+sip.instance=\"<urn:uuid:1>\";reg-id=2\r\n";
    assert_eq!(wishes(&format!("Supported: path, Outbound\r\n{flow}"))[0].flow(), Some(("<urn:uuid:1>", 2)));
    assert_eq!(wishes(flow)[0].flow(), None);
    assert_eq!(wishes("Supported: outbound\r\nContact: <sip:a@1>;reg-id=2\r\n")[0].flow(), None);
    let two = format!("Supported: outbound\r\n{flow}{}", flow.replace("reg-id=2", "reg-id=3"));
    assert_eq!(read(&two), Err(Rejection::BadRequest("reg-id")));
}

#[test]
fn a_flow_over_a_first_hop_that_keeps_none_is_refused() {
    let flow = "Supported: path, outbound\r\nContact: <sip:a@1>;+sip.instance=\"<urn:uuid:1>\";reg-id=1\r\n";
    let edge = "Via: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKy\r\n";
    assert!(read(flow).is_ok_and(|registration| registration.is_outbound), "this proxy is the first hop");
    for path in ["", "Path: <sip:192.0.2.9;lr>\r\n", "Path: <sip:192.0.2.8;lr>,<sip:192.0.2.9;lr>\r\n"] {
        let error = read(&format!("{edge}{path}{flow}")).unwrap_err();
        assert_eq!(error.status(), (439, "First Hop Lacks Outbound Support"), "{path}");
    }
    for path in ["<sip:192.0.2.9;lr;ob>", "<sip:192.0.2.8;lr>, <sip:192.0.2.9;lr;ob>"] {
        assert!(read(&format!("{edge}Path: {path}\r\n{flow}")).is_ok(), "{path}");
    }
    // Without outbound, a reg-id means nothing, and the registration is one like any other.
    let plain = flow.replace(", outbound", "");
    assert_eq!(read(&format!("{edge}{plain}")).map(|registration| registration.is_outbound), Ok(false));
}

#[test]
fn what_the_directory_refuses_has_its_status() {
    let node = ringway_router::NodeId { region: "east".parse().unwrap(), node: "n".parse().unwrap() };
    let mut store = Store::new(node, Limits { contacts_max: 1, aors_max: 1 });
    let long = format!("Contact: <sip:{}@h>\r\n", "a".repeat(5_000));
    let two = "Contact: <sip:a@1>, <sip:a@2>\r\n";
    for (lines, code) in [(long.as_str(), 513), (two, 403)] {
        let refused = store.apply(&read(lines).unwrap().change, 1_000_000).unwrap_err();
        assert_eq!(Rejection::from(refused).status().0, code, "{lines}");
    }
}

#[test]
fn what_we_do_not_know_or_cannot_read_is_named() {
    let error = read("Require: path, gruu, x\r\n").unwrap_err();
    assert_eq!(error.status(), (420, "Bad Extension"));
    assert_eq!(
        error.header().map(|(name, value)| (name.as_str(), value)),
        Some(("Unsupported", "gruu, x".into()))
    );
    assert!(read("Require: path, outbound\r\n").is_ok());
    assert_eq!(read("Contact: <sip:\r\n"), Err(Rejection::BadRequest("Contact")));
    assert_eq!(read("Path: nonsense\r\n"), Err(Rejection::BadRequest("Path")));
    let many: String = (0..11).map(|n| format!("Contact: <sip:a@{n}.h>\r\n")).collect();
    assert_eq!(read(&many).unwrap_err().status().0, 403);
}

#[test]
fn the_answer_lists_what_is_bound() {
    let node = ringway_router::NodeId { region: "east".parse().unwrap(), node: "n".parse().unwrap() };
    let mut store = Store::new(node, Limits::default());
    let registration = read(
        "Supported: path, outbound\r\nPath: <sip:edge@192.0.2.9;lr;ob>\r\n\
         Contact: <sip:a@1>;q=0.5;expires=90;+sip.instance=\"<urn:uuid:1>\";reg-id=1\r\n",
    )
    .unwrap();
    store.apply(&registration.change, 1_000_000).unwrap();
    let lines = |registration: &Registration, now_unix_ms| {
        let lines = answer(registration, &store.lookup("sip:a@h", now_unix_ms), now_unix_ms, Some(120));
        lines.iter().map(|(name, value)| format!("{name}: {value}")).collect::<Vec<_>>()
    };
    let contact = "Contact: <sip:a@1>;expires=90;q=0.500;+sip.instance=\"<urn:uuid:1>\";reg-id=1";
    assert_eq!(
        lines(&registration, 1001),
        [
            contact,
            "Path: <sip:edge@192.0.2.9;lr;ob>",
            "Supported: path, outbound",
            "Require: outbound",
            "Flow-Timer: 120"
        ]
    );
    let question = read("").unwrap();
    assert_eq!(lines(&question, 1000), [contact, "Supported: path, outbound"]);
    assert_eq!(lines(&question, 91_000), ["Supported: path, outbound"]);
}

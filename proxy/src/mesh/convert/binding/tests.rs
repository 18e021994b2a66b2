use super::*;

fn binding() -> Binding {
    let node = node_id("us-east-1", "e1").unwrap();
    Binding {
        aor: "sip:a@h".into(),
        contact: "sip:a@192.0.2.1".into(),
        instance: Some("<urn:uuid:1>".into()),
        reg_id: Some(2),
        call_id: "c".into(),
        cseq: 7,
        q: 500,
        path: vec!["<sip:edge@192.0.2.9;lr;ob>".into(), "<sip:192.0.2.8;lr>".into()],
        region: node.region.clone(),
        node,
        expires_unix_ms: 3,
        covers_unix_ms: 4,
        updated_unix_us: 5,
        removed: true,
    }
}

#[test]
fn a_binding_comes_through_unchanged() {
    let plain = Binding { instance: None, reg_id: None, path: Vec::new(), ..binding() };
    for binding in [binding(), plain] {
        assert_eq!(decode(&encode(&binding)), Ok(binding));
    }
}

#[test]
fn words_come_through_unchanged() {
    let sealed = Arc::new(Sealed { binding: vec![1], signature: vec![2] });
    let mut hashes = [0; BUCKETS];
    hashes[255] = u64::MAX;
    for word in [
        Word::Records { records: vec![sealed], answer: Some(Answer { bucket: 255, more: true }) },
        Word::Records { records: Vec::new(), answer: None },
        Word::Digest(Box::new(hashes)),
        Word::Summary { bucket: 0, fingerprints: vec![1, u64::MAX] },
    ] {
        let read = match to_wire(&word) {
            Body::Bindings(bindings) => records(bindings),
            Body::BindingDigest(told) => digest(told),
            Body::BindingSummary(told) => summary(told),
            Body::Introduction(_)
            | Body::Statement(_)
            | Body::StatementDigest(_)
            | Body::StatementList(_) => panic!("not a word about bindings"),
        };
        assert_eq!(read, Ok(word));
    }
}

#[test]
fn what_is_none_is_refused() {
    assert_eq!(decode(b"\xff"), Err(Unreadable::Encoding));
    assert_eq!(decode(&[0; RECORD_BYTES_MAX + 1]), Err(Unreadable::TooLong));
    let nameless = wire::Binding { region: "US".into(), ..wire::Binding::default() };
    assert!(matches!(decode(&nameless.encode_to_vec()), Err(Unreadable::Name(_))));
    let loud = wire::Binding { region: "r".into(), node: "n".into(), q: 70_000, ..wire::Binding::default() };
    assert_eq!(decode(&loud.encode_to_vec()), Err(Unreadable::Encoding));
    assert_eq!(digest(wire::BindingDigest { buckets: vec![0; 255] }), Err(Unreadable::Encoding));
    let nowhere = wire::BindingSummary { bucket: 256, fingerprints: Vec::new() };
    assert_eq!(summary(nowhere), Err(Unreadable::Encoding));
}

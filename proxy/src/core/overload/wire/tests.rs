use super::*;

fn read(params: &str) -> Result<Option<Order>, Nonsense> {
    Order::read(&Via::parse(&format!("SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bK1{params}")).unwrap())
}

fn order(percent: u8, validity_ms: u64, sequence: Option<(u64, u32)>) -> Order {
    let sequence = sequence.map(|(seconds, fraction)| Sequence { seconds, fraction });
    Order { percent, validity: Duration::from_millis(validity_ms), sequence }
}

#[test]
fn orders_as_the_rfc_writes_them() {
    let cases = [
        ("", None),
        (";oc;oc-algo=\"loss\"", None),
        (
            ";oc=20;oc-algo=\"loss\";oc-validity=500;oc-seq=1282321615.782",
            Some(order(20, 500, Some((1_282_321_615, 78_200)))),
        ),
        (";oc=0;oc-algo=\"loss\";oc-validity=0;oc-seq=1.5", Some(order(0, 0, Some((1, 50_000))))),
        (";OC = 100 ; OC-Algo = \"loss\" ; oc-seq=2.00001", Some(order(100, 500, Some((2, 1))))),
        (";oc=7", Some(order(7, 500, None))),
        (";oc=7;oc-algo=\"A, loss\";oc-validity=9999999999", Some(order(7, 60_000, None))),
    ];
    for (params, want) in cases {
        assert_eq!(read(params), Ok(want), "{params:?}");
    }
}

#[test]
fn what_no_server_means_is_nonsense() {
    for params in [
        ";oc=101",
        ";oc=-1",
        ";oc=",
        ";oc=20%",
        ";oc=1e1",
        ";oc=18446744073709551617",
        ";oc=20;oc-algo=\"rate\"",
        ";oc=20;oc-algo",
        ";oc=20;oc-validity",
        ";oc=20;oc-validity=-5",
        ";oc=20;oc-validity=99999999999",
        ";oc=20;oc-seq=5",
        ";oc=20;oc-seq=.5",
        ";oc=20;oc-seq=1.",
        ";oc=20;oc-seq=1.123456",
        ";oc=20;oc-seq=1234567890123.1",
    ] {
        assert_eq!(read(params), Err(Nonsense), "{params:?}");
    }
}

fn response(via: &str) -> Bytes {
    Bytes::from(format!(
        "SIP/2.0 100 Trying\r\nVia: {via}\r\nVia: SIP/2.0/UDP 10.9.9.9\r\nFrom: <sip:a@b>;tag=1\r\n\
         To: <sip:c@d>\r\nCall-ID: x\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n"
    ))
}

#[test]
fn an_order_is_written_so_that_it_reads_the_same() {
    let order = order(42, 1_000, Some((1_700_000_000, 12)));
    let marked =
        order.put_on(response("SIP/2.0/UDP 10.0.0.1:5070;rport=9;oc;branch=z9hG4bKx;oc-algo=\"loss\""));
    let message = Message::parse(marked, &Limits::default()).unwrap();
    assert_eq!(Order::read(&message.via()), Ok(Some(order)));
    assert_eq!((message.via().branch(), message.via().port), ("z9hG4bKx", Some(5070)));
    assert_eq!(message.vias().count(), 2);
    assert_eq!(message.values(Name::Via).next().unwrap().matches(";oc").count(), 4, "each of them once");
}

#[test]
fn who_did_not_announce_gets_no_order() {
    let order = order(42, 1_000, None);
    for via in ["SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKx", "SIP/2.0/UDP 10.0.0.1;oc;oc-algo=\"rate\""] {
        assert_eq!(order.put_on(response(via)), response(via));
    }
}

#[test]
fn an_order_from_beyond_the_hop_becomes_the_announcement_that_it_was() {
    let via = Via::parse("SIP/2.0/TCP h.example;oc=90;oc-seq=1.1;branch=z9hG4bK1;oc-validity=9").unwrap();
    assert!(has_order(&via));
    assert_eq!(as_announced(&via), "SIP/2.0/TCP h.example;branch=z9hG4bK1;oc;oc-algo=\"loss\"");
}

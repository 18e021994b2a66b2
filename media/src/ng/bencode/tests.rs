//! What is read, what is refused, and that reading and writing are each other's reverse.

use super::*;
use proptest::prelude::*;

fn text(text: &str) -> Value<'_> {
    Value::text(text)
}

#[test]
fn every_kind_of_value() {
    let dictionary = Dictionary::new().with("b", text("x")).with("a", Value::Integer(-7)).with("b", text(""));
    let list = Value::List(vec![Value::Dictionary(dictionary), Value::Integer(0), Value::List(Vec::new())]);
    let value = decode(b"ld1:b1:x1:ai-7e1:b0:ei0elee").unwrap();
    assert!(value == list, "keys unsorted and twice");
    let mut out = b"cookie ".to_vec();
    encode(&value, &mut out);
    assert_eq!(out, b"cookie ld1:ai-7e1:b1:x1:b0:ei0elee", "sorted when we write");
    assert_eq!(value.measure(), (3, 7));
}

#[test]
fn numbers_to_their_ends() {
    for (number, value) in [
        ("i0e", 0),
        ("i9223372036854775807e", i64::MAX),
        ("i-9223372036854775808e", i64::MIN),
        ("i-10e", -10),
    ] {
        assert_eq!(decode(number.as_bytes()), Ok(Value::Integer(value)));
    }
}

#[test]
fn what_is_wrong_is_refused_and_named() {
    let deep = "l".repeat(16) + &"e".repeat(16);
    let many = format!("l{}e", "le".repeat(4_096));
    let endless = "l".repeat(1_000_000);
    let long = format!("{}:", "1".repeat(1_000));
    for (bytes, malformed) in [
        ("", Malformed::Truncated),
        ("d", Malformed::Truncated),
        ("l1:a", Malformed::Truncated),
        ("d1:a", Malformed::Truncated),
        ("2:a", Malformed::Truncated),
        ("4294967296:a", Malformed::Truncated),
        ("18446744073709551615:a", Malformed::Truncated),
        ("18446744073709551616:a", Malformed::Number),
        ("1", Malformed::Truncated),
        ("i12", Malformed::Truncated),
        ("01:a", Malformed::Number),
        ("1x:a", Malformed::Number),
        ("-1:a", Malformed::Number),
        ("ie", Malformed::Number),
        ("i-e", Malformed::Number),
        ("i-0e", Malformed::Number),
        ("i00e", Malformed::Number),
        ("i+1e", Malformed::Number),
        ("i1.0e", Malformed::Number),
        ("i9223372036854775808e", Malformed::Number),
        ("i-9223372036854775809e", Malformed::Number),
        ("x", Malformed::Number),
        ("e", Malformed::Number),
        ("di1e1:ae", Malformed::Key),
        ("d1:ae", Malformed::Number),
        ("i1ei2e", Malformed::Trailing),
        ("de\n", Malformed::Trailing),
        (&long, Malformed::Number),
        (&deep[1..], Malformed::Trailing),
        (&format!("l{deep}e"), Malformed::Depth),
        (&many, Malformed::Items),
        (&endless, Malformed::Depth),
    ] {
        assert_eq!(decode(bytes.as_bytes()), Err(malformed), "{bytes:.40}");
    }
    assert!(decode(deep.as_bytes()).is_ok(), "as deep as it may be");
}

/// Values whose dictionaries are sorted, as we write them.
fn value() -> impl Strategy<Value = Value<'static>> {
    let bytes = || prop::collection::vec(any::<u8>(), 0..20);
    let leaf = prop_oneof![
        bytes().prop_map(|text| Value::Text(Cow::Owned(text))),
        any::<i64>().prop_map(Value::Integer),
    ];
    leaf.prop_recursive(4, 64, 6, move |inner| {
        let entries = prop::collection::btree_map(bytes(), inner.clone(), 0..6);
        prop_oneof![
            prop::collection::vec(inner, 0..6).prop_map(Value::List),
            entries.prop_map(|entries| {
                let mut dictionary = Dictionary::new();
                entries.into_iter().for_each(|(key, value)| dictionary.push_bytes(Cow::Owned(key), value));
                Value::Dictionary(dictionary)
            }),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read_again(value in value()) {
        let mut bytes = Vec::new();
        encode(&value, &mut bytes);
        prop_assert!(decode(&bytes).as_ref() == Ok(&value));
        // Nothing shorter is a value, and nothing longer.
        prop_assert!(decode(&bytes[..bytes.len() - 1]).is_err());
        bytes.push(b'e');
        prop_assert!(decode(&bytes).is_err());
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(prop::sample::select(b"dlie0123:-x".to_vec()), 0..60)) {
        if let Ok(value) = decode(&bytes) {
            let (depth, items) = value.measure();
            prop_assert!(depth <= DEPTH_MAX && items <= bytes.len());
        }
    }
}

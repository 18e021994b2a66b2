//! JSON: an object is a dictionary, its keys in the order in which they came. What bencode has no word for is read as
//! rtpengine's clients mean it: `true` is 1, `false` is 0, and `null` is as if it were not there.

use std::borrow::Cow;
use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};

use super::bencode::{DEPTH_MAX, ITEMS_MAX};
use super::{Dictionary, Malformed, Value};

/// Reads one value that is all of `bytes`.
pub(super) fn decode(bytes: &[u8]) -> Result<Value<'_>, Malformed> {
    let value: Value<'_> = serde_json::from_slice(bytes)
        .map_err(|error| if error.is_eof() { Malformed::Truncated } else { Malformed::Json })?;
    match value.measure() {
        (depth, _) if depth > DEPTH_MAX => Err(Malformed::Depth),
        (_, items) if items > ITEMS_MAX => Err(Malformed::Items),
        _ => Ok(value),
    }
}

/// Writes a value behind what is in `out`. Bytes that are not UTF-8 become U+FFFD: JSON has no word for them.
pub(super) fn encode(value: &Value<'_>, out: &mut Vec<u8>) {
    let written = serde_json::to_writer(out, value);
    assert!(written.is_ok(), "texts, whole numbers, lists and dictionaries can be written as JSON");
}

impl Serialize for Value<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Value::Text(text) => serializer.serialize_str(&String::from_utf8_lossy(text)),
            Value::Integer(integer) => serializer.serialize_i64(*integer),
            Value::List(list) => list.serialize(serializer),
            Value::Dictionary(dictionary) => {
                let mut map = serializer.serialize_map(Some(dictionary.len()))?;
                for (key, value) in dictionary.iter() {
                    map.serialize_entry(&String::from_utf8_lossy(key), value)?;
                }
                map.end()
            }
        }
    }
}

impl<'de> Deserialize<'de> for Value<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Value<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text, a whole number, a list or a dictionary")
    }

    fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Value<'de>, E> {
        Ok(Value::text(text))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Value<'de>, E> {
        Ok(Value::text(text.to_owned()))
    }

    fn visit_i64<E: de::Error>(self, integer: i64) -> Result<Value<'de>, E> {
        Ok(Value::Integer(integer))
    }

    fn visit_u64<E: de::Error>(self, integer: u64) -> Result<Value<'de>, E> {
        i64::try_from(integer).map(Value::Integer).map_err(E::custom)
    }

    fn visit_bool<E: de::Error>(self, yes: bool) -> Result<Value<'de>, E> {
        Ok(Value::Integer(i64::from(yes)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value<'de>, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = list.next_element::<Option<Value<'de>>>()? {
            values.extend(value);
        }
        Ok(Value::List(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value<'de>, A::Error> {
        let mut dictionary = Dictionary::new();
        while let Some((Key(key), value)) = map.next_entry::<Key<'de>, Option<Value<'de>>>()? {
            if let Some(value) = value {
                dictionary.push(key, value);
            }
        }
        Ok(Value::Dictionary(dictionary))
    }
}

/// A key, borrowed where it has no escapes.
#[derive(serde::Deserialize)]
#[serde(transparent)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

#[cfg(test)]
mod tests {
    use super::{decode, encode};
    use crate::ng::{Malformed, Value};

    fn again(text: &str) -> String {
        let mut out = Vec::new();
        encode(&decode(text.as_bytes()).unwrap(), &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn what_is_read_is_written_again_in_its_order() {
        for text in [
            r#"{"command":"offer","a":1,"a":[-2,"x\r\n\"y\""],"é":{}}"#,
            r#"{"":""}"#,
            "[]",
            "9223372036854775807",
        ] {
            assert_eq!(again(text), text);
        }
        assert_eq!(
            again(r#" { "yes" : true, "no" : false, "none" : null, "l" : [null] } "#),
            r#"{"yes":1,"no":0,"l":[]}"#
        );
    }

    #[test]
    fn what_is_no_json_or_not_whole_is_refused() {
        let deep = "[".repeat(17) + &"]".repeat(17);
        let deeper = "[".repeat(5_000);
        let many = format!("[{}0]", "0,".repeat(4_095));
        for (text, malformed) in [
            ("", Malformed::Truncated),
            ("{", Malformed::Truncated),
            (r#"{"a"}"#, Malformed::Json),
            ("{1:2}", Malformed::Json),
            ("1.5", Malformed::Json),
            ("9223372036854775808", Malformed::Json),
            ("\"\\ud800\"", Malformed::Json),
            ("{} {}", Malformed::Json),
            (&deep, Malformed::Depth),
            (&deeper, Malformed::Json),
            (&many, Malformed::Items),
        ] {
            assert_eq!(decode(text.as_bytes()), Err(malformed), "{text:.40}");
        }
        assert_eq!(decode(b"\"\xff\""), Err(Malformed::Json));
        let mut out = Vec::new();
        encode(&Value::Text(b"\xff".into()), &mut out);
        assert_eq!(out, "\"\u{fffd}\"".as_bytes());
    }
}

//! What bencode and JSON have in common: texts, whole numbers, lists and dictionaries.

use std::borrow::Cow;
use std::fmt;

/// A value. Texts are bytes, and borrowed from the datagram where they stand there as they are.
#[derive(Clone, PartialEq, Eq)]
pub enum Value<'a> {
    /// A string, of any bytes.
    Text(Cow<'a, [u8]>),
    /// A whole number.
    Integer(i64),
    /// A list.
    List(Vec<Value<'a>>),
    /// A dictionary.
    Dictionary(Dictionary<'a>),
}

/// Keys and values in the order in which they came. A key may come twice: Kamailio writes `received-from` once as a text
/// and once as a list.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Dictionary<'a>(Vec<(Cow<'a, [u8]>, Value<'a>)>);

impl<'a> Value<'a> {
    /// A text of ours.
    pub fn text(text: impl Into<Cow<'a, str>>) -> Value<'a> {
        Value::Text(match text.into() {
            Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
            Cow::Owned(text) => Cow::Owned(text.into_bytes()),
        })
    }

    /// A count. What is more than an i64 holds is given as the most it holds.
    pub fn count(count: u64) -> Value<'a> {
        Value::Integer(i64::try_from(count).unwrap_or(i64::MAX))
    }

    /// The text, if it is one and UTF-8.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::Text(text) => std::str::from_utf8(text).ok(),
            Value::Integer(_) | Value::List(_) | Value::Dictionary(_) => None,
        }
    }

    /// The number, or a text that is one: rtpengine takes both, and its clients send both.
    pub fn as_integer(&self) -> Option<i64> {
        match self {
            Value::Integer(integer) => Some(*integer),
            Value::Text(_) => self.as_str()?.trim_ascii().parse().ok(),
            Value::List(_) | Value::Dictionary(_) => None,
        }
    }

    /// The list.
    pub fn as_list(&self) -> Option<&[Value<'a>]> {
        match self {
            Value::List(list) => Some(list),
            Value::Text(_) | Value::Integer(_) | Value::Dictionary(_) => None,
        }
    }

    /// The dictionary.
    pub fn as_dictionary(&self) -> Option<&Dictionary<'a>> {
        match self {
            Value::Dictionary(dictionary) => Some(dictionary),
            Value::Text(_) | Value::Integer(_) | Value::List(_) => None,
        }
    }

    /// How deep it is nested, and how many values it holds, itself included.
    pub(super) fn measure(&self) -> (usize, usize) {
        let deepest = |(depth, items): (usize, usize), value: &Value<'_>| {
            let (below, more) = value.measure();
            (depth.max(below + 1), items + more)
        };
        match self {
            Value::Text(_) | Value::Integer(_) => (1, 1),
            Value::List(list) => list.iter().fold((1, 1), deepest),
            Value::Dictionary(dictionary) => dictionary.iter().map(|(_, value)| value).fold((1, 1), deepest),
        }
    }
}

impl<'a> Dictionary<'a> {
    /// An empty one.
    #[must_use]
    pub fn new() -> Dictionary<'a> {
        Dictionary::default()
    }

    /// Puts a value in behind the others.
    pub fn push(&mut self, key: impl Into<Cow<'a, str>>, value: Value<'a>) {
        let Value::Text(key) = Value::text(key) else { return };
        self.0.push((key, value));
    }

    /// As [`Self::push`], for keys of any bytes.
    pub(super) fn push_bytes(&mut self, key: Cow<'a, [u8]>, value: Value<'a>) {
        self.0.push((key, value));
    }

    /// As [`Self::push`], to write one after the other.
    #[must_use]
    pub fn with(mut self, key: impl Into<Cow<'a, str>>, value: Value<'a>) -> Dictionary<'a> {
        self.push(key, value);
        self
    }

    /// The first value of that key.
    #[must_use]
    pub fn value(&self, key: &str) -> Option<&Value<'a>> {
        self.iter().find_map(|(found, value)| (found == key.as_bytes()).then_some(value))
    }

    /// All keys and values.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &Value<'a>)> {
        self.0.iter().map(|(key, value)| (&key[..], value))
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Value<'_> {
    /// The shape and the sizes: texts hold addresses and keys, and a log must not.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Text(text) => write!(f, "{} bytes", text.len()),
            Value::Integer(integer) => write!(f, "{integer}"),
            Value::List(list) => list.fmt(f),
            Value::Dictionary(dictionary) => dictionary.fmt(f),
        }
    }
}

impl fmt::Debug for Dictionary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map()
            .entries(self.0.iter().map(|(key, value)| (String::from_utf8_lossy(key), value)))
            .finish()
    }
}

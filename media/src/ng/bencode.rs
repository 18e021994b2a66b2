//! Bencode: `5:hello`, `i-7e`, `l…e`, `d…e`. Strict in numbers and lengths, bounded in depth and items; keys need not be
//! sorted nor single, for Kamailio's are neither.

use std::borrow::Cow;

use super::{Dictionary, Malformed, Value};

/// How deep values may be nested: a reply to `query`, the deepest there is, has ten levels.
pub(super) const DEPTH_MAX: usize = 16;
/// How many values there may be in a datagram.
pub(super) const ITEMS_MAX: usize = 4_096;

/// Reads one value that is all of `bytes`.
///
/// # Errors
/// The first thing that is wrong.
pub fn decode(bytes: &[u8]) -> Result<Value<'_>, Malformed> {
    let mut reader = Reader { rest: bytes, items: 0 };
    let value = reader.value(0)?;
    if reader.rest.is_empty() { Ok(value) } else { Err(Malformed::Trailing) }
}

/// Writes a value behind what is in `out`, the keys of each dictionary in order, as other readers than Kamailio may want.
pub fn encode(value: &Value<'_>, out: &mut Vec<u8>) {
    match value {
        Value::Text(text) => write_text(text, out),
        Value::Integer(integer) => out.extend_from_slice(format!("i{integer}e").as_bytes()),
        Value::List(list) => {
            out.push(b'l');
            list.iter().for_each(|value| encode(value, out));
            out.push(b'e');
        }
        Value::Dictionary(dictionary) => {
            let mut entries: Vec<_> = dictionary.iter().collect();
            entries.sort_by_key(|(key, _)| *key);
            out.push(b'd');
            for (key, value) in entries {
                write_text(key, out);
                encode(value, out);
            }
            out.push(b'e');
        }
    }
}

fn write_text(text: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(format!("{}:", text.len()).as_bytes());
    out.extend_from_slice(text);
}

struct Reader<'a> {
    rest: &'a [u8],
    items: usize,
}

impl<'a> Reader<'a> {
    fn value(&mut self, depth: usize) -> Result<Value<'a>, Malformed> {
        if depth == DEPTH_MAX {
            return Err(Malformed::Depth);
        }
        self.items += 1;
        if self.items > ITEMS_MAX {
            return Err(Malformed::Items);
        }
        match self.rest {
            [b'0'..=b'9', ..] => Ok(Value::Text(Cow::Borrowed(self.text()?))),
            [b'i', rest @ ..] => {
                self.rest = rest;
                self.integer().map(Value::Integer)
            }
            [b'l', rest @ ..] => {
                self.rest = rest;
                self.list(depth).map(Value::List)
            }
            [b'd', rest @ ..] => {
                self.rest = rest;
                self.dictionary(depth).map(Value::Dictionary)
            }
            [] => Err(Malformed::Truncated),
            _ => Err(Malformed::Number),
        }
    }

    fn list(&mut self, depth: usize) -> Result<Vec<Value<'a>>, Malformed> {
        let mut list = Vec::new();
        while !self.ends()? {
            list.push(self.value(depth + 1)?);
        }
        Ok(list)
    }

    fn dictionary(&mut self, depth: usize) -> Result<Dictionary<'a>, Malformed> {
        let mut dictionary = Dictionary::new();
        while !self.ends()? {
            if !matches!(self.rest, [b'0'..=b'9', ..]) {
                return Err(Malformed::Key);
            }
            let key = self.text()?;
            dictionary.push_bytes(Cow::Borrowed(key), self.value(depth + 1)?);
        }
        Ok(dictionary)
    }

    /// Takes the end of a list or dictionary off, if it is here.
    fn ends(&mut self) -> Result<bool, Malformed> {
        match self.rest {
            [b'e', rest @ ..] => {
                self.rest = rest;
                Ok(true)
            }
            [] => Err(Malformed::Truncated),
            _ => Ok(false),
        }
    }

    fn text(&mut self) -> Result<&'a [u8], Malformed> {
        let digits = self.until(b':')?;
        let length =
            number(digits).and_then(|length| usize::try_from(length).ok()).ok_or(Malformed::Number)?;
        let (text, rest) = self.rest.split_at_checked(length).ok_or(Malformed::Truncated)?;
        self.rest = rest;
        Ok(text)
    }

    fn integer(&mut self) -> Result<i64, Malformed> {
        let text = self.until(b'e')?;
        let negative = text.strip_prefix(b"-");
        match (number(negative.unwrap_or(text)), negative) {
            // There is no -0.
            (Some(0), Some(_)) | (None, _) => Err(Malformed::Number),
            (Some(value), None) => i64::try_from(value).map_err(|_| Malformed::Number),
            (Some(value), Some(_)) => 0_i64.checked_sub_unsigned(value).ok_or(Malformed::Number),
        }
    }

    /// What stands before the next `end`, which is taken off too. Numbers are short: what is longer is none.
    fn until(&mut self, end: u8) -> Result<&'a [u8], Malformed> {
        let window = &self.rest[..self.rest.len().min(21)];
        let Some(length) = window.iter().position(|byte| *byte == end) else {
            return Err(if window.len() < 21 { Malformed::Truncated } else { Malformed::Number });
        };
        let text = &self.rest[..length];
        self.rest = &self.rest[length + 1..];
        Ok(text)
    }
}

/// Decimal digits, no zero in front.
fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || (digits.len() > 1 && digits[0] == b'0') {
        return None;
    }
    digits.iter().try_fold(0_u64, |value, byte| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        value.checked_mul(10)?.checked_add(digit)
    })
}

#[cfg(test)]
mod tests;

//! Parameters: `;name`, `;name=value`, `;name="quoted value"`, white space allowed around every mark.

use crate::header::scan::{quoted_end, trim};

/// The parameters behind a value, read when asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Params<'a> {
    text: &'a str,
}

/// One parameter, as written but for white space at the ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Param<'a> {
    /// Its name, as written.
    pub name: &'a str,
    /// Its value, with the quotes of a quoted string; `None` for a flag such as `;lr`.
    pub value: Option<&'a str>,
}

impl<'a> Params<'a> {
    /// Parameters in `text`, which is empty or begins with a semicolon.
    pub(crate) fn new(text: &'a str) -> Params<'a> {
        Params { text }
    }

    /// The parameters as written, first semicolon included; may be empty.
    pub fn as_str(&self) -> &'a str {
        self.text
    }

    /// All parameters in their order. Empty ones (`;;`) are skipped.
    pub fn iter(&self) -> impl Iterator<Item = Param<'a>> + use<'a> {
        let mut rest = self.text;
        std::iter::from_fn(move || {
            loop {
                rest = trim(rest).strip_prefix(';').unwrap_or(rest);
                if rest.is_empty() {
                    return None;
                }
                let (one, tail) = rest.split_at(param_end(rest.as_bytes()));
                rest = tail;
                if !trim(one).is_empty() {
                    return Some(Param::parse(one));
                }
            }
        })
    }

    /// The first parameter of that name, names compared without case: `None` when absent, `Some(None)` for a flag.
    pub fn find(&self, name: &str) -> Option<Option<&'a str>> {
        self.iter().find(|param| param.name.eq_ignore_ascii_case(name)).map(|param| param.value)
    }
}

impl<'a> Param<'a> {
    fn parse(text: &'a str) -> Param<'a> {
        match text.split_once('=') {
            Some((name, value)) => Param { name: trim(name), value: Some(trim(value)) },
            None => Param { name: trim(text), value: None },
        }
    }
}

/// Where the parameter at the start of `bytes` ends: at the next semicolon outside quotes.
fn param_end(bytes: &[u8]) -> usize {
    let mut at = 0;
    while let Some(hit) = memchr::memchr2(b';', b'"', &bytes[at..]) {
        at += hit;
        if bytes[at] == b';' {
            return at;
        }
        at = quoted_end(bytes, at);
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::Params;

    #[test]
    fn white_space_quotes_and_flags() {
        let params = Params::new("; tag  = 19 ;lr;;x=\"a;\\\"b\"\r\n ; y =");
        let all: Vec<_> = params.iter().map(|param| (param.name, param.value)).collect();
        assert_eq!(all, [("tag", Some("19")), ("lr", None), ("x", Some("\"a;\\\"b\"")), ("y", Some(""))]);
        assert_eq!(params.find("TAG"), Some(Some("19")));
        assert_eq!(params.find("lr"), Some(None));
        assert_eq!(params.find("ttl"), None);
    }

    #[test]
    fn nothing_is_no_parameter() {
        assert_eq!(Params::new("").iter().count(), 0);
        assert_eq!(Params::new(" ; ;").iter().count(), 0);
    }
}

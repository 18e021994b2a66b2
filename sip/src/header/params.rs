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
                let text = trim(rest);
                if text.is_empty() {
                    return None;
                }
                let text = text.strip_prefix(';').unwrap_or(text);
                let (equals, end) = marks(text.as_bytes());
                rest = &text[end..];
                let name = trim(&text[..equals.unwrap_or(end)]);
                let value = equals.map(|equals| trim(&text[equals + 1..end]));
                if !name.is_empty() || value.is_some() {
                    return Some(Param { name, value });
                }
            }
        })
    }

    /// The first parameter of that name, names compared without case: `None` when absent, `Some(None)` for a flag.
    pub fn find(&self, name: &str) -> Option<Option<&'a str>> {
        self.iter().find(|param| param.name.eq_ignore_ascii_case(name)).map(|param| param.value)
    }
}

/// Where the parameter at the start of `bytes` has its equals sign, and where it ends: at the next semicolon outside
/// quotes.
fn marks(bytes: &[u8]) -> (Option<usize>, usize) {
    let name_end = bytes.iter().position(|byte| matches!(byte, b'=' | b';' | b'"')).unwrap_or(bytes.len());
    let equals = (bytes.get(name_end) == Some(&b'=')).then_some(name_end);
    let mut at = name_end;
    while let Some(hit) = memchr::memchr2(b';', b'"', &bytes[at..]) {
        at += hit;
        if bytes[at] == b';' {
            return (equals, at);
        }
        at = quoted_end(bytes, at);
    }
    (equals, bytes.len())
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

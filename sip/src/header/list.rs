//! The elements of a comma-separated header line: a comma inside quotes or angle brackets separates nothing
//! (RFC 3261 §7.3.1).

use crate::header::scan::{quoted_end, trim_bytes};

/// Iterates over the elements of one line, each without white space at its ends; empty elements are skipped.
#[derive(Clone, Debug)]
pub(crate) struct Elements<'a> {
    rest: &'a [u8],
}

impl<'a> Elements<'a> {
    /// The elements of `line`.
    pub(crate) fn new(line: &'a [u8]) -> Elements<'a> {
        Elements { rest: line }
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        while !self.rest.is_empty() {
            let end = element_end(self.rest);
            let element = trim_bytes(&self.rest[..end]);
            self.rest = self.rest.get(end + 1..).unwrap_or_default();
            if !element.is_empty() {
                return Some(element);
            }
        }
        None
    }
}

/// The position of the comma that ends the first element, or the end of `line`.
fn element_end(line: &[u8]) -> usize {
    let mut at = 0;
    while let Some(hit) = memchr::memchr3(b',', b'"', b'<', &line[at..]) {
        at += hit;
        match line[at] {
            b',' => return at,
            b'"' => at = quoted_end(line, at),
            _ => match memchr::memchr(b'>', &line[at..]) {
                Some(close) => at += close + 1,
                None => return line.len(),
            },
        }
    }
    line.len()
}

#[cfg(test)]
mod tests {
    use super::Elements;
    use proptest::prelude::*;

    fn split(line: &str) -> Vec<&str> {
        Elements::new(line.as_bytes()).map(|element| std::str::from_utf8(element).unwrap()).collect()
    }

    #[test]
    fn commas_in_quotes_and_brackets_separate_nothing() {
        assert_eq!(split("a, b ,c"), ["a", "b", "c"]);
        assert_eq!(
            split("\"x, \\\" y\" <sip:a,b@h>;p=\"1,2\",\r\n <sip:c>"),
            ["\"x, \\\" y\" <sip:a,b@h>;p=\"1,2\"", "<sip:c>"]
        );
        assert_eq!(split(" , ,"), [""; 0]);
        assert_eq!(split("<sip:a, b"), ["<sip:a, b"]);
        assert_eq!(split("\"a, b"), ["\"a, b"]);
    }

    proptest! {
        #[test]
        fn joined_elements_come_apart_again(
            elements in prop::collection::vec("[a-z0-9;=]{1,12}|\"[a-z, <;]{0,8}\"|<sip:[a-z,;\"]{1,9}>;q", 1..9),
            glue in prop::sample::select(vec![",", ", ", " ,\t", ",\r\n  "]),
        ) {
            let line = elements.join(glue);
            prop_assert_eq!(split(&line), elements);
        }
    }
}

//! Patterns over region names: `*` stands for any run of characters, `?` for one.

use std::fmt;

/// A pattern for region names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Glob(String);

impl Glob {
    /// A pattern of `a-z`, `0-9`, `-`, `*` and `?`; `None` for any other text, and for none at all.
    pub(crate) fn new(pattern: &str) -> Option<Self> {
        let legal = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-*?".contains(&b);
        ((1..=crate::ids::NAME_LEN_MAX).contains(&pattern.len()) && pattern.bytes().all(legal))
            .then(|| Self(pattern.to_owned()))
    }

    /// The pattern that matches every region.
    pub(crate) fn any() -> Self {
        Self("*".to_owned())
    }

    /// Whether it is the name of one region.
    pub(crate) fn is_literal(&self) -> bool {
        !self.0.contains(['*', '?'])
    }

    /// Whether it is known to mean every region that another pattern means.
    pub(crate) fn covers(&self, other: &str) -> bool {
        // A star stands for whatever wildcards the other has; anything finer than that is not looked at.
        self.0 == "*" || self.0 == other || (!other.contains(['*', '?']) && self.matches(other))
    }

    /// Whether the whole name fits the pattern.
    pub(crate) fn matches(&self, name: &str) -> bool {
        let (pattern, name) = (self.0.as_bytes(), name.as_bytes());
        let (mut p, mut n) = (0, 0);
        // Where to go on when what follows the last star does not fit: the star then takes one more.
        let mut retry: Option<(usize, usize)> = None;
        while n < name.len() {
            match (pattern.get(p), retry) {
                (Some(b'*'), _) => {
                    retry = Some((p + 1, n));
                    p += 1;
                }
                (Some(b'?'), _) => (p, n) = (p + 1, n + 1),
                (Some(c), _) if *c == name[n] => (p, n) = (p + 1, n + 1),
                (_, Some((star, taken))) => {
                    retry = Some((star, taken + 1));
                    (p, n) = (star, taken + 1);
                }
                (_, None) => return false,
            }
        }
        pattern[p..].iter().all(|c| *c == b'*')
    }
}

impl fmt::Display for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        let table = [
            ("*", "us-west-2", true),
            ("us-*", "us-west-2", true),
            ("us-west-?", "us-west-2", true),
            ("us-west-?", "us-west-12", false),
            ("us-west-2", "us-west-2", true),
            ("us-west-2", "us-west-21", false),
            ("*-2", "us-west-2", true),
            ("*-2", "us-west-21", false),
            ("*west*2", "us-west-22", true),
            ("*a*b", "aab", true),
            ("*a*b", "aba", false),
            ("eu-*", "us-west-2", false),
        ];
        for (pattern, name, fits) in table {
            assert_eq!(Glob::new(pattern).unwrap().matches(name), fits, "{pattern} {name}");
        }
        for bad in ["", "us_*", "US", "[a-z]"] {
            assert_eq!(Glob::new(bad), None);
        }
    }
}

//! The way that calls must go.

use std::fmt;

use serde::Deserialize;

use crate::pair::Pair;

/// The relays that new calls must cross; none means direct. Written `direct`, `via us-east-2` or `via A, B`, with the
/// relays in the order of the first direction. `any`: they may go as they like, as copies of INVITEs do over links that lose.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Expectation {
    relays: Option<Vec<String>>,
}

impl Expectation {
    /// The relays, in the order of the first direction.
    pub(super) fn relays(&self) -> &[String] {
        self.relays.as_deref().unwrap_or_default()
    }

    /// The full path of a direction; `back` is the second one. `None`: any will do.
    pub(crate) fn path(&self, pair: &Pair, back: bool) -> Option<Vec<String>> {
        let mut relays = self.relays.clone()?;
        if back {
            relays.reverse();
        }
        Some([vec![pair.from.clone()], relays, vec![pair.to.clone()]].concat())
    }
}

impl TryFrom<String> for Expectation {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.as_str() {
            "any" => return Ok(Self { relays: None }),
            "direct" => return Ok(Self { relays: Some(Vec::new()) }),
            _ => {}
        }
        let relays: Option<Vec<String>> = text
            .strip_prefix("via ")
            .map(|list| list.split(',').map(|relay| relay.trim().to_owned()).collect());
        relays
            .filter(|relays| relays.len() <= 2 && relays.iter().all(|relay| !relay.is_empty()))
            .map(|relays| Self { relays: Some(relays) })
            .ok_or_else(|| {
                format!(
                    "expect = \"{text}\": \"direct\" or \"via REGION\" (at most two) is possible, or \"any\""
                )
            })
    }
}

impl fmt::Display for Expectation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.relays.as_deref() {
            None => f.write_str("any"),
            Some([]) => f.write_str("direct"),
            Some(relays) => write!(f, "via {}", relays.join(", ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expectation_gives_the_path_of_each_direction() {
        let expectation = Expectation::try_from("via a, b".to_owned()).unwrap();
        let there = Pair::new("west", "east");
        let path = |pair, back| expectation.path(pair, back).unwrap();
        assert_eq!(path(&there, false), ["west", "a", "b", "east"]);
        assert_eq!(path(&there.reversed(), true), ["east", "b", "a", "west"]);
        assert_eq!(Expectation::try_from("any".to_owned()).unwrap().path(&there, false), None);
        assert_eq!(expectation.to_string(), "via a, b");
        assert!(Expectation::try_from("via ".to_owned()).is_err());
        assert!(Expectation::try_from("via a, b, c".to_owned()).is_err());
    }
}

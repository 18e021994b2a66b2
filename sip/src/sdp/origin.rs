//! The `o=` line (RFC 8866 §5.2): who made the session, and which version of its description this is.

/// The parts of the `o=` line, as written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin<'a> {
    /// The user; `-` for none. Some phones put several words here, though the grammar forbids it.
    pub username: &'a str,
    /// The number of the session.
    pub session: &'a str,
    /// The version of the description: greater whenever something changes (RFC 3264 §8).
    pub version: &'a str,
    /// Network type, address type and address: `IN IP4 192.0.2.1`.
    pub address: &'a str,
}

impl<'a> Origin<'a> {
    /// Reads the value from its end, so that a user of several words does no harm.
    pub(super) fn parse(value: &'a str) -> Option<Origin<'a>> {
        let value = value.trim_ascii();
        let mut cuts = value.rmatch_indices(' ').map(|(at, _)| at);
        let (_, _, net) = (cuts.next()?, cuts.next()?, cuts.next()?);
        let (version, session) = (cuts.next()?, cuts.next()?);
        let origin = Origin {
            username: &value[..session],
            session: &value[session + 1..version],
            version: &value[version + 1..net],
            address: &value[net + 1..],
        };
        let words = value.split(' ').all(|word| !word.is_empty());
        words.then_some(origin)
    }
}

#[cfg(test)]
mod tests {
    use super::Origin;

    #[test]
    fn six_parts_the_first_of_any_number_of_words() {
        for user in ["-", "alice", "Alice from Sales"] {
            let text = format!("{user} 2890844526 2890842807 IN IP4 10.47.16.5");
            let origin = Origin::parse(&text).unwrap();
            let parts = (origin.username, origin.session, origin.version, origin.address);
            assert_eq!(parts, (user, "2890844526", "2890842807", "IN IP4 10.47.16.5"));
        }
        for text in ["", "- 1 1 IN IP4", "1 1 IN IP4 10.0.0.1", "-  1 1 IN IP4 10.0.0.1"] {
            assert_eq!(Origin::parse(text), None, "{text:?}");
        }
    }
}

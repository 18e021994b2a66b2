//! The dial plan: which region a number or a domain lives in, and where that region delivers it.

use super::question::Host;
use ringway_router::Region;
use ringway_sip::{Peer, Uri};

/// One line of the dial plan.
#[derive(Debug, Clone)]
pub struct Entry {
    /// What it matches.
    pub matches: Match,
    /// The region that delivers it.
    pub region: Region,
    /// The edge elements of that region, in order: the next is tried when one does not answer.
    pub next: Vec<Next>,
}

/// Where an edge element is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// There.
    At(Peer),
    /// Where DNS says.
    Named(Host),
}

/// What a dial plan entry matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Match {
    /// The beginning of the user part, when the mesh answers for the host.
    Prefix(String),
    /// The whole host, whoever the user is.
    Domain(String),
}

/// All entries; the same on every node.
#[derive(Debug, Clone, Default)]
pub struct DialPlan {
    entries: Vec<Entry>,
}

impl DialPlan {
    /// A plan of `entries`; their order decides between equals.
    #[must_use]
    pub fn new(entries: Vec<Entry>) -> Self {
        Self { entries }
    }

    /// The entries that match best: those of the domain, else those of the longest prefix (only when `ours`: the
    /// mesh answers for the URI's host). Several entries are several candidate regions.
    pub fn candidates<'a>(&'a self, uri: &Uri<'_>, ours: bool) -> impl Iterator<Item = &'a Entry> + use<'a> {
        let domain = self.best(|entry| match &entry.matches {
            Match::Domain(domain) if domain.eq_ignore_ascii_case(uri.host) => Some(0),
            Match::Domain(_) | Match::Prefix(_) => None,
        });
        let best = domain.or_else(|| {
            let user = uri.user.filter(|_| ours)?;
            self.best(|entry| match &entry.matches {
                Match::Prefix(prefix) if user.starts_with(prefix.as_str()) => Some(prefix.len()),
                Match::Domain(_) | Match::Prefix(_) => None,
            })
        });
        self.entries.iter().filter(move |entry| Some(&entry.matches) == best)
    }

    /// What the entry of the highest rank matches; of equals, the first.
    fn best(&self, rank: impl Fn(&Entry) -> Option<usize>) -> Option<&Match> {
        let mut best: Option<(usize, &Match)> = None;
        for entry in &self.entries {
            if let Some(rank) = rank(entry)
                && best.is_none_or(|(highest, _)| rank > highest)
            {
                best = Some((rank, &entry.matches));
            }
        }
        best.map(|(_, matches)| matches)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(matches: Match, region: &str) -> Entry {
        Entry { matches, region: Region::try_from(region).unwrap(), next: Vec::new() }
    }

    #[test]
    fn the_domain_wins_then_the_longest_prefix() {
        let prefix = |text: &str| Match::Prefix(text.into());
        let plan = DialPlan::new(vec![
            entry(prefix("+1"), "us-west-2"),
            entry(prefix("+1703"), "us-east-1"),
            entry(prefix("+1703"), "us-east-2"),
            entry(Match::Domain("pbx.example".into()), "eu-west-1"),
        ]);
        let cases: [(&str, bool, &[&str]); 6] = [
            ("sip:+17035550100@m.example", true, &["us-east-1", "us-east-2"]),
            ("sip:+12065550100@m.example", true, &["us-west-2"]),
            ("sip:+442075550100@m.example", true, &[]),
            ("sip:+17035550100@PBX.example", false, &["eu-west-1"]),
            ("sip:+17035550100@elsewhere.example", false, &[]),
            ("sip:m.example", true, &[]),
        ];
        for (uri, ours, want) in cases {
            let uri = Uri::parse(uri).unwrap();
            let got: Vec<_> = plan.candidates(&uri, ours).map(|entry| entry.region.to_string()).collect();
            assert_eq!(got, want, "{uri:?}");
        }
    }
}

//! All links the router has heard of: which report is news, which node has fallen silent.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use serde::{Deserialize, Serialize};

use crate::{
    Cause, HopCounts, LaneReport, NodeId, Reading, RefusedReport, Region, Report, Settings, Time,
    link::{Link, Remarks, Standing},
    pairs,
    vote::Vote,
};

/// A link or a node that was silent for this many expiry times is forgotten, so that memory stays bounded.
const FORGET_EXPIRIES: u32 = 12;
/// The most links that are remembered: those of 128 regions. Links beyond are not heard.
const KNOWN_MAX: usize = 128 * 128;

/// A link as an operator sees it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LinkState {
    /// Where it starts.
    pub from: Region,
    /// Where it leads.
    pub to: Region,
    /// Whether routes may use it: it answers, and has done so for long enough.
    pub up: bool,
    /// `up`, `recovering`, `down`, or `silent`: nobody reports it any more.
    pub standing: &'static str,
    /// One way, 95th percentile: half the round trip.
    pub delay_ms: f64,
    /// Median round trip.
    pub rtt_ms: f64,
    /// Interarrival jitter (RFC 3550 §6.4.1).
    pub jitter_ms: f64,
    /// Loss as the router takes it now, 0 to 1.
    pub loss: f64,
    /// Loss, falling slowly, 0 to 1.
    pub loss_smoothed: f64,
    /// The lane that traffic should take.
    pub lane: u8,
    /// Every lane that is measured.
    pub lanes: Vec<LaneReport>,
    /// What is taken to be wrong. Only what is the path's fault shows in delay and loss, and moves routes.
    pub cause: Cause,
    /// SIP over this link since its reporters started.
    pub sip: HopCounts,
    /// SIP over this link in the last report of each.
    pub sip_recent: HopCounts,
    /// How many nodes where it starts report it.
    pub reporters: usize,
    /// How many nodes at both of its ends have a vote on it.
    pub votes: usize,
    /// How long ago the last of them was heard.
    pub age: Duration,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Links {
    #[serde(with = "pairs")]
    links: BTreeMap<(Region, Region), Link>,
    #[serde(with = "pairs")]
    origins: BTreeMap<NodeId, Origin>,
    /// Links that are not what they were, for [`take_touched`](Self::take_touched).
    #[serde(skip)]
    touched: BTreeSet<(Region, Region)>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Origin {
    incarnation: u64,
    sequence: u64,
    at: Time,
    /// Where the links lead that it votes on. Empty once it has fallen silent.
    named: BTreeSet<Region>,
}

impl Links {
    /// Takes in a report.
    ///
    /// # Errors
    /// When it is not news, or cannot be true. Then nothing of it is used.
    pub(crate) fn handle(
        &mut self,
        now: Time,
        report: &Report,
        settings: &Settings,
    ) -> Result<(), RefusedReport> {
        let Report { origin, incarnation, sequence, full, links } = report;
        if let Some(last) = self.origins.get(origin)
            && (*incarnation, *sequence) <= (last.incarnation, last.sequence)
        {
            return Err(RefusedReport::Stale {
                incarnation: *incarnation,
                sequence: *sequence,
                last_incarnation: last.incarnation,
                last_sequence: last.sequence,
            });
        }
        report.check()?;
        let before = self.origins.remove(origin).map(|last| last.named).unwrap_or_default();
        let mut named: BTreeSet<Region> = links.iter().map(|link| link.to.clone()).collect();
        if *full {
            for to in before.difference(&named) {
                self.withdraw(now, origin, to, now, settings.hold);
            }
        } else {
            named.extend(before);
        }
        for link in links {
            let home = &origin.region;
            let there = |before: Option<&Vote>| Vote::there(*incarnation, link, before);
            self.vote(now, origin, (home, &link.to), there, settings.hold);
            self.vote(
                now,
                origin,
                (&link.to, home),
                |before| Vote::back(*incarnation, link, before),
                settings.hold,
            );
        }
        let last = Origin { incarnation: *incarnation, sequence: *sequence, at: now, named };
        self.origins.insert(origin.clone(), last);
        Ok(())
    }

    /// Lets time pass: silence, the end of holds, figures that settle.
    pub(crate) fn advance(&mut self, now: Time, settings: &Settings) {
        let forget = settings.report_expiry.saturating_mul(FORGET_EXPIRIES);
        let silent = |origin: &Origin| !origin.named.is_empty() && now >= origin.at + settings.report_expiry;
        let fallen: Vec<NodeId> =
            self.origins.iter().filter(|(_, origin)| silent(origin)).map(|(node, _)| node.clone()).collect();
        for node in fallen {
            let Some(origin) = self.origins.get_mut(&node) else { continue };
            let (at, named) = (origin.at, std::mem::take(&mut origin.named));
            for to in named {
                self.withdraw(now, &node, &to, at, settings.hold);
            }
        }
        self.origins.retain(|_, origin| now < origin.at + forget);
        let mut forgotten = Vec::new();
        for (ends, link) in &mut self.links {
            if link.deadline().is_some_and(|deadline| now >= deadline) {
                link.advance(now, settings.hold);
                self.touched.insert(ends.clone());
            }
            if link.voters().1 == 0 && now >= link.heard_at + forget {
                forgotten.push(ends.clone());
            }
        }
        for ends in forgotten {
            self.links.remove(&ends);
            self.touched.insert(ends);
        }
    }

    /// When [`advance`](Self::advance) will change a link.
    pub(crate) fn deadline(&self, settings: &Settings) -> Option<Time> {
        let speaking = self.origins.values().filter(|origin| !origin.named.is_empty());
        let silence = speaking.map(|origin| origin.at + settings.report_expiry);
        silence.chain(self.links.values().filter_map(Link::deadline)).min()
    }

    /// The links that have been touched since they were last asked for.
    pub(crate) fn take_touched(&mut self) -> BTreeSet<(Region, Region)> {
        std::mem::take(&mut self.touched)
    }

    /// Whether trouble has begun on this link since this was last asked.
    pub(crate) fn take_trouble(&mut self, ends: &(Region, Region)) -> bool {
        self.links.get_mut(ends).is_some_and(|link| std::mem::take(&mut link.trouble_began))
    }

    pub(crate) fn link(&self, ends: &(Region, Region)) -> Option<&Link> {
        self.links.get(ends)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Region, &Region, &Link)> {
        self.links.iter().map(|((from, to), link)| (from, to, link))
    }

    /// The links for the history, in order.
    pub(crate) fn readings(&self) -> impl Iterator<Item = (&Region, &Region, Reading)> + Clone {
        self.links.iter().map(|((from, to), link)| (from, to, Reading::of(link)))
    }

    /// The links for people.
    pub(crate) fn states(&self, now: Time) -> Vec<LinkState> {
        self.iter().map(|(from, to, link)| self.state(from, to, link, now)).collect()
    }

    fn vote(
        &mut self,
        now: Time,
        node: &NodeId,
        ends: (&Region, &Region),
        vote: impl FnOnce(Option<&Vote>) -> Vote,
        hold: Duration,
    ) {
        let ends = (ends.0.clone(), ends.1.clone());
        if !self.links.contains_key(&ends) {
            if self.links.len() >= KNOWN_MAX {
                return;
            }
            self.links.insert(ends.clone(), Link::new(now));
        }
        if let Some(link) = self.links.get_mut(&ends) {
            let vote = vote(link.vote_of(node));
            link.handle(now, node, vote, hold);
            self.touched.insert(ends);
        }
    }

    /// Takes the votes of a node on a link and its way back.
    fn withdraw(&mut self, now: Time, node: &NodeId, to: &Region, heard_at: Time, hold: Duration) {
        let home = &node.region;
        for ends in [(home.clone(), to.clone()), (to.clone(), home.clone())] {
            if let Some(link) = self.links.get_mut(&ends) {
                link.withdraw(now, node, heard_at, hold);
                self.touched.insert(ends);
            }
        }
    }

    fn state(&self, from: &Region, to: &Region, link: &Link, now: Time) -> LinkState {
        let (sip, sip_recent) = link.sip();
        let Remarks { lane, lanes, cause } = link.remarks();
        let (reporters, votes) = link.voters();
        let heard = link.nodes().filter_map(|node| self.origins.get(node)).map(|origin| origin.at);
        LinkState {
            from: from.clone(),
            to: to.clone(),
            up: link.standing == Standing::Up,
            standing: match link.standing {
                Standing::Up => "up",
                Standing::Recovering { .. } => "recovering",
                Standing::Down { silent: false } => "down",
                Standing::Down { silent: true } | Standing::Unknown => "silent",
            },
            delay_ms: link.now.delay_ms,
            rtt_ms: link.rtt_ms(),
            jitter_ms: link.now.jitter_ms,
            loss: link.now.loss,
            loss_smoothed: link.smoothed.loss,
            lane,
            lanes,
            cause,
            sip,
            sip_recent,
            reporters,
            votes,
            age: now.since(heard.max().unwrap_or(link.heard_at)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::LinkReport;

    fn report(incarnation: u64, sequence: u64, to: &[&str]) -> Report {
        let link = |to: &&str| LinkReport::clean(to.parse().unwrap(), 60.0);
        let origin = NodeId { region: "a".parse().unwrap(), node: "a-1".parse().unwrap() };
        Report { origin, incarnation, sequence, full: true, links: to.iter().map(link).collect() }
    }

    #[test]
    fn only_news_is_taken() {
        let (mut links, settings) = (Links::default(), Settings::default());
        let mut label = |incarnation, sequence| {
            let heard = links.handle(Time::default(), &report(incarnation, sequence, &["b"]), &settings);
            heard.map_or_else(|why| why.label(), |()| "taken")
        };
        let table = [
            (5, 3, "taken"),
            (5, 3, "stale"),
            (5, 2, "stale"),
            (5, 9, "taken"),
            (4, 99, "stale"),
            (6, 1, "taken"),
        ];
        for (incarnation, sequence, then) in table {
            assert_eq!(label(incarnation, sequence), then, "{incarnation}/{sequence}");
        }
    }

    #[test]
    fn of_a_refused_report_nothing_is_used_and_its_number_stays_free() {
        let (mut links, settings) = (Links::default(), Settings::default());
        let mut bad = report(1, 1, &["b", "c"]);
        bad.links[1].rtt_ms = f64::NAN;
        assert!(links.handle(Time::default(), &bad, &settings).is_err());
        assert_eq!(links.states(Time::default()), []);
        assert_eq!(links.handle(Time::default(), &report(1, 1, &["b", "c"]), &settings), Ok(()));
        assert_eq!(links.states(Time::default()).len(), 4, "two links and their ways back");
    }

    #[test]
    fn what_is_silent_is_shown_as_silent_and_forgotten_after_a_minute() {
        let (mut links, settings) = (Links::default(), Settings::default());
        links.handle(Time::default(), &report(1, 1, &["b"]), &settings).unwrap();
        let mut seen = Vec::new();
        for second in [4, 5, 59, 60] {
            let now = Time::from_millis(second * 1_000);
            links.advance(now, &settings);
            seen.push(links.states(now).first().map(|link| link.standing));
        }
        assert_eq!(seen, [Some("up"), Some("silent"), Some("silent"), None]);
    }

    #[test]
    fn what_a_full_report_does_not_name_is_withdrawn_and_a_partial_one_leaves_it() {
        let (mut links, settings) = (Links::default(), Settings::default());
        let standing = |links: &Links, to: &str| {
            let states = links.states(Time::default());
            states.iter().find(|link| link.to.as_str() == to).map(|link| (link.standing, link.votes))
        };
        links.handle(Time::default(), &report(1, 1, &["b", "c"]), &settings).unwrap();
        let partial = Report { full: false, ..report(1, 2, &["b"]) };
        links.handle(Time::default(), &partial, &settings).unwrap();
        assert_eq!(standing(&links, "c"), Some(("up", 1)));
        links.handle(Time::default(), &report(1, 3, &["b"]), &settings).unwrap();
        assert_eq!(standing(&links, "b"), Some(("up", 1)));
        assert_eq!(standing(&links, "c"), Some(("silent", 0)));
    }

    #[test]
    fn a_report_without_news_keeps_all_links_of_its_origin() {
        let (mut links, settings) = (Links::default(), Settings::default());
        links.handle(Time::default(), &report(1, 1, &["b"]), &settings).unwrap();
        for second in 1..20 {
            let now = Time::from_millis(second * 1_000);
            let nothing_new = Report { full: false, links: vec![], ..report(1, 1 + second, &[]) };
            links.handle(now, &nothing_new, &settings).unwrap();
            links.advance(now, &settings);
        }
        let state = &links.states(Time::from_millis(20_000))[0];
        assert_eq!((state.standing, state.age), ("up", Duration::from_secs(1)));
    }

    #[test]
    fn no_flood_of_regions_grows_the_memory_without_bound() {
        let (mut links, settings) = (Links::default(), Settings::default());
        for i in 0..20 {
            let many = (0..1_000).map(|j| LinkReport::clean(format!("x{i}-{j}").parse().unwrap(), 1.0));
            let flood = Report { links: many.collect(), ..report(1, i, &[]) };
            let origin = NodeId { node: format!("n{i}").parse().unwrap(), ..flood.origin.clone() };
            links.handle(Time::default(), &Report { origin, ..flood }, &settings).unwrap();
        }
        assert_eq!(links.states(Time::default()).len(), KNOWN_MAX);
    }
}

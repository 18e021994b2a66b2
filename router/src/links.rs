//! All links the router has heard of: which report is news, which node has fallen silent.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{
    HopCounts, NodeId, Reading, RefusedReport, Region, Report, Settings, Time,
    link::{Link, Standing},
    pairs,
};

/// A link or a node that was silent for this many expiry times is forgotten, so that memory stays bounded.
const FORGET_EXPIRIES: u32 = 12;

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
    /// SIP over this link since its reporters started.
    pub sip: HopCounts,
    /// SIP over this link in the last report of each.
    pub sip_recent: HopCounts,
    /// How many nodes report it.
    pub reporters: usize,
    /// How long ago the last of them did.
    pub age: Duration,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Links {
    #[serde(with = "pairs")]
    links: BTreeMap<(Region, Region), Link>,
    #[serde(with = "pairs")]
    origins: BTreeMap<NodeId, Origin>,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Origin {
    incarnation: u64,
    sequence: u64,
    at: Time,
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
        let last = Origin { incarnation: *incarnation, sequence: *sequence, at: now };
        self.origins.insert(origin.clone(), last);
        for link in links {
            self.links
                .entry((origin.region.clone(), link.to.clone()))
                .or_insert_with(|| Link::new(now))
                .handle(now, &origin.node, *incarnation, link, settings.hold);
        }
        if *full {
            let of_region = self.links.iter_mut().filter(|((from, _), _)| *from == origin.region);
            for ((_, to), link) in of_region {
                if !links.iter().any(|named| named.to == *to) {
                    link.withdraw(now, &origin.node, settings.hold);
                }
            }
        }
        Ok(())
    }

    /// Lets time pass: silence, the end of holds.
    pub(crate) fn advance(&mut self, now: Time, settings: &Settings) {
        let forget = settings.report_expiry.saturating_mul(FORGET_EXPIRIES);
        self.links.retain(|_, link| now < link.heard_at + forget);
        self.origins.retain(|_, origin| now < origin.at + forget);
        for link in self.links.values_mut() {
            link.advance(now, settings.report_expiry, settings.hold);
        }
    }

    /// When [`advance`](Self::advance) will change a link.
    pub(crate) fn deadline(&self, settings: &Settings) -> Option<Time> {
        self.links.values().filter_map(|link| link.deadline(settings.report_expiry)).min()
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
        self.iter().map(|(from, to, link)| state(from, to, link, now)).collect()
    }
}

fn state(from: &Region, to: &Region, link: &Link, now: Time) -> LinkState {
    let (sip, sip_recent) = link.sip();
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
        sip,
        sip_recent,
        reporters: link.reporters(),
        age: now.since(link.heard_at),
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
        assert_eq!(links.states(Time::default()).len(), 2);
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
}

//! What frames showed of links, region by region: for the measurement, so that loaded links need next to no probes.

use super::ingress::Ingress;
use crate::core::{
    Lane,
    tunnel::{Opener, Sealer, Table},
};
use ringway_router::{Region, Time};
use std::{collections::BTreeMap, time::Duration};

/// One lane between the own region and another one, since the last time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkCount {
    /// The other end.
    pub region: Region,
    /// Which lane.
    pub lane: Lane,
    /// Frames that were sent.
    pub sent: u64,
    /// Frames that did not arrive there, as far as the other end spoke of them.
    pub sent_lost: u64,
    /// How many separate gaps those make.
    pub sent_gaps: u64,
    /// Frames that came.
    pub received: u64,
    /// Frames that did not.
    pub received_lost: u64,
    /// How many separate gaps those make.
    pub gaps: u64,
    /// The round trip of the direct path, the shortest of those known.
    pub rtt: Option<Duration>,
}

pub(super) fn take(
    now: Time,
    table: &Table,
    (opener, sealer): (&mut Opener, &mut Sealer),
    ingress: &mut Ingress,
) -> Vec<LinkCount> {
    let regions: BTreeMap<_, _> = table.known().map(|slot| (slot.id, slot.region.clone())).collect();
    let mut links: BTreeMap<(Region, u8), LinkCount> = BTreeMap::new();
    let mut add = |relay, lane: Lane, count: &dyn Fn(&mut LinkCount)| {
        let Some(region) = regions.get(&relay) else { return };
        let link = links.entry((region.clone(), lane.0)).or_insert_with(|| LinkCount::new(region, lane));
        count(link);
    };
    for came in opener.take(now) {
        add(came.relay, came.lane, &|link| {
            link.received += came.received;
            link.received_lost += came.lost;
            link.gaps += came.gaps;
        });
    }
    for sent in sealer.take() {
        add(sent.relay, sent.lane, &|link| link.sent += sent.sent);
    }
    for line in ingress.lines_mut() {
        let relay = line.end.relay;
        for shown in line.take_direct().filter(|shown| shown.lost > 0 || shown.rtt.is_some()) {
            add(relay, shown.lane, &|link| {
                link.sent_lost += shown.lost;
                link.sent_gaps += shown.gaps;
                link.rtt = link.rtt.into_iter().chain(shown.rtt).min();
            });
        }
    }
    links.into_values().collect()
}

impl LinkCount {
    /// What another worker saw of the same lane, as well.
    pub fn add(&mut self, other: &Self) {
        let Self { region: _, lane: _, sent, sent_lost, sent_gaps, received, received_lost, gaps, rtt } =
            other;
        self.sent += sent;
        self.sent_lost += sent_lost;
        self.sent_gaps += sent_gaps;
        self.received += received;
        self.received_lost += received_lost;
        self.gaps += gaps;
        self.rtt = self.rtt.into_iter().chain(*rtt).min();
    }

    fn new(region: &Region, lane: Lane) -> Self {
        let region = region.clone();
        Self {
            region,
            lane,
            sent: 0,
            sent_lost: 0,
            sent_gaps: 0,
            received: 0,
            received_lost: 0,
            gaps: 0,
            rtt: None,
        }
    }
}

//! What this node says: its own statement, made from its own measurements.

use super::Control;
use crate::mesh::{flood::Input, statement::Statement};
use ringway_node::phase::Phase;
use ringway_router::{self as router, LinkReport, Region};
use std::{collections::BTreeMap, time::Duration};

use crate::probe::session::Window;

impl Control {
    /// Says how things stand: to the router at once, and to the flood, which decides what of it the others have to know,
    /// and when.
    pub(super) fn speak(&mut self, leaving: bool) {
        self.sequence += 1;
        let statement = Statement {
            origin: self.facts.own.clone(),
            incarnation: self.handle.clock().start_unix_us(),
            sequence: self.sequence,
            zone: self.facts.zone.clone(),
            version: self.facts.version.to_owned(),
            draining: self.phase != Phase::Serving,
            leaving,
            sip_port: self.facts.sip.port(),
            probe_port: self.facts.probe.port(),
            policy_revision: self.policy.policy.revision,
            policy_digest: self.policy.policy.digest(),
            route_epoch: self.router.table().epoch,
            basis: 0,
            refresh: Duration::ZERO,
            urgent: false,
            advertise: self.facts.advertise,
            links: self.links(),
        };
        self.router.handle(self.time(), router::Input::Report(statement.report()));
        self.tell_flood(Input::Own(Box::new(statement)));
    }

    /// The last word.
    pub(super) fn leave(&mut self) {
        self.speak(true);
    }

    /// One report a region: over its nodes whose ways are up, because a dead node is not a lossy link; down when
    /// all are.
    fn links(&self) -> Vec<LinkReport> {
        let mut by_region: BTreeMap<&Region, Vec<&Window>> = BTreeMap::new();
        for (node, window) in &self.windows {
            by_region.entry(&node.region).or_default().push(window);
        }
        by_region
            .into_iter()
            .map(|(region, windows)| {
                let up: Vec<&Window> = windows.iter().copied().filter(|window| window.up).collect();
                let counted = if up.is_empty() { &windows } else { &up };
                LinkReport {
                    up: !up.is_empty(),
                    rtt_p95_ms: mean_ms(counted, |window| window.rtt_p95),
                    jitter_ms: mean_ms(counted, |window| window.jitter),
                    loss: mean(counted, |window| window.loss),
                    packets: counted.iter().map(|window| window.probes).sum(),
                    sip: self.handle.hops().of(region),
                    ..LinkReport::clean(region.clone(), mean_ms(counted, |window| window.rtt))
                }
            })
            .collect()
    }
}

fn mean_ms(windows: &[&Window], what: impl Fn(&Window) -> Duration) -> f64 {
    mean(windows, |window| what(window).as_secs_f64() * 1_000.0)
}

fn mean(windows: &[&Window], what: impl Fn(&Window) -> f64) -> f64 {
    let sum: f64 = windows.iter().map(|window| what(window)).sum();
    #[expect(clippy::cast_precision_loss, reason = "a region has few nodes")]
    let count = windows.len().max(1) as f64;
    sum / count
}

//! What the proxies of the world ask: a location directory in each region, which hear of each other's news at once, and
//! one DNS for all.

use super::place::Place;
use ringway_proxy::{
    core::{
        dial::Next,
        question::{Answer, Question, Unresolved},
    },
    location::{Limits, Sealed, Store},
};
use ringway_sip::Peer;
use std::{collections::BTreeMap, sync::Arc, time::Duration};

pub(crate) struct Library {
    stores: [Store; 4],
    /// Hosts that DNS knows.
    pub(crate) hosts: BTreeMap<String, Vec<Peer>>,
    /// It does not answer.
    pub(crate) dns_away: bool,
    /// The world's clock at the beginning, in Unix microseconds.
    epoch_unix_us: u64,
}

impl Library {
    pub(crate) fn new() -> Self {
        Self {
            stores: Place::ALL.map(|place| Store::new(place.node(), Limits::default())),
            hosts: BTreeMap::new(),
            dns_away: false,
            epoch_unix_us: 1_700_000_000_000_000,
        }
    }

    pub(crate) fn answer(&mut self, now: Duration, place: Place, question: Question) -> Answer {
        let now_unix_us = self.epoch_unix_us + u64::try_from(now.as_micros()).unwrap();
        let now_unix_ms = now_unix_us / 1_000;
        match question {
            Question::Locate(aor) => {
                let found = self.stores[place as usize].lookup(&aor, now_unix_ms);
                Answer::Located(found.into_iter().cloned().collect())
            }
            Question::Register(change) => {
                let written = self.stores[place as usize].apply(&change, now_unix_us);
                let bindings = written.map(|written| {
                    for other in Place::ALL.into_iter().filter(|other| *other != place) {
                        for record in &written {
                            // Signatures are looked at by the exchange, which is not part of this world.
                            let sealed = Arc::new(Sealed { binding: Vec::new(), signature: Vec::new() });
                            self.stores[other as usize].merge(record.clone(), sealed, now_unix_ms);
                        }
                    }
                    let live = self.stores[place as usize].lookup(&change.aor, now_unix_ms);
                    live.into_iter().filter(|binding| binding.region == place.region()).cloned().collect()
                });
                Answer::Registered { bindings, now_unix_ms }
            }
            Question::Resolve(places) => Answer::Resolved(self.resolve(&places)),
            Question::Media(_) => unreachable!("a relay answers this"),
        }
    }

    fn resolve(&self, places: &[Next]) -> Result<Vec<Peer>, Unresolved> {
        if self.dns_away {
            return Err(Unresolved::Away);
        }
        let peers = |place: &Next| match place {
            Next::At(peer) => vec![*peer],
            Next::Named(host) => self.hosts.get(&host.name).cloned().unwrap_or_default(),
        };
        let peers: Vec<Peer> = places.iter().flat_map(peers).collect();
        if peers.is_empty() { Err(Unresolved::Missing) } else { Ok(peers) }
    }
}

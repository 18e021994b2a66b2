//! A media relay as a model of a few lines: it writes its own address and ports into descriptions, line by line, and keeps
//! a list of what it was ordered and of what nobody has given back.

use super::place::Place;
use ringway_proxy::core::media::{Kind, Order, Release, Side, Unanchored};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

/// How it treats orders.
#[derive(Clone, Copy, Default)]
pub(crate) struct Habit {
    /// It answers so long after an order.
    pub(crate) delay: Duration,
    /// It does not answer at all; the shell says so after the delay.
    pub(crate) away: bool,
}

pub(crate) struct Relay {
    place: Place,
    pub(crate) habit: Habit,
    /// Every order, copies included.
    pub(crate) orders: Vec<Order>,
    pub(crate) releases: Vec<Release>,
    /// Offers, by Call-ID and branch, that have not been given back.
    offers: BTreeSet<(String, String)>,
    /// Dialogs: Call-ID, both tags in order, and the branch that they came of.
    dialogs: BTreeMap<(String, [String; 2]), String>,
    /// By what was ordered: the first port that was given for it.
    ports: BTreeMap<String, u16>,
}

impl Relay {
    pub(crate) fn new(place: Place) -> Self {
        Self {
            place,
            habit: Habit::default(),
            orders: Vec::new(),
            releases: Vec::new(),
            offers: BTreeSet::new(),
            dialogs: BTreeMap::new(),
            ports: BTreeMap::new(),
        }
    }

    /// The address in the descriptions that it writes.
    pub(crate) fn address(&self) -> String {
        format!("10.{}.2.1", self.place as u8 + 1)
    }

    /// What is still held for calls.
    pub(crate) fn held(&self) -> Vec<String> {
        let offers = self.offers.iter().map(|offer| format!("{offer:?}"));
        offers.chain(self.dialogs.keys().map(|dialog| format!("{dialog:?}"))).collect()
    }

    /// `offer edge>mesh us-east-1`: the orders of one call, in short.
    pub(crate) fn told(&self, call_id: &str) -> Vec<String> {
        let word = |side: Side| if side == Side::Edge { "edge" } else { "mesh" };
        let of_call = self.orders.iter().filter(|order| order.call_id == call_id);
        let told = of_call.map(|order| {
            let kind = if order.kind == Kind::Offer { "offer" } else { "answer" };
            let region = order.way.region.as_ref().map_or(String::new(), |region| format!(" {region}"));
            format!("{kind} {}>{}{region}", word(order.way.from), word(order.way.to))
        });
        told.collect()
    }

    pub(crate) fn take(&mut self, order: &Order) -> Result<Vec<u8>, Unanchored> {
        if self.habit.away {
            return Err(Unanchored::Away);
        }
        self.orders.push(order.clone());
        let sdp = String::from_utf8(order.sdp.to_vec()).map_err(|_| Unanchored::Malformed)?;
        let tunnels = sdp.matches("a=ringway-tunnel:1 ").count();
        let medias = sdp.lines().filter(|line| line.starts_with("m=")).count();
        if !sdp.starts_with("v=0\r\n") || (order.way.from == Side::Mesh && tunnels != medias) {
            return Err(Unanchored::Malformed);
        }
        self.enter(order);
        let next = 20_000 + u16::try_from(self.ports.len() * 10).unwrap();
        let port = *self.ports.entry(format!("{order:?}")).or_insert(next);
        Ok(self.rewrite(&sdp, order.way.to, port).into_bytes())
    }

    fn enter(&mut self, order: &Order) {
        let call_id = order.call_id.clone();
        if !order.branch.is_empty() {
            self.offers.insert((call_id.clone(), order.branch.clone()));
        }
        if !order.to_tag.is_empty() {
            let dialog = (call_id, pair(&order.from_tag, &order.to_tag));
            self.dialogs.entry(dialog).or_insert_with(|| order.branch.clone());
        }
    }

    pub(crate) fn release(&mut self, release: Release) {
        let Release { call_id, tags, branch } = &release;
        if branch.is_empty() {
            let gone = self.dialogs.remove(&(call_id.clone(), pair(&tags.0, &tags.1)));
            // With its last dialog an offer goes.
            if let Some(branch) = gone
                && !self.dialogs.iter().any(|((call, _), of)| call == call_id && *of == branch)
            {
                self.offers.remove(&(call_id.clone(), branch));
            }
        } else {
            self.offers.remove(&(call_id.clone(), branch.clone()));
            self.dialogs.retain(|(call, _), of| call != call_id || of != branch);
        }
        self.releases.push(release);
    }

    fn rewrite(&self, sdp: &str, to: Side, mut port: u16) -> String {
        let mut lines = Vec::new();
        let mut stream = None;
        let close = |lines: &mut Vec<String>, stream: Option<u16>| {
            if let Some(stream) = stream.filter(|_| to == Side::Mesh) {
                lines.push(format!("a=ringway-tunnel:1 {:08x} {stream:08x}", self.place as u32 + 1));
            }
        };
        for line in sdp.lines().filter(|line| !line.starts_with("a=ringway-tunnel")) {
            if let Some(rest) = line.strip_prefix("m=") {
                close(&mut lines, stream.replace(port));
                let words: Vec<&str> = rest.split(' ').collect();
                lines.push(format!("m={} {port} {}", words[0], words[2..].join(" ")));
                port += 2;
            } else if line.starts_with("c=IN IP4 ") {
                lines.push(format!("c=IN IP4 {}", self.address()));
            } else {
                lines.push(line.to_owned());
            }
        }
        close(&mut lines, stream);
        lines.join("\r\n") + "\r\n"
    }
}

fn pair(a: &str, b: &str) -> [String; 2] {
    let mut pair = [a.to_owned(), b.to_owned()];
    pair.sort();
    pair
}

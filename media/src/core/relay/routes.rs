//! Which calls go which way between regions.

use super::{
    Relay, RouteKey, Side, Tunneled,
    call::{Call, Party},
    leg::Leg,
    slab::Slab,
};
use ringway_router::Traffic;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// What a call is, and a way that a stream of it goes.
pub type Follower = (Arc<Traffic>, RouteKey);

impl Relay {
    /// The calls of which a stream leaves like this: Call-ID and controller.
    pub fn calls_through(&self, like: impl Fn(Tunneled) -> bool) -> impl Iterator<Item = (&str, &str)> {
        let fits = move |leg| self.legs.find(leg).and_then(Leg::tunneled).is_some_and(&like);
        let calls = self.calls.iter().map(|(_, call)| call);
        calls.filter(move |call| call.legs().any(&fits)).map(|call| (&*call.id, &*call.controller))
    }

    /// Who goes which way, each once.
    #[must_use]
    pub fn followers(&self) -> BTreeSet<Follower> {
        self.calls.iter().flat_map(|(_, call)| followers(call)).collect()
    }

    /// These go another way from now on.
    pub fn reroute(&mut self, others: &BTreeMap<Follower, RouteKey>) {
        for call in self.calls.iter_mut() {
            let Some(traffic) = &call.traffic else { continue };
            for party in &mut call.parties {
                let other = party.route().and_then(|route| others.get(&(Arc::clone(traffic), route)));
                if let Some(other) = other {
                    turn(party, Side::Mesh { route: Some(*other) }, &mut self.legs);
                }
            }
        }
    }
}

fn followers(call: &Call) -> impl Iterator<Item = Follower> {
    let routes = call.parties.iter().filter_map(Party::route);
    routes.filter_map(|route| Some((Arc::clone(call.traffic.as_ref()?), route)))
}

impl Party {
    fn route(&self) -> Option<RouteKey> {
        match self.side {
            Side::Mesh { route } => route,
            Side::Edge { .. } => None,
        }
    }
}

/// The way to a party in another region is this one from now on, if the side says any.
pub(super) fn turn(party: &mut Party, side: Side, legs: &mut Slab<Leg>) {
    let Side::Mesh { route: Some(route) } = side else { return };
    party.side = side;
    for leg in party.legs.iter().flatten() {
        if let Some(leg) = legs.find_mut(*leg) {
            leg.steer(route);
        }
    }
}

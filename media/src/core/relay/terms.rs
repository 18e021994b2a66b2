//! What was said with a party about one medium, beyond what packets need: the next description is read by it, and reports name
//! it. Who reads and writes SDP fills it in; here it lives and ends with the party's leg.

use super::{Refusal, Relay, Whom, call::Call};
use crate::core::srtp::{Crypto, Suite};
use ringway_sip::sdp::Profile;
use std::{net::IpAddr, sync::Arc};

/// See the module. `Debug` shows no keys.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Terms {
    /// `audio`, for example; empty while the party has said nothing.
    pub kind: Box<str>,
    /// What it likes best to send and get, `PCMU/8000` for example; empty while not known.
    pub codec: Box<str>,
    /// The address that its description named.
    pub address: Option<IpAddr>,
    /// How its medium is carried: as it said, or as it was offered.
    pub profile: Option<Profile>,
    /// The keys that it offered, its favorite first.
    pub offered: Vec<Crypto>,
    /// The keys that we offered it, or the one that we answered. They stay the same as long as it speaks SRTP with us.
    pub own: Vec<Crypto>,
    /// It was offered what the other party offered: keys, if any, passed as they were.
    pub through: bool,
    /// The suite that an answer settled; `None`: no keys of ours.
    pub agreed: Option<Suite>,
}

/// A party, as a controller may name it.
#[derive(Debug, Clone, Copy)]
pub enum Named<'a> {
    /// By the controller's own word for it.
    Label(&'a str),
    /// By the address that its description named.
    Address(IpAddr),
}

impl Relay {
    /// The terms with the sender of a description and with its receiver, for each of its sections; empty ones where
    /// nothing was said yet.
    #[must_use]
    pub fn terms(&self, whom: Whom<'_>, offers: bool, sections: usize) -> Vec<[Terms; 2]> {
        let ends = self.ends(whom, offers);
        let of = |section: usize| {
            ends.map(|end| {
                let leg = end.and_then(|(call, party)| call.parties[party].leg(section));
                leg.and_then(|leg| self.legs.find(leg)).map(|leg| (*leg.terms).clone()).unwrap_or_default()
            })
        };
        (0..sections).map(of).collect()
    }

    /// Keeps the terms of a description that was carried out, and the controller's word for its sender, if there is one.
    pub fn keep(&mut self, whom: Whom<'_>, offers: bool, label: &str, terms: Vec<[Terms; 2]>) {
        let ends = self.ends(whom, offers).map(|end| end.map(|(_, party)| party));
        let Some(call) = self.ids.get(whom.call_id).and_then(|call| self.calls.find_mut(*call)) else {
            return;
        };
        if let Some(sender) = ends[0].filter(|_| !label.is_empty()) {
            call.parties[sender].label = label.into();
        }
        for (section, both) in terms.into_iter().enumerate() {
            for (party, terms) in ends.into_iter().zip(both) {
                let leg = party.and_then(|party| call.parties[party].leg(section));
                if let Some(leg) = leg.and_then(|leg| self.legs.find_mut(leg)) {
                    *leg.terms = terms;
                }
            }
        }
    }

    /// The tag of a party that is named otherwise.
    ///
    /// # Errors
    /// When there is no such call, or no such party that has a tag, or several have that name.
    pub fn tag_of(&self, call_id: &str, named: Named<'_>) -> Result<Arc<str>, Refusal> {
        let call = self.ids.get(call_id).and_then(|call| self.calls.find(*call)).ok_or(Refusal::NoCall)?;
        let has = |address| {
            move |leg: &u32| self.legs.find(*leg).is_some_and(|leg| leg.terms.address == Some(address))
        };
        let mut fit = call.parties.iter().filter(|party| match named {
            Named::Label(label) => !label.is_empty() && *party.label == *label,
            Named::Address(address) => party.legs.iter().flatten().any(has(address)),
        });
        let party = fit.next().filter(|party| !party.tag.is_empty()).ok_or(Refusal::NoParty)?;
        if fit.next().is_some() { Err(Refusal::Ambiguous) } else { Ok(party.tag.clone()) }
    }

    /// The sender and the receiver of a description, as far as they are there.
    fn ends(&self, whom: Whom<'_>, offers: bool) -> [Option<(&Call, usize)>; 2] {
        let Some(call) = self.ids.get(whom.call_id).and_then(|call| self.calls.find(*call)) else {
            return [None; 2];
        };
        let (offerer, answerer) = if offers { call.offering(whom) } else { call.answering(whom) };
        let ends = if offers { [offerer, answerer] } else { [answerer, offerer] };
        ends.map(|end| end.map(|party| (call, party)))
    }
}

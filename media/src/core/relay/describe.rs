//! Offers and answers (RFC 3264): legs are opened, addresses are named, parties are joined.

use super::{
    Binder, Description, Local, Muxing, NAME_BYTES_MAX, Refusal, Relay, Remote, SECTIONS_MAX, Section, Side,
    call::{Call, Party},
    leg::{Curbs, Hearing, Mux, Offered},
    open::{Ends, Fresh},
    ports::family_of,
    routes::turn,
};
use ringway_router::Time;
use std::{sync::Arc, time::Duration};

impl Relay {
    pub(super) fn offer(
        &mut self,
        now: Time,
        offer: &Description<'_>,
        binder: &mut dyn Binder,
    ) -> Result<Vec<Local>, Refusal> {
        check(offer)?;
        let controller = self.owner(now, offer.controller)?;
        let (number, new) = self.call_for(now, offer.call_id)?;
        let before = self.calls.find(number).map_or(0, |call| call.parties.len());
        match self.try_offer(now, number, offer, binder) {
            Ok(locals) => {
                self.touch(now, number, controller);
                Ok(locals)
            }
            Err(refusal) => {
                if new {
                    self.end(now, number);
                } else if let Some(call) = self.calls.find_mut(number) {
                    call.parties.truncate(before);
                }
                Err(refusal)
            }
        }
    }

    pub(super) fn answer(&mut self, now: Time, answer: &Description<'_>) -> Result<Vec<Local>, Refusal> {
        check(answer)?;
        if answer.to_tag.is_empty() {
            return Err(Refusal::Name);
        }
        let number = *self.ids.get(answer.call_id).ok_or(Refusal::NoCall)?;
        let ends = self.answering(number, answer)?;
        self.check_answer(number, ends, answer)?;
        let controller = self.owner(now, answer.controller)?;
        let call = self.calls.find_mut(number).ok_or(Refusal::NoCall)?;
        call.answered = true;
        let party = &mut call.parties[ends.answerer];
        let tag = std::mem::replace(&mut party.tag, answer.to_tag.into());
        if !tag.is_empty() && tag != party.tag {
            party.outdone.retain(|before| **before != *answer.to_tag);
            party.outdone.push(tag);
        }
        turn(party, answer.from, &mut self.legs);
        for (place, section) in answer.sections.iter().enumerate() {
            self.answer_section(now, number, ends, (place, section), answer);
        }
        self.touch(now, number, controller);
        Ok(self.locals(number, ends.offerer, answer.sections))
    }

    fn owner(&mut self, now: Time, controller: &str) -> Result<Arc<str>, Refusal> {
        if controller.is_empty() { Ok("".into()) } else { self.leases.renew(now, controller) }
    }

    /// The controller lives, and all calls that are its own are safe again.
    pub(super) fn renew(&mut self, now: Time, controller: &str) -> Result<Duration, Refusal> {
        if controller.is_empty() || controller.len() > NAME_BYTES_MAX {
            return Err(Refusal::Name);
        }
        self.leases.renew(now, controller)?;
        Ok(self.leases.lasts())
    }

    fn call_for(&mut self, now: Time, id: &str) -> Result<(u32, bool), Refusal> {
        if let Some(number) = self.ids.get(id) {
            return Ok((*number, false));
        }
        if self.calls.len() >= self.settings.calls_max {
            return Err(Refusal::Calls);
        }
        let id: Arc<str> = id.into();
        let number = self.calls.insert(Call {
            id: Arc::clone(&id),
            controller: "".into(),
            created: now,
            signaled: now,
            answered: false,
            retires: None,
            due: now,
            parties: Vec::new(),
            traffic: None,
            curbs: Curbs::default(),
        });
        self.ids.insert(id, number);
        Ok((number, true))
    }

    fn touch(&mut self, now: Time, number: u32, controller: Arc<str>) {
        if let Some(call) = self.calls.find_mut(number) {
            (call.signaled, call.retires) = (now, None);
            if !controller.is_empty() {
                call.controller = controller;
            }
        }
        self.look_again(now, number);
    }

    fn try_offer(
        &mut self,
        now: Time,
        number: u32,
        offer: &Description<'_>,
        binder: &mut dyn Binder,
    ) -> Result<Vec<Local>, Refusal> {
        let ends = self.offering(number, offer)?;
        let mut fresh = Vec::new();
        if let Err(refusal) = self.open(now, number, ends, offer, binder, &mut fresh) {
            for Fresh { leg, .. } in fresh {
                self.close(now, leg, false);
            }
            return Err(refusal);
        }
        // From here on nothing can fail.
        for Fresh { party, section, leg } in fresh {
            let Some(call) = self.calls.find_mut(number) else { continue };
            let party = &mut call.parties[party];
            let curbs = party.curbs;
            let before = party.place(section, leg);
            if let Some(leg) = self.legs.find_mut(leg) {
                leg.curbs = curbs;
            }
            if let Some(before) = before {
                self.hand_on(before, leg);
                self.close(now, before, true);
            }
        }
        if let Some(call) = self.calls.find_mut(number) {
            let sorts = call.is_sorted_by(offer);
            if sorts {
                call.traffic = offer.traffic.map(Arc::clone).or(call.traffic.take());
            }
            let party = &mut call.parties[ends.offerer];
            if party.tag.is_empty() {
                party.tag = offer.from_tag.into();
            }
            for (party, side) in [(ends.offerer, offer.from), (ends.answerer, offer.to)] {
                if sorts {
                    turn(&mut call.parties[party], side, &mut self.legs);
                }
            }
        }
        for (place, section) in offer.sections.iter().enumerate() {
            self.offer_section(now, number, ends, (place, section), offer);
        }
        Ok(self.locals(number, ends.answerer, offer.sections))
    }

    /// Who offers to whom. Parties that are not there yet are added.
    fn offering(&mut self, number: u32, offer: &Description<'_>) -> Result<Ends, Refusal> {
        let call = self.calls.find_mut(number).ok_or(Refusal::NoCall)?;
        let (offerer, answerer) = call.offering(offer.whom());
        let offerer = match offerer {
            Some(party) => party,
            None => added(call, Party::new(offer.from_tag, "", offer.from))?,
        };
        let answerer = match answerer {
            Some(party) => party,
            None => added(call, Party::new(offer.to_tag, offer.branch, offer.to))?,
        };
        let ends = Ends { offerer, answerer };
        check_sides(call, ends, (offer.from, offer.to))?;
        Ok(ends)
    }

    /// Whose offer is answered by whom.
    fn answering(&self, number: u32, answer: &Description<'_>) -> Result<Ends, Refusal> {
        let call = self.calls.find(number).ok_or(Refusal::NoCall)?;
        let (Some(offerer), Some(answerer)) = call.answering(answer.whom()) else {
            return Err(Refusal::NoParty);
        };
        let ends = Ends { offerer, answerer };
        let party = &call.parties[ends.answerer];
        let is_new = call.by_tag(answer.to_tag).is_none();
        if is_new && !party.tag.is_empty() && !call.has_room() {
            return Err(Refusal::Parties);
        }
        check_sides(call, ends, (answer.to, answer.from))?;
        Ok(ends)
    }

    fn check_answer(&self, number: u32, ends: Ends, answer: &Description<'_>) -> Result<(), Refusal> {
        let call = self.calls.find(number).ok_or(Refusal::NoCall)?;
        for (place, section) in answer.sections.iter().enumerate() {
            let Remote::Edge { rtp, .. } = section.remote else { continue };
            // A section that was offered with port 0 stays away (RFC 3264 §6).
            let leg = call.parties[ends.answerer].leg(place).and_then(|leg| self.legs.find(leg));
            if leg.is_some_and(|leg| self.family(leg).is_some_and(|family| family != family_of(rtp.ip()))) {
                return Err(Refusal::Family);
            }
        }
        Ok(())
    }

    fn offer_section(
        &mut self,
        now: Time,
        number: u32,
        ends: Ends,
        (place, section): (usize, &Section<'_>),
        offer: &Description<'_>,
    ) {
        let Some((from, to)) = self.pair(number, ends, place) else { return };
        if section.remote == Remote::Off {
            let settled = |leg| self.legs.find(leg).is_some_and(|leg| leg.settled);
            // In a dialog it ends when the answer agrees.
            if !(settled(from) && settled(to)) {
                self.part(from, to);
            }
            return;
        }
        if let Some(leg) = self.legs.find_mut(from) {
            let Section { remote, held, reduced, .. } = *section;
            let mux_alone = matches!(offer.muxing, Muxing::Accept | Muxing::Demux);
            leg.offer(now, Offered { remote, held, reduced, mux_alone, heard: hearing(offer) });
            leg.offer_mux(section.mux && offer.muxing != Muxing::Reject);
            leg.propose(section.sealed);
        }
        if let Some(leg) = self.legs.find_mut(to) {
            leg.tell_formats(section.formats);
            leg.propose(section.sealed_on);
            let share = match offer.muxing {
                Muxing::Mirror | Muxing::Accept => section.mux,
                Muxing::Demux | Muxing::Reject => false,
                Muxing::Offer | Muxing::Require => true,
            };
            leg.offer_mux(share);
        }
        let free = |leg: u32| self.legs.find(leg).is_some_and(|leg| leg.peer.is_none());
        // RFC 3264 §5.1: whoever offers must hear at once. Of several branches the first one is heard until one answers.
        if free(from) && free(to) {
            self.join(from, to);
        }
    }

    fn answer_section(
        &mut self,
        now: Time,
        number: u32,
        ends: Ends,
        (place, section): (usize, &Section<'_>),
        answer: &Description<'_>,
    ) {
        let Some((from, to)) = self.pair(number, ends, place) else { return };
        if section.remote == Remote::Off {
            self.part(from, to);
            return;
        }
        let mut agreed = false;
        if let Some(leg) = self.legs.find_mut(to) {
            leg.describe(now, section, &hearing(answer));
            leg.answer_mux();
            agreed = leg.mux != Mux::Never && section.mux;
            leg.mux = if agreed { Mux::Agreed } else { Mux::Never };
            leg.settle(section.sealed, section.keys.answerer, section.keys.offerer);
        }
        if let Some(leg) = self.legs.find_mut(from) {
            leg.answered(now);
            leg.answer_mux();
            leg.settle(section.sealed_on, section.keys.offerer, section.keys.answerer);
            leg.tell_formats(section.formats);
            let agreed = leg.mux != Mux::Never && (agreed || leg.mux_alone);
            leg.mux = if agreed { Mux::Agreed } else { Mux::Never };
        }
        self.join(from, to);
    }

    /// What the receiver of the description is told: our end of the leg of `party`, for each section.
    fn locals(&self, number: u32, party: usize, sections: &[Section<'_>]) -> Vec<Local> {
        let Some(call) = self.calls.find(number) else { return Vec::new() };
        let local = |(place, section): (usize, &Section<'_>)| {
            let leg = call.parties[party].leg(place).filter(|_| section.remote != Remote::Off);
            leg.and_then(|leg| self.legs.find(leg)).map_or(Local::Off, |leg| self.local(leg))
        };
        sections.iter().enumerate().map(local).collect()
    }
}

fn added(call: &mut Call, party: Party) -> Result<usize, Refusal> {
    if !call.has_room() {
        return Err(Refusal::Parties);
    }
    call.parties.push(Party { curbs: call.curbs, ..party });
    Ok(call.parties.len() - 1)
}

/// What can be said of a description before anything else is known.
fn check(description: &Description<'_>) -> Result<(), Refusal> {
    let Description { controller, call_id, from_tag, to_tag, branch, .. } = *description;
    let endless =
        [controller, call_id, from_tag, to_tag, branch].iter().any(|name| name.len() > NAME_BYTES_MAX);
    if endless || call_id.is_empty() || from_tag.is_empty() {
        return Err(Refusal::Name);
    }
    if from_tag == to_tag {
        return Err(Refusal::OneTag);
    }
    if description.sections.len() > SECTIONS_MAX {
        return Err(Refusal::Sections);
    }
    let fits = |section: &Section<'_>| match (description.from, section.remote) {
        (_, Remote::Off)
        | (Side::Edge { .. }, Remote::Edge { .. })
        | (Side::Mesh { .. }, Remote::Mesh { .. }) => true,
        (Side::Edge { .. }, Remote::Mesh { .. }) | (Side::Mesh { .. }, Remote::Edge { .. }) => false,
    };
    let transit = is_mesh(description.from) && is_mesh(description.to);
    if transit || !description.sections.iter().all(fits) { Err(Refusal::Sides) } else { Ok(()) }
}

/// A party stays on the side on which it came.
fn check_sides(call: &Call, ends: Ends, (offerer, answerer): (Side, Side)) -> Result<(), Refusal> {
    let stays = |party: usize, side| is_mesh(call.parties[party].side) == is_mesh(side);
    if stays(ends.offerer, offerer) && stays(ends.answerer, answerer) { Ok(()) } else { Err(Refusal::Sides) }
}

fn is_mesh(side: Side) -> bool {
    matches!(side, Side::Mesh { .. })
}

fn hearing(description: &Description<'_>) -> Hearing {
    Hearing {
        learning: description.learning,
        received_from: description.received_from,
        relatch: description.relatch,
    }
}

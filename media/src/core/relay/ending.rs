//! How calls end: by order, by silence, and after their controller has died.

use super::super::SocketId;
use super::{
    CallReport, Event, Refusal, Relay, Whom,
    call::Call,
    leg::{Leg, Way},
};
use ringway_router::Time;
use std::time::Duration;

/// Reports of deleted calls that are kept for a delete that is repeated.
const PAST_MAX: usize = 128;

impl Relay {
    /// Ends a call, after so long, or one branch of it.
    pub(super) fn delete(
        &mut self,
        now: Time,
        whom: Whom<'_>,
        delay: Duration,
    ) -> Result<CallReport, Refusal> {
        let Some(&number) = self.ids.get(whom.call_id) else {
            // The answer to the same order was lost.
            let past = self.past.iter().rev().find(|report| *report.call_id == *whom.call_id);
            return past.cloned().ok_or(Refusal::NoCall);
        };
        let call = self.calls.find_mut(number).ok_or(Refusal::NoCall)?;
        let outdone = call
            .parties
            .iter_mut()
            .find(|party| !whom.to_tag.is_empty() && party.outdone.iter().any(|tag| **tag == *whom.to_tag));
        if let Some(party) = outdone {
            party.outdone.retain(|tag| **tag != *whom.to_tag);
            return self.calls.find(number).map(|call| self.report(call)).ok_or(Refusal::NoCall);
        }
        let Some(party) = over(call, whom)? else { return self.retire(now, number, delay) };
        let report = self.calls.find(number).map(|call| self.report(call)).ok_or(Refusal::NoCall)?;
        let party = self.calls.find_mut(number).map(|call| call.parties.remove(party));
        for leg in party.iter().flat_map(|party| party.legs.iter().flatten()) {
            self.close(now, *leg, true);
        }
        Ok(report)
    }

    fn retire(&mut self, now: Time, number: u32, delay: Duration) -> Result<CallReport, Refusal> {
        if delay.is_zero() {
            return self.past_end(now, number);
        }
        let call = self.calls.find_mut(number).ok_or(Refusal::NoCall)?;
        // An order that is repeated does not put it off.
        call.retires.get_or_insert(now + delay);
        self.look_again(now, number);
        self.calls.find(number).map(|call| self.report(call)).ok_or(Refusal::NoCall)
    }

    fn past_end(&mut self, now: Time, number: u32) -> Result<CallReport, Refusal> {
        let report = self.end(now, number).ok_or(Refusal::NoCall)?;
        if self.past.len() >= PAST_MAX {
            self.past.pop_front();
        }
        self.past.push_back(report.clone());
        Ok(report)
    }

    /// Does what is due: leases that lapse, calls that are silent. Then [`Self::poll`] tells of it.
    pub fn expire(&mut self, now: Time) {
        while let Some(controller) = self.leases.lapse(now) {
            let orphans: Vec<u32> = self
                .calls
                .iter()
                .filter(|(_, call)| call.controller == controller)
                .map(|(number, _)| number)
                .collect();
            orphans.into_iter().for_each(|call| self.look_again(now, call));
            self.events.push_back(Event::Lapsed(controller));
        }
        while let Some(&(at, number)) = self.due.first() {
            if at > now {
                break;
            }
            let found = self.calls.find(number).map(|call| (self.over_at(call), call.retires.is_some()));
            let (over, deleted) = found.unwrap_or((now, false));
            if over > now {
                self.look_again(now, number);
            } else if deleted {
                // Who deleted it has its report.
                let _ = self.past_end(now, number);
            } else if let Some(report) = self.end(now, number) {
                self.events.push_back(Event::Silent(Box::new(report)));
            }
        }
    }

    /// Sets when the call is looked at next.
    pub(super) fn look_again(&mut self, now: Time, number: u32) {
        let Some(at) = self.calls.find(number).map(|call| self.over_at(call).max(now)) else { return };
        if let Some(call) = self.calls.find_mut(number) {
            self.due.remove(&(call.due, number));
            call.due = at;
            self.due.insert((at, number));
        }
    }

    /// When the call is over, if nothing comes any more.
    fn over_at(&self, call: &Call) -> Time {
        let silent = self.silent_at(call);
        call.retires.map_or(silent, |retires| retires.min(silent))
    }

    /// When the call has been silent for too long, if nothing comes any more.
    fn silent_at(&self, call: &Call) -> Time {
        let legs = || call.legs().filter_map(|leg| self.legs.find(leg));
        let heard = legs().filter_map(|leg| leg.stats.last()).max();
        let settings = &self.settings;
        if self.leases.is_lapsed(&call.controller) {
            // Nobody will delete it. A call in progress is not killed for that: it ends when it is silent, on hold or not.
            return heard.map_or(Time::default(), |heard| heard + settings.silent);
        }
        let patience: Duration = if !call.answered {
            settings.ringing
        } else if legs().any(|leg| leg.held) {
            settings.held
        } else {
            settings.silent
        };
        heard.unwrap_or_default().max(call.signaled) + patience
    }

    /// Ends a call: all its ports and numbers are given back.
    pub(super) fn end(&mut self, now: Time, number: u32) -> Option<CallReport> {
        let report = self.calls.find(number).map(|call| self.report(call))?;
        let call = self.calls.remove(number)?;
        self.ids.remove(&call.id);
        self.due.remove(&(call.due, number));
        for leg in call.legs() {
            self.close(now, leg, true);
        }
        Some(report)
    }

    /// Ends a leg. `told`: somebody may know of its ports.
    pub(super) fn close(&mut self, now: Time, number: u32, told: bool) {
        let Some(leg) = self.legs.remove(number) else { return };
        let Leg { way, peer, .. } = *leg;
        if let Some(peer) =
            peer.and_then(|peer| self.legs.find_mut(peer)).filter(|leg| leg.peer == Some(number))
        {
            peer.peer = None;
        }
        match way {
            Way::Edge(edge) => {
                for socket in [Some(edge.rtp), edge.rtcp].into_iter().flatten() {
                    self.forget(socket);
                    self.events.push_back(Event::Close(socket));
                }
                self.ports.release(now, edge.pair, told);
            }
            Way::Mesh(mesh) => self.streams.take_back(mesh.stream),
        }
    }

    fn forget(&mut self, socket: SocketId) {
        if let Some(port) = self.sockets.get_mut(socket.place()) {
            *port = None;
        }
    }
}

/// Which party is gone; `None`: with it, the call is.
fn over(call: &Call, whom: Whom<'_>) -> Result<Option<usize>, Refusal> {
    if whom.from_tag.is_empty() {
        return Ok(None);
    }
    let from = call.by_tag(whom.from_tag).ok_or(Refusal::NoParty)?;
    let named = if whom.to_tag.is_empty() {
        // A CANCEL, or a branch that failed, has no other tag. It may be one that was refused here.
        if whom.branch.is_empty() { Some(from) } else { call.by_branch(whom.branch) }
    } else {
        // It may have hung up before its answer came by.
        let early = || call.unanswered(whom.branch).filter(|party| *party != from);
        call.by_tag(whom.to_tag).map(|to| from.max(to)).or_else(early)
    };
    let gone = named.ok_or(Refusal::NoParty)?;
    // With nobody left to talk to, there is no call; nor without the caller.
    Ok((gone != 0 && call.parties.len() > 2).then_some(gone))
}

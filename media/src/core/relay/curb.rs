//! What a party sends is held back, because a controller says so.

use super::{Curb, Refusal, Relay, Switch, Whom, leg::Curbs};

impl Relay {
    pub(super) fn curb(&mut self, whom: Whom<'_>, curb: Curb, switch: Switch) -> Result<(), Refusal> {
        let on = switch == Switch::On;
        let number = *self.ids.get(whom.call_id).ok_or(Refusal::NoCall)?;
        let call = self.calls.find_mut(number).ok_or(Refusal::NoCall)?;
        let parties = if whom.from_tag.is_empty() {
            call.curbs.turn(curb, on);
            &mut call.parties[..]
        } else {
            let party = call.by_tag(whom.from_tag).ok_or(Refusal::NoParty)?;
            &mut call.parties[party..=party]
        };
        for party in parties {
            party.curbs.turn(curb, on);
            for leg in party.legs.iter().flatten() {
                if let Some(leg) = self.legs.find_mut(*leg) {
                    leg.curbs = party.curbs;
                }
            }
        }
        Ok(())
    }
}

impl Curbs {
    fn turn(&mut self, curb: Curb, on: bool) {
        match curb {
            Curb::Media => self.media = on,
            Curb::Keys => self.keys = on,
            Curb::Voice => self.voice = on,
        }
    }
}

//! What a party sends is held back, because a controller says so.

use super::{Curb, Refusal, Relay, Switch, Whom, leg::Curbs};

impl Relay {
    pub(super) fn curb(&mut self, whom: Whom<'_>, curb: Curb, switch: Switch) -> Result<(), Refusal> {
        let call =
            self.ids.get(whom.call_id).and_then(|call| self.calls.find(*call)).ok_or(Refusal::NoCall)?;
        let parties = if whom.from_tag.is_empty() {
            &call.parties[..]
        } else {
            let party = call.by_tag(whom.from_tag).ok_or(Refusal::NoParty)?;
            &call.parties[party..=party]
        };
        for leg in parties.iter().flat_map(|party| party.legs.iter().flatten()) {
            if let Some(leg) = self.legs.find_mut(*leg) {
                leg.curbs.turn(curb, switch == Switch::On);
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

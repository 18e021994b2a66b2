//! What becomes of one medium of a description: its profile towards the receiver, and the keys of SRTP (RFC 4568). Keys that
//! came pass as they are where both sides want SRTP and nothing else is asked; else each side has keys with us.

use super::Undone;
use crate::{
    core::{
        relay::{Keys, Locks, Terms},
        srtp::{Chance, Crypto, Master, Suite, Unusable, agreed, choose},
    },
    ng::{Refusal as Unfit, Sdes, Transport, Wishes},
};
use ringway_sip::sdp::{Edit, Profile, Scope};

/// The lifetime that is written where a controller wants one to be.
const LIFETIME: u64 = 1 << 31;

/// What a description says of a medium, as far as it matters here.
#[derive(Debug, Clone, Copy)]
pub(super) struct Said<'a> {
    pub(super) profile: Profile,
    /// Port 0.
    pub(super) off: bool,
    /// The values of its `a=crypto` lines.
    pub(super) lines: &'a [String],
}

/// What becomes of it.
#[derive(Debug)]
pub(super) struct Accord {
    came: Profile,
    profile: Profile,
    /// The lines of keys in place of those that came; `None`: those that came.
    lines: Option<Vec<Crypto>>,
    offerer: Pair,
    answerer: Pair,
    /// With its sender and with its receiver, from now on.
    terms: [Terms; 2],
}

/// What a party sends with, and what it gets.
#[derive(Debug, Default)]
struct Pair {
    inward: Option<Master>,
    outward: Option<Master>,
}

impl Pair {
    fn locks(&self) -> Locks<'_> {
        Locks { inward: self.inward.as_ref(), outward: self.outward.as_ref() }
    }
}

impl Accord {
    /// Of an offer.
    ///
    /// # Errors
    /// When there are no keys that would do.
    pub(super) fn of_offer(
        said: Said<'_>,
        wishes: &Wishes,
        [mut from, mut to]: [Terms; 2],
        chance: impl FnMut() -> Chance,
    ) -> Result<Self, Undone> {
        // Who keeps its profile is no reason for the other one to change its own.
        let kept = to.profile.filter(|_| from.profile == Some(said.profile)).unwrap_or(said.profile);
        let profile = match wishes.transport {
            Transport::Profile(wanted) => wanted,
            Transport::Kept | Transport::Accept => kept,
        };
        (from.profile, to.profile) = (Some(said.profile), Some(profile));
        let (came, sealed) = (said.profile.is_secure(), profile.is_secure());
        let through = came == sealed && !(sealed && chooses(&wishes.sdes));
        from.offered = said.lines.iter().filter_map(|line| line.parse().ok()).collect();
        to.through = through;
        if came && !through && !said.off {
            choose(said.lines.iter().map(String::as_str), &Suite::ALL)?;
        }
        let lines = match (through, sealed && !said.off) {
            (true, _) => None,
            (false, false) => Some(Vec::new()),
            (false, true) => {
                let suites = suites(&wishes.sdes, &from.offered);
                if wishes.sdes.off || suites.is_empty() {
                    return Err(Undone::Unfit(Unfit::Unsupported("SRTP without a suite to offer")));
                }
                to.own = offer(&suites, &to.own, wishes.sdes.lifetime, chance);
                Some(to.own.clone())
            }
        };
        let (offerer, answerer) = (Pair::default(), Pair::default());
        Ok(Self { came: said.profile, profile, lines, offerer, answerer, terms: [from, to] })
    }

    /// Of an answer: it settles the keys.
    ///
    /// # Errors
    /// When it does not fit what was offered.
    pub(super) fn of_answer(
        said: Said<'_>,
        wishes: &Wishes,
        [mut from, mut to]: [Terms; 2],
        chance: impl FnMut() -> Chance,
    ) -> Result<Self, Undone> {
        let offered = to.profile.unwrap_or(said.profile);
        let profile = match wishes.transport {
            Transport::Profile(wanted) => wanted,
            Transport::Accept => said.profile,
            Transport::Kept => offered,
        };
        // RFC 3264 §6: an answer is of the profile that was offered.
        if wishes.transport != Transport::Accept && profile.is_secure() != offered.is_secure() {
            return Err(Undone::Unfit(Unfit::Unsupported(
                "SRTP in an answer and not in its offer, or the reverse",
            )));
        }
        let (came, sealed) = (said.profile.is_secure(), profile.is_secure());
        let through = came == sealed && (!sealed || from.through);
        let (mut offerer, mut answerer) = (Pair::default(), Pair::default());
        let mut lines = (!through).then(Vec::new);
        if !said.off {
            if came && !through {
                answerer = accepted(said.lines, &from.own)?;
            }
            if sealed && !through {
                let (line, pair) = accept(&wishes.sdes, &to, chance)?;
                (to.own, offerer) = (vec![line.clone()], pair);
                lines = Some(vec![line]);
            }
            for (terms, pair) in [(&mut from, &answerer), (&mut to, &offerer)] {
                terms.agreed = pair.inward.as_ref().map(Master::suite);
                if terms.agreed.is_none() {
                    // A key that began anew after that would be used twice.
                    terms.own.clear();
                }
            }
        }
        from.profile = Some(said.profile);
        to.profile = Some(profile);
        Ok(Self { came: said.profile, profile, lines, offerer, answerer, terms: [from, to] })
    }

    /// Whether its receiver gets SRTP.
    pub(super) fn is_sealed(&self) -> bool {
        self.profile.is_secure()
    }

    /// Whether keys do not pass as they came.
    pub(super) fn is_bridge(&self) -> bool {
        self.lines.is_some()
    }

    /// What an answer settles.
    pub(super) fn keys(&self) -> Keys<'_> {
        Keys { offerer: self.offerer.locks(), answerer: self.answerer.locks() }
    }

    /// What is to be kept of it.
    pub(super) fn take_terms(&mut self) -> [Terms; 2] {
        std::mem::take(&mut self.terms)
    }

    /// Writes it into the description that goes on.
    pub(super) fn write(&self, edit: &mut Edit<'_>, index: usize) {
        let scope = Scope::Media(index);
        if self.profile != self.came {
            edit.protocol(index, self.profile.name());
        }
        if self.came.has_feedback() && !self.profile.has_feedback() {
            // RFC 4585 §4.2, RFC 5506 §5: they are for AVPF alone.
            edit.remove(scope, |attribute| matches!(attribute.name, "rtcp-fb" | "rtcp-rsize"));
        }
        if let Some(lines) = &self.lines {
            edit.remove_crypto(index);
            for line in lines {
                edit.add(scope, "crypto", &line.to_string());
            }
        }
    }
}

/// Whether a controller wants other suites than those that came.
fn chooses(sdes: &Sdes) -> bool {
    sdes.off || !(sdes.without.is_empty() && sdes.only.is_empty() && sdes.order.is_empty())
}

/// The suites that are offered, the favorite first.
fn suites(sdes: &Sdes, came: &[Crypto]) -> Vec<Suite> {
    let among = |names: &[String], suite: Suite| names.iter().any(|name| Suite::named(name) == Some(suite));
    let first = sdes.order.iter().filter_map(|name| Suite::named(name));
    let mut suites: Vec<Suite> = Vec::new();
    for suite in first.chain(Suite::ALL) {
        let new = sdes.nonew && !came.iter().any(|line| line.suite() == suite);
        let left_out = among(&sdes.without, suite) || !(sdes.only.is_empty() || among(&sdes.only, suite));
        if !new && !left_out && !suites.contains(&suite) {
            suites.push(suite);
        }
    }
    suites
}

/// Our lines for these suites, with the keys that there are.
fn offer(
    suites: &[Suite],
    own: &[Crypto],
    lifetime: bool,
    mut chance: impl FnMut() -> Chance,
) -> Vec<Crypto> {
    let line = |(tag, suite): (u32, &Suite)| {
        let mut key = key(own, *suite).unwrap_or_else(|| Master::new(*suite, &chance()));
        key.lifetime = lifetime.then_some(LIFETIME);
        Crypto::with(tag, key)
    };
    (1..).zip(suites).map(line).collect()
}

fn key(own: &[Crypto], suite: Suite) -> Option<Master> {
    own.iter().find(|line| line.suite() == suite).map(|line| line.master().clone())
}

/// What the answer takes of our lines: RFC 4568 §5.1.3.
fn accepted(lines: &[String], own: &[Crypto]) -> Result<Pair, Unusable> {
    let mut why = Unusable::Absent;
    for line in lines {
        match agreed(own, line) {
            Ok((ours, theirs)) => {
                let (inward, outward) = (Some(theirs.master().clone()), Some(ours.master().clone()));
                return Ok(Pair { inward, outward });
            }
            Err(reason) if why == Unusable::Absent => why = reason,
            Err(_) => {}
        }
    }
    Err(why)
}

/// What we take of the lines of an offer: RFC 4568 §5.1.2, its tag and suite with a key of ours.
fn accept(sdes: &Sdes, to: &Terms, mut chance: impl FnMut() -> Chance) -> Result<(Crypto, Pair), Unusable> {
    let allowed = suites(&Sdes { nonew: false, ..sdes.clone() }, &[]);
    let stays = |line: &&Crypto| sdes.fixed && to.agreed == Some(line.suite());
    let fits = |line: &&Crypto| allowed.contains(&line.suite());
    let chosen = to.offered.iter().find(stays).or_else(|| to.offered.iter().find(fits));
    let chosen =
        chosen.ok_or(if to.offered.is_empty() { Unusable::Absent } else { Unusable::SuiteNotAllowed })?;
    let mut key = key(&to.own, chosen.suite()).unwrap_or_else(|| Master::new(chosen.suite(), &chance()));
    key.lifetime = sdes.lifetime.then_some(LIFETIME);
    let pair = Pair { inward: Some(chosen.master().clone()), outward: Some(key.clone()) };
    Ok((Crypto::with(chosen.tag(), key), pair))
}

#[cfg(test)]
mod tests;

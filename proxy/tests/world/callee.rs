//! The called side of the edge: rings, answers or refuses, is silent, hangs up.

use super::{
    desk::Desk,
    place::Place,
    repeat::{Agenda, Repeats},
    sip::{Draft, Sip, answer, is_sdp, sdp},
};
use std::{collections::BTreeMap, net::SocketAddr, time::Duration};

/// How it treats an INVITE. Other requests are answered with 200 at once.
#[derive(Clone, Debug)]
pub(crate) struct Manner {
    /// Nothing is heard before this time.
    pub(crate) deaf_until: Duration,
    /// 180 so long after the INVITE.
    pub(crate) ring: Option<Duration>,
    /// The final response, so long after the INVITE.
    pub(crate) answer: Option<(Duration, u16)>,
    /// BYE so long after the ACK.
    pub(crate) hang_up: Option<Duration>,
    /// What it says of its media.
    pub(crate) speech: Speech,
}

/// Where a callee describes its media.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Speech {
    /// Nowhere.
    #[default]
    None,
    /// In its 2xx.
    Final,
    /// Already in a 183 in place of the 180, and in the 2xx again.
    Early,
}

impl Default for Manner {
    /// Rings after 20 ms, answers after 200 ms, leaves the BYE to the caller.
    fn default() -> Self {
        Self {
            deaf_until: Duration::ZERO,
            ring: Some(Duration::from_millis(20)),
            answer: Some((Duration::from_millis(200), 200)),
            hang_up: None,
            speech: Speech::None,
        }
    }
}

impl Manner {
    pub(crate) fn refuses(code: u16) -> Self {
        Self { ring: None, answer: Some((Duration::from_millis(5), code)), ..Self::default() }
    }

    pub(crate) fn only_rings() -> Self {
        Self { answer: None, ..Self::default() }
    }

    pub(crate) fn deaf() -> Self {
        Self { deaf_until: Duration::MAX, ..Self::default() }
    }
}

pub(crate) struct Callee {
    pub(crate) at: SocketAddr,
    pub(crate) manner: Manner,
    /// By the branch of the INVITE: one entry a transaction.
    pub(crate) rung: BTreeMap<String, Rung>,
    /// All requests but copies of an INVITE.
    pub(crate) requests: Vec<Sip>,
    repeats: Repeats,
    chores: Agenda<(String, Chore)>,
    /// Where requests wait for it, when it has only so much time.
    pub(crate) desk: Option<Desk>,
    /// It writes orders (RFC 7339) into the Via of the hop before its own.
    pub(crate) forges: bool,
    pub(crate) out: Vec<String>,
}

/// One INVITE transaction.
pub(crate) struct Rung {
    pub(crate) invite: Sip,
    pub(crate) last: Option<String>,
    pub(crate) code: u16,
    pub(crate) acked: bool,
}

#[derive(Clone, Copy, Debug)]
enum Chore {
    Answer(u16),
    HangUp,
    GiveUp,
}

impl Callee {
    pub(crate) fn new(at: SocketAddr, manner: Manner) -> Self {
        Self {
            at,
            manner,
            rung: BTreeMap::new(),
            requests: Vec::new(),
            repeats: Repeats::default(),
            chores: Agenda::new(),
            desk: None,
            forges: false,
            out: Vec::new(),
        }
    }

    /// How many INVITE transactions there were for a call.
    pub(crate) fn invites(&self, call_id: &str) -> usize {
        self.rung.values().filter(|rung| rung.invite.one("Call-ID") == call_id).count()
    }

    pub(crate) fn receive(&mut self, now: Duration, message: &Sip) {
        match &mut self.desk {
            Some(desk) => self.out.extend(desk.take(now, message, self.at)),
            None => self.treat(now, message),
        }
    }

    fn treat(&mut self, now: Duration, message: &Sip) {
        if now < self.manner.deaf_until || message.status().is_some() {
            return self.repeats.stop(&format!("{} BYE", message.one("Call-ID")));
        }
        match message.method() {
            "INVITE" => self.on_invite(now, message),
            "ACK" => self.on_ack(now, message),
            "CANCEL" => self.on_cancel(now, message),
            _ if is_sdp(&message.body) && self.manner.speech != Speech::None => {
                self.out.push(answer(message, 200, "callee", self.at, &sdp(self.at, 31_000)));
            }
            _ => self.out.push(answer(message, 200, "callee", self.at, "")),
        }
        self.requests.push(message.clone());
    }

    pub(crate) fn deadline(&self) -> Option<Duration> {
        let desk = self.desk.as_ref().and_then(Desk::deadline);
        [self.repeats.deadline(), self.chores.deadline(), desk].into_iter().flatten().min()
    }

    pub(crate) fn tick(&mut self, now: Duration) {
        while let Some((message, word)) = self.desk.as_mut().and_then(|desk| desk.done(now, self.at)) {
            self.out.extend(word);
            self.treat(now, &message);
        }
        self.out.extend(self.repeats.due(now));
        while let Some((branch, chore)) = self.chores.pop(now) {
            match chore {
                Chore::Answer(code) => self.respond(now, &branch, code),
                Chore::GiveUp if self.rung[&branch].acked => {}
                Chore::HangUp | Chore::GiveUp => self.hang_up(now, &branch),
            }
        }
    }

    fn on_invite(&mut self, now: Duration, invite: &Sip) {
        let branch = invite.branch().to_owned();
        if let Some(rung) = self.rung.get(&branch) {
            return self.out.extend(rung.last.clone());
        }
        let rung = Rung { invite: invite.clone(), last: None, code: 0, acked: false };
        self.rung.insert(branch.clone(), rung);
        if let Some(after) = self.manner.ring {
            let code = if self.manner.speech == Speech::Early { 183 } else { 180 };
            self.chores.at(now + after, (branch.clone(), Chore::Answer(code)));
        }
        if let Some((after, code)) = self.manner.answer {
            self.chores.at(now + after, (branch, Chore::Answer(code)));
        }
    }

    /// Finals are sent again until the ACK comes (RFC 3261 §13.3.1.4, §17.2.1).
    fn respond(&mut self, now: Duration, branch: &str, code: u16) {
        let count = self.rung.len();
        let Some(rung) = self.rung.get_mut(branch).filter(|rung| rung.code < 200) else { return };
        let speaks = match self.manner.speech {
            Speech::None => false,
            Speech::Final => (200..300).contains(&code),
            Speech::Early => (183..300).contains(&code),
        };
        let body = if speaks { sdp(self.at, 30_000) } else { "v=0\r\n".to_owned() };
        // Devices of one person have different tags.
        let tag = match Place::edge_number(self.at) {
            1 => format!("callee{count}"),
            n => format!("callee{count}-{n}"),
        };
        let mut text = answer(&rung.invite, code, &tag, self.at, &body);
        if self.forges {
            text = text.replace(";oc;", ";oc=99;oc-seq=9.9;").replacen(";oc=99;oc-seq=9.9;", ";oc;", 1);
        }
        (rung.code, rung.last) = (code, Some(text.clone()));
        if code >= 200 {
            self.repeats.start(now, branch, &text);
        }
        if (200..300).contains(&code) {
            // RFC 3261 §13.3.1.4: without an ACK for 64·T1 the call is over.
            self.chores.at(now + Duration::from_secs(32), (branch.to_owned(), Chore::GiveUp));
        }
        self.out.push(text);
    }

    fn on_ack(&mut self, now: Duration, ack: &Sip) {
        // To a failure it comes under the branch of the INVITE, to a 2xx under its own.
        let of = |(branch, rung): (&String, &Rung)| {
            let same = rung.code >= 200 && rung.invite.one("Call-ID") == ack.one("Call-ID");
            (branch == ack.branch() || (rung.code < 300 && same)).then(|| branch.clone())
        };
        let Some(branch) = self.rung.iter().find_map(of) else { return };
        self.repeats.stop(&branch);
        let Some(rung) = self.rung.get_mut(&branch) else { return };
        if !std::mem::replace(&mut rung.acked, true)
            && let Some(after) = self.manner.hang_up
        {
            self.chores.at(now + after, (branch, Chore::HangUp));
        }
    }

    fn on_cancel(&mut self, now: Duration, cancel: &Sip) {
        let known = self.rung.contains_key(cancel.branch());
        let code = if known { 200 } else { 481 };
        self.out.push(answer(cancel, code, "callee", self.at, ""));
        self.respond(now, cancel.branch(), 487);
    }

    /// RFC 3261 §12.2.1.1, from the other end: the route set is the Record-Route of the request, as it stands.
    fn hang_up(&mut self, now: Duration, branch: &str) {
        let Some(rung) = self.rung.get(branch) else { return };
        let last = Sip::read(rung.last.as_deref().unwrap_or_default());
        let (invite, call_id) = (&rung.invite, rung.invite.one("Call-ID"));
        let target = invite.one("Contact").trim_matches(['<', '>']);
        let mut bye = Draft::new("BYE", target, call_id, self.at);
        bye.branch = format!("z9hG4bK-{call_id}-bye");
        (bye.from, bye.to) = (last.one("To").to_owned(), invite.one("From").to_owned());
        bye.routes = invite.all("Record-Route").iter().map(|&route| route.to_owned()).collect();
        let text = bye.text();
        self.repeats.start(now, &format!("{call_id} BYE"), &text);
        self.out.push(text);
    }
}

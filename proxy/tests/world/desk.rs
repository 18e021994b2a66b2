//! An edge element that has only so much time: every message costs some, copies as much as the first, those that come
//! while it is busy wait, and those for which there is no room are gone.

use super::sip::{Sip, answer, parameter};
use std::{collections::VecDeque, net::SocketAddr, time::Duration};

/// What it does when there is too much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Plea {
    /// Nothing: it is silent, and drops what it has no room for.
    Silent,
    /// When half of the room is taken, 503 to what is new, with so many seconds of Retry-After.
    Refuses(Option<u32>),
    /// RFC 7339: it tells what share it does not want, and refuses only what is far too much.
    Tells,
}

pub(crate) struct Desk {
    plea: Plea,
    /// Of one message in hundredths of a call: INVITE, refused INVITE, ACK, anything else.
    call: Duration,
    room: usize,
    waiting: VecDeque<Sip>,
    /// When the one at the head is done.
    busy_until: Duration,
    /// RFC 7339: the share in percent, and what it is taken from: how busy the time since then was.
    share: f64,
    since: Duration,
    came: Duration,
    pub(crate) dropped: usize,
}

/// Whatever comes has to be read, also what there is no room for.
const READ: u32 = 4;
const INVITE: u32 = 50;
const REFUSED: u32 = 10;
const ACK: u32 = 15;
const OTHER: u32 = 35;

impl Desk {
    /// One that can do `calls` calls a second (INVITE, ACK and BYE each), with `room` for messages that wait.
    pub(crate) fn new(calls: u32, room: usize, plea: Plea) -> Self {
        Self {
            plea,
            call: Duration::from_secs(1) / calls,
            room,
            waiting: VecDeque::new(),
            busy_until: Duration::ZERO,
            share: 0.0,
            since: Duration::ZERO,
            came: Duration::ZERO,
            dropped: 0,
        }
    }

    /// Something comes; what is said to it at once.
    pub(crate) fn take(&mut self, now: Duration, message: &Sip, at: SocketAddr) -> Option<String> {
        if message.status().is_some() {
            return None;
        }
        self.came += self.cost(message);
        self.look(now);
        let new = message.is_request("INVITE") && !message.one("To").contains(";tag=");
        let refuses = match self.plea {
            Plea::Silent => false,
            Plea::Refuses(_) => self.waiting.len() >= self.room / 2,
            Plea::Tells => self.waiting.len() >= self.room * 3 / 4,
        };
        let help = message.has("Resource-Priority");
        if new && refuses && !help && self.waiting.len() <= self.room {
            self.work(now, self.call * REFUSED / 100);
            return Some(self.refusal(message, at, now));
        }
        if self.waiting.len() >= self.room {
            self.dropped += 1;
            self.work(now, self.call * READ / 100);
            return None;
        }
        self.waiting.push_back(message.clone());
        if self.waiting.len() == 1 {
            self.work(now, self.cost(message));
        }
        None
    }

    pub(crate) fn deadline(&self) -> Option<Duration> {
        (!self.waiting.is_empty()).then_some(self.busy_until)
    }

    /// The next message that has had its time, and the 100 to it if it is an INVITE.
    pub(crate) fn done(&mut self, now: Duration, at: SocketAddr) -> Option<(Sip, Option<String>)> {
        let done = self.deadline().filter(|at| *at <= now)?;
        let message = self.waiting.pop_front()?;
        self.busy_until = done + self.waiting.front().map_or(Duration::ZERO, |next| self.cost(next));
        let trying = message.is_request("INVITE").then(|| self.mark(answer(&message, 100, "", at, ""), now));
        Some((message, trying))
    }

    fn cost(&self, message: &Sip) -> Duration {
        let cost = match message.method() {
            "INVITE" => INVITE,
            "ACK" => ACK,
            _ => OTHER,
        };
        self.call * cost / 100
    }

    /// Time that goes by besides what waits.
    fn work(&mut self, now: Duration, cost: Duration) {
        self.busy_until = self.busy_until.max(now) + cost;
    }

    fn refusal(&mut self, invite: &Sip, at: SocketAddr, now: Duration) -> String {
        let text = answer(invite, 503, "busy", at, "");
        match self.plea {
            Plea::Refuses(Some(seconds)) => {
                text.replace("Content-Length: 0", &format!("Retry-After: {seconds}\r\nContent-Length: 0"))
            }
            Plea::Refuses(None) | Plea::Silent => text,
            Plea::Tells => self.mark(text, now),
        }
    }

    /// Ten times a second: the share goes with what waits.
    fn look(&mut self, now: Duration) {
        let lasted = now.saturating_sub(self.since);
        if self.plea != Plea::Tells || lasted < Duration::from_millis(100) {
            return;
        }
        let load = self.came.as_secs_f64() / lasted.as_secs_f64();
        let fill = self.waiting.len() as f64 / self.room as f64;
        let kept = (100.0 - self.share) / 100.0;
        // What is offered at all, and how much of that there is time for: more while the room is empty.
        let wanted = (kept / load.max(0.01) * (1.2 - fill)).clamp(kept * 0.8, (kept + 0.05) * 1.2);
        self.share = (100.0 * (1.0 - wanted)).clamp(0.0, 95.0).floor();
        (self.since, self.came) = (now, Duration::ZERO);
    }

    /// RFC 7339 §4: into the topmost Via, where the client announced that it understands.
    fn mark(&mut self, text: String, now: Duration) -> String {
        let top = Sip::read(&text).all("Via").first().map(|via| (*via).to_owned()).unwrap_or_default();
        if self.plea != Plea::Tells || parameter(&top, "oc").is_none() {
            return text;
        }
        let order = format!(
            ";oc={};oc-algo=\"loss\";oc-validity=1000;oc-seq={}.{:05}",
            self.share,
            now.as_secs(),
            now.subsec_micros() / 10
        );
        let marked = top.replace(";oc;oc-algo=\"loss\"", &order);
        text.replacen(&top, &marked, 1)
    }
}

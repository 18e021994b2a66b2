//! The voice of one end of a call: its port, what it has described, and what the other end has.

use std::net::SocketAddrV4;

use super::{
    Output,
    sdp::{self, Agreement, Description},
};
use crate::media::{LegName, Order};

#[derive(Debug)]
pub(super) struct Voice {
    local: SocketAddrV4,
    name: LegName,
    id: u64,
    version: u32,
    /// What was described last, without its version.
    described: String,
    agreement: Option<Agreement>,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Silent,
    Speaking,
    Over,
}

impl Voice {
    /// `local` is where it hears RTP; RTCP comes to the next port.
    pub(super) fn new(local: SocketAddrV4, name: LegName, id: u64) -> Self {
        let (described, agreement) = (String::new(), None);
        Self { local, name, id, version: 0, described, agreement, stage: Stage::Silent }
    }

    /// A description for who has given none.
    pub(super) fn offer(&mut self) -> String {
        self.describe(sdp::offer(self.local.port()))
    }

    /// The answer to an offer; None when there is nothing in it to accept.
    pub(super) fn answer(&mut self, offer: &[u8]) -> Option<String> {
        let offer = Description::read(offer)?;
        let (answer, agreement) = (offer.answer(self.local.port())?, offer.agreement()?);
        self.agreement = Some(agreement);
        Some(self.describe(answer))
    }

    /// Takes the answer to the own offer, early or not; nothing changes when there is none in it.
    pub(super) fn learn(&mut self, answer: &[u8]) {
        let agreement = Description::read(answer).and_then(|answer| answer.agreement());
        self.agreement = agreement.or(self.agreement);
    }

    /// To the leg: speak, or go on as is agreed now. None without an agreement.
    pub(super) fn speak(&mut self) -> Option<Output> {
        let Agreement { remote, speaking } = self.agreement?;
        let order = match self.stage {
            Stage::Silent => Order::Speak { name: self.name.clone(), remote, speaking },
            Stage::Speaking => Order::Redirect { remote, speaking },
            Stage::Over => return None,
        };
        self.stage = Stage::Speaking;
        Some(self.order(order))
    }

    /// To the leg: both ends are in the call now.
    pub(super) fn listen(&self) -> Output {
        self.order(Order::Listen)
    }

    /// To the leg: it is over. None when it was told before.
    pub(super) fn stop(&mut self) -> Option<Output> {
        let before = std::mem::replace(&mut self.stage, Stage::Over);
        (before != Stage::Over).then(|| self.order(Order::Stop))
    }

    fn order(&self, order: Order) -> Output {
        Output::Voice { port: self.local.port(), order }
    }

    /// RFC 3264 §8: the version goes up by one when the description changes, and only then.
    fn describe(&mut self, media: String) -> String {
        if media != self.described {
            self.version += 1;
            self.described = media;
        }
        sdp::print(*self.local.ip(), self.id, self.version, &self.described)
    }
}

//! What the ng protocol orders, in its words.

use super::{About, Desk, Exchange, Place, Undone, report};
use crate::{
    core::relay::{Answered, Curb, Named, Refusal, Switch},
    ng::{Call, Command, Delete, Gate, Gated, Party, Proposal, Refusal as Unfit, Reply, Sdp, Statistics},
    worker,
};
use ringway_router::Traffic;

impl From<Undone> for Reply {
    fn from(undone: Undone) -> Self {
        match undone {
            Undone::Refused(Refusal::NoCall) => Reply::unknown_call(),
            Undone::Unfit(refusal) => refusal.into(),
            undone => Reply::Refused(undone.to_string()),
        }
    }
}

impl Desk {
    /// Carries out one order.
    pub(super) async fn order(&self, command: Command, load_limit: bool) -> Reply {
        match command {
            Command::Ping => Reply::Pong,
            Command::Offer(proposal) => self.propose(*proposal, true, load_limit).await,
            Command::Answer(proposal) => self.propose(*proposal, false, load_limit).await,
            Command::Delete(delete) => self.delete(delete).await,
            Command::Query(query) => self.query(query.call.call_id).await,
            Command::List(limit) => Reply::Calls(self.list(limit).await),
            Command::Statistics => self.statistics().await,
            Command::Gate(gate) => self.gate(gate).await,
        }
    }

    async fn propose(&self, proposal: Proposal, offers: bool, load_limit: bool) -> Reply {
        let Proposal { call, sdp, wishes } = proposal;
        let (controller, traffic) = (String::new(), Traffic::voice());
        let (from, to) = (Place::Edge, Place::Edge);
        let exchange = Exchange { offers, sdp, controller, call, from, to, traffic, wishes };
        match self.exchange(exchange).await {
            Ok(sdp) => Reply::Sdp(Sdp(sdp.to_vec())),
            Err(undone) if undone.is_full() => Reply::full(load_limit),
            Err(undone) => undone.into(),
        }
    }

    async fn delete(&self, Delete { call, fatal, delay }: Delete) -> Reply {
        match self.about(call, About::Retire(delay.unwrap_or_default())).await {
            Ok(Answered::Over(report)) => Reply::Report(report::of(&report)),
            Ok(_) => unreachable!("a delete is answered by a report"),
            Err(Undone::Refused(Refusal::NoCall | Refusal::NoParty)) => Reply::nothing_deleted(fatal),
            Err(undone) => undone.into(),
        }
    }

    async fn query(&self, call_id: String) -> Reply {
        let call = Call { call_id, ..Call::default() };
        match self.about(call, About::Query).await {
            Ok(Answered::Report(report)) => Reply::Report(report::of(&report)),
            Ok(_) => unreachable!("a query is answered by a report"),
            Err(undone) => undone.into(),
        }
    }

    async fn gate(&self, gate: Gate) -> Reply {
        let curb = match gate.what {
            Gated::Media => Curb::Media,
            Gated::Sound => Curb::Voice,
            Gated::Dtmf => Curb::Keys,
            Gated::Copy => return Unfit::Unsupported("forwarding").into(),
        };
        // The relay holds back what a party sends, to whomever.
        if gate.to != Party::Everybody {
            return Unfit::Unsupported("to-tag").into();
        }
        let from_tag = match self.tag(&gate.call.call_id, gate.from).await {
            Ok(tag) => tag,
            Err(undone) => return undone.into(),
        };
        let switch = if gate.closed { Switch::On } else { Switch::Off };
        let call = Call { from_tag, to_tag: String::new(), ..gate.call };
        self.about(call, About::Curb(curb, switch)).await.map_or_else(Reply::from, |_| Reply::done())
    }

    /// The tag of a party; empty: of all.
    async fn tag(&self, call_id: &str, party: Party) -> Result<String, Undone> {
        let call = call_id.to_owned();
        let found = self.worker(call_id).ask(move |path, _| match party {
            Party::Everybody => Ok(String::new()),
            Party::Tag(tag) => Ok(tag),
            Party::Label(label) => {
                path.relay().tag_of(&call, Named::Label(&label)).map(|tag| tag.to_string())
            }
            Party::Address(ip) => path.relay().tag_of(&call, Named::Address(ip)).map(|tag| tag.to_string()),
        });
        Ok(found.await??)
    }

    async fn statistics(&self) -> Reply {
        let Some(sums) = self.look().await else { return Undone::Worker(worker::Refusal::Ended).into() };
        Reply::Statistics(Box::new(Statistics {
            calls: sums.calls() as u64,
            packets: sums.passed(),
            errors: sums.dropped(),
            ..Statistics::default()
        }))
    }
}

//! Offers and answers.

use super::{Desk, Undone, accord::Accord, describe::Draft};
use crate::{
    core::{
        RelayId,
        relay::{Answered, Local, Order, Refusal, Side},
    },
    ng::{Call, Refusal as Unfit, Wishes},
    path::Path,
    worker::Turn,
};
use bytes::Bytes;
use ringway_node::chance;
use ringway_router::{Region, Traffic};
use ringway_sip::sdp::{Description, Limits};
use std::sync::{Arc, atomic::Ordering};

/// A description, and what its controller says of it.
#[derive(Debug)]
pub(crate) struct Exchange {
    /// Whether it is an offer; else it is an answer.
    pub(crate) offers: bool,
    /// The description.
    pub(crate) sdp: Vec<u8>,
    /// Who orders; empty: a controller without a lease.
    pub(crate) controller: String,
    /// Of which call it is, and between whom.
    pub(crate) call: Call,
    /// Where its sender has its media.
    pub(crate) from: Place,
    /// Where its receiver has.
    pub(crate) to: Place,
    /// What the call is, for the rules of the mesh.
    pub(crate) traffic: Traffic,
    /// What else is wanted.
    pub(crate) wishes: Wishes,
}

/// Where somebody has its media.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// Phones and trunks.
    Edge,
    /// Another region. `None`: the one whose relay the description names; or as before.
    Mesh(Option<Region>),
}

impl Desk {
    /// Has the relay carry out an offer or answer; what goes on.
    ///
    /// # Errors
    /// When it is not carried out: nothing has changed then.
    pub(crate) async fn exchange(&self, exchange: Exchange) -> Result<Bytes, Undone> {
        let Exchange { offers, sdp, controller, call, from, to, traffic, wishes } = exchange;
        let description = Description::parse(sdp, &Limits::default())?;
        let named = match &from {
            Place::Mesh(_) => self.named(&description).await?,
            Place::Edge => None,
        };
        let from = match from {
            Place::Mesh(Some(said)) if named.as_ref().is_some_and(|named| *named != said) => {
                return Err(Undone::NoTunnel);
            }
            Place::Mesh(said) => Place::Mesh(said.or(named)),
            Place::Edge => Place::Edge,
        };
        let sides =
            [self.side(from, 0, &wishes, &traffic).await?, self.side(to, 1, &wishes, &traffic).await?];
        let draft = Draft::read(&description, controller, call, wishes, (sides, Arc::new(traffic)))
            .map_err(Undone::Unfit)?;
        let draft = Arc::new(draft);
        let drains = offers && self.draining.load(Ordering::Relaxed);
        let of_worker = Arc::clone(&draft);
        let answered = self.worker(&draft.call.call_id).ask(move |path, turn| {
            let call_id = &of_worker.call.call_id;
            if drains && path.order(Order::Query { call_id }, turn) == Err(Refusal::NoCall) {
                // Its controller asks the next relay.
                return Err(Refusal::Calls.into());
            }
            carry_out(&of_worker, offers, path, turn)
        });
        let (locals, accords) = answered.await??;
        let own = self.steering().map(|steering| steering.own());
        Ok(draft.write(&description, (&locals, &accords), &self.settings, own))
    }

    /// The region of the relay that a description from the mesh names. `None`: it names none, because it refuses everything.
    async fn named(&self, description: &Description) -> Result<Option<Region>, Undone> {
        let steering = self.steering().ok_or(Undone::NoTunnel)?;
        let mut region = None;
        for media in description.media().filter(|media| !media.is_rejected() && media.profile().is_some()) {
            let tunnel = media.tunnel().ok().flatten().ok_or(Undone::NoTunnel)?;
            let of = steering.region_of(RelayId(tunnel.relay)).await.ok_or(Undone::UnknownRelay)?;
            if region.get_or_insert_with(|| of.clone()) != &of {
                return Err(Undone::NoTunnel);
            }
        }
        Ok(region)
    }

    async fn side(
        &self,
        place: Place,
        at: usize,
        wishes: &Wishes,
        traffic: &Traffic,
    ) -> Result<Side, Undone> {
        match place {
            Place::Edge => {
                let name = wishes.interfaces.get(at).map_or("", String::as_str);
                let unknown = || Undone::Unfit(Unfit::Invalid("direction"));
                let interface = self.settings.interface(name).ok_or_else(unknown)?;
                // Only the receiver of a description gets another kind of address than it asks for.
                Ok(Side::Edge { interface, family: wishes.family.filter(|_| at == 1).map(Into::into) })
            }
            Place::Mesh(None) => Ok(Side::Mesh { route: None }),
            Place::Mesh(Some(region)) => {
                let steering = self.steering().ok_or(Undone::NoTunnel)?;
                Ok(Side::Mesh { route: Some(steering.key(&region, traffic).await?) })
            }
        }
    }
}

/// What a worker does with a description: what is agreed on so far, what becomes of that, and where media goes. Nothing has
/// changed when one of them fails.
fn carry_out(
    draft: &Draft,
    offers: bool,
    path: &mut Path,
    turn: &mut Turn<'_>,
) -> Result<(Vec<Local>, Vec<Option<Accord>>), Undone> {
    let terms = path.relay().terms(draft.whom(), offers, draft.sections());
    let mut accords = draft.agree(offers, terms, chance::bytes)?;
    let answered = draft.with(&accords, |description| {
        path.order(if offers { Order::Offer(description) } else { Order::Answer(description) }, turn)
    })?;
    let Answered::Media(locals) = answered else { unreachable!("an offer or answer is answered by media") };
    let terms = accords.iter_mut().map(|accord| accord.as_mut().map(Accord::take_terms).unwrap_or_default());
    path.relay().keep(draft.whom(), offers, draft.label(), terms.collect());
    Ok((locals, accords))
}

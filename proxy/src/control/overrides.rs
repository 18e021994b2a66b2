//! Orders by hand: what was ordered here and at the other nodes, and which of it is in force.
//!
//! A node holds what it was asked for, in its statement and, where configured, in a file. An order is taken back by a
//! later word about the same subject, at whichever node, so nobody has to know who holds it. Where clocks differ, a later
//! word is later all the same: it is given a time after every word that is known about its subject.

use super::Control;
use crate::mesh::{
    instruction::{INSTRUCTIONS_MAX, Instruction, Subject, WORDS_MAX},
    statement::Statement,
};
use ringway_router::{self as router, NodeId, Order, Override, Region, Time};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

/// That something was taken back is said for so long: a node that was away meanwhile, and held it, has to hear of it.
const REVOKED_FOR: Duration = Duration::from_secs(7 * 86_400);
/// A node that is gone keeps its orders here for so long, or until it comes back and says otherwise.
const GONE_FOR: Duration = Duration::from_secs(86_400);
/// No word is believed to be given later than this from now.
const AHEAD_MAX: Duration = Duration::from_secs(3_600);
/// Nodes whose orders are kept.
const NODES_MAX: usize = 1_024;

/// Why an order was not taken.
#[derive(Debug, thiserror::Error)]
pub enum NotOrdered {
    /// A region that no node is in and no link leads to: a slip of the pen, most likely.
    #[error("no node of this mesh has heard of a region {0}")]
    Unknown(Region),
    /// A pin without an end would be forgotten.
    #[error("a pin needs a time after which it ends by itself (--for)")]
    Endless,
    /// The reason is too long.
    #[error("a reason may have {WORDS_MAX} bytes")]
    Long,
    /// There is nothing of the kind.
    #[error("there is no order about {0}")]
    None(Subject),
    /// No room.
    #[error(
        "this node holds {INSTRUCTIONS_MAX} orders already, with those taken back in the last seven days; ask another one"
    )]
    Full,
    /// It would be gone with the process.
    #[error("{}: {source}", file.display())]
    Unwritable {
        /// The file of overrides.
        file: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// An order and the node that holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The order.
    pub instruction: Instruction,
    /// Who holds it.
    pub held_by: NodeId,
}

/// All instructions that are known.
pub struct Orders {
    own: Vec<Instruction>,
    file: Option<PathBuf>,
    others: BTreeMap<NodeId, Others>,
    told: Vec<Override>,
    /// What was told to the router may not be true any more.
    changed: bool,
}

struct Others {
    instructions: Vec<Instruction>,
    gone_since: Option<Time>,
}

impl Orders {
    /// What the node held when it was ended.
    ///
    /// # Errors
    /// When the file is there and cannot be read: what it forbids is not known then.
    pub fn load(file: Option<PathBuf>) -> io::Result<Self> {
        let own = file.as_deref().map(read).transpose()?.unwrap_or_default();
        Ok(Self { own, file, others: BTreeMap::new(), told: Vec::new(), changed: true })
    }

    /// What goes into the node's statement.
    pub(super) fn own(&self) -> &[Instruction] {
        &self.own
    }

    /// A node spoke.
    pub(super) fn hear(&mut self, statement: &Statement, own: &NodeId) {
        let Statement { origin, overrides, .. } = statement;
        if origin == own {
            return;
        }
        let full = self.others.len() >= NODES_MAX;
        match self.others.get_mut(origin) {
            Some(held) if held.instructions == *overrides => held.gone_since = None,
            None if overrides.is_empty() || full => {}
            _ => {
                self.changed = true;
                if overrides.is_empty() {
                    self.others.remove(origin);
                } else {
                    let held = Others { instructions: overrides.clone(), gone_since: None };
                    self.others.insert(origin.clone(), held);
                }
            }
        }
    }

    /// A node is gone. What it was ordered holds on.
    pub(super) fn lose(&mut self, node: &NodeId, now: Time) {
        if let Some(held) = self.others.get_mut(node) {
            held.gone_since = Some(now);
        }
    }

    /// The last word about every subject, those taken back among them.
    fn last(&self, now: Time, own: &NodeId) -> BTreeMap<Subject, Standing> {
        let latest = now + AHEAD_MAX;
        let mut last: BTreeMap<Subject, Standing> = BTreeMap::new();
        let others = self.others.iter().map(|(node, held)| (node, &held.instructions));
        for (node, instructions) in others.chain([(own, &self.own)]) {
            for instruction in instructions.iter().filter(|one| one.given <= latest) {
                let subject = Subject::of(&instruction.order);
                let rank =
                    |one: &Standing| (one.instruction.given, one.instruction.revoked, one.held_by.clone());
                let standing = Standing { instruction: instruction.clone(), held_by: node.clone() };
                if last.get(&subject).is_none_or(|known| rank(known) < rank(&standing)) {
                    last.insert(subject, standing);
                }
            }
        }
        last
    }

    fn in_force(&self, now: Time, own: &NodeId) -> Vec<Standing> {
        let in_force =
            |standing: &Standing| !standing.instruction.revoked && !standing.instruction.has_ended(now);
        self.last(now, own).into_values().filter(in_force).collect()
    }

    /// Drops what has ended. Returns whether the own orders changed.
    fn prune(&mut self, now: Time) -> bool {
        let before = self.own.len();
        self.own.retain(|one| !(one.has_ended(now) || one.revoked && one.given + REVOKED_FOR <= now));
        let known = self.others.len();
        let is_kept = |held: &Others| held.gone_since.is_none_or(|since| since + GONE_FOR > now);
        self.others.retain(|_, held| is_kept(held));
        self.changed |= before != self.own.len() || known != self.others.len();
        before != self.own.len()
    }

    /// Holds another instruction in place of an own one about the same subject. Nothing has changed when it fails.
    fn hold(&mut self, instruction: Instruction) -> Result<(), NotOrdered> {
        let subject = Subject::of(&instruction.order);
        let mut next: Vec<_> =
            self.own.iter().filter(|one| Subject::of(&one.order) != subject).cloned().collect();
        if next.len() >= INSTRUCTIONS_MAX {
            return Err(NotOrdered::Full);
        }
        next.push(instruction);
        if let Some(file) = &self.file {
            write(file, &next).map_err(|source| NotOrdered::Unwritable { file: file.clone(), source })?;
        }
        self.own = next;
        self.changed = true;
        Ok(())
    }
}

impl Control {
    /// Orders something, for so long.
    ///
    /// # Errors
    /// When it is refused. Nothing has changed then.
    pub fn order(
        &mut self,
        order: Order,
        lasts: Option<Duration>,
        by: &str,
        why: &str,
    ) -> Result<Standing, NotOrdered> {
        if lasts.is_none() && matches!(order, Order::PinRoute(_)) {
            return Err(NotOrdered::Endless);
        }
        if why.len() > WORDS_MAX || by.len() > WORDS_MAX {
            return Err(NotOrdered::Long);
        }
        let known = self.known_regions();
        let named = match &order {
            Order::DisableLink { from, to } => vec![from, to],
            Order::DrainRegion(region) => vec![region],
            Order::PinRoute(path) => path.regions().iter().collect(),
        };
        if let Some(unknown) = named.into_iter().find(|region| !known.contains(region)) {
            return Err(NotOrdered::Unknown(unknown.clone()));
        }
        let until = lasts.map(|lasts| self.time() + lasts);
        self.say_order(order, until, by, why, false)
    }

    /// Takes an order back, whichever node holds it.
    ///
    /// # Errors
    /// When there is none, or it cannot be noted.
    pub fn take_back(&mut self, subject: &Subject, by: &str) -> Result<Standing, NotOrdered> {
        let standing = self.orders().into_iter().find(|one| Subject::of(&one.instruction.order) == *subject);
        let Standing { instruction, .. } = standing.ok_or_else(|| NotOrdered::None(subject.clone()))?;
        self.say_order(instruction.order, instruction.until, by, &instruction.why, true)
    }

    /// The orders that are in force, in the whole mesh as far as it is known here.
    #[must_use]
    pub fn orders(&self) -> Vec<Standing> {
        self.orders.in_force(self.time(), &self.facts.own)
    }

    /// Every region that a node is in, or a link leads to.
    #[must_use]
    pub fn known_regions(&self) -> BTreeSet<Region> {
        let of_nodes = self.nodes().into_iter().map(|node| node.statement.origin.region.clone());
        let of_links = self.router.links(self.time()).into_iter().flat_map(|link| [link.from, link.to]);
        of_nodes.chain(of_links).chain([self.facts.own.region.clone()]).collect()
    }

    /// Tells the router what is in force, when that is something else than it was.
    pub(super) fn settle_orders(&mut self) {
        let now = self.time();
        if self.orders.prune(now) {
            // What has ended by itself has ended everywhere; the file and the statement follow when something else does.
            tracing::info!(held = self.orders.own.len(), "an order has ended");
        }
        let ended = |one: &Override| one.until.is_some_and(|until| until <= now);
        if !self.orders.changed && !self.orders.told.iter().any(ended) {
            return;
        }
        self.orders.changed = false;
        let told: Vec<Override> = self.orders().into_iter().map(told).collect();
        let metrics = self.handle.metrics();
        metrics.overrides_active.set(i64::try_from(told.len()).unwrap_or(i64::MAX));
        if told != self.orders.told {
            self.orders.told.clone_from(&told);
            self.tell_router(router::Input::Overrides(told));
        }
    }

    fn say_order(
        &mut self,
        order: Order,
        until: Option<Time>,
        by: &str,
        why: &str,
        revoked: bool,
    ) -> Result<Standing, NotOrdered> {
        let (now, own) = (self.time(), self.facts.own.clone());
        self.orders.prune(now);
        let last = self.orders.last(now, &own);
        let after = last.get(&Subject::of(&order)).map(|known| known.instruction.given.micros() + 1);
        let given = Time::from_micros(after.unwrap_or_default().max(now.micros()));
        let (by, why) = (by.to_owned(), why.to_owned());
        let instruction = Instruction { order, given, until, by, why, revoked };
        self.orders.hold(instruction.clone())?;
        self.settle_orders();
        self.speak(false);
        Ok(Standing { instruction, held_by: own })
    }
}

fn told(standing: Standing) -> Override {
    let Standing { instruction: Instruction { order, until, by, why, .. }, held_by } = standing;
    Override { order, until, by: format!("{by}@{held_by}"), why }
}

fn read(file: &Path) -> io::Result<Vec<Instruction>> {
    match fs::read_to_string(file) {
        Ok(text) => serde_json::from_str(&text).map_err(io::Error::other),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// Whole or not at all: beside the file, then in its place.
fn write(file: &Path, own: &[Instruction]) -> io::Result<()> {
    let text = serde_json::to_vec_pretty(own).map_err(io::Error::other)?;
    let beside = file.with_extension("new");
    fs::write(&beside, text)?;
    fs::rename(&beside, file)
}

#[cfg(test)]
mod tests;

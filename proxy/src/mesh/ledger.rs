//! The ledger: the latest word of every node, each one checked against the certificate of its origin.
//!
//! A statement counts when its signature fits the origin's admitted certificate, whoever carried it here. So a node
//! can pass on what others say, and cannot make it up.

use super::{
    convert::{self, Unreadable},
    flood::crowd,
    statement::Statement,
};
use crate::location::Unfit;
use ringway_node::identity::{Authority, IdentityError, Member};
use ringway_router::{NodeId, RefusedReport};
use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::{Duration, Instant},
};

/// Nodes that a mesh may have: enough for 500 regions of four, and an end to what a flood of names can cost.
const MEMBERS_MAX: usize = 4_096;

/// How many refreshes of a node have to be missed until it is gone.
pub const REFRESHES: f64 = 3.5;

/// The longest time between two words that a node may promise.
pub const REFRESH_MAX: Duration = Duration::from_secs(120);

/// So nobody's word stands for longer than this.
pub const LIFETIME_MAX: Duration = Duration::from_secs(420);

/// How long the last word of a node that is gone is remembered: longer than anybody's knowledge of it lives.
const REMEMBERED: Duration = Duration::from_secs(1_800);

/// See the module.
pub struct Ledger {
    own: NodeId,
    authority: Authority,
    expiry: Duration,
    members: HashMap<NodeId, Member>,
    held: BTreeMap<NodeId, Held>,
    /// The last word of those who are gone: what is as old is no sign of life, whoever repeats it.
    gone: HashMap<NodeId, Gone>,
}

struct Gone {
    incarnation: u64,
    sequence: u64,
    signed: Arc<Signed>,
    since: Instant,
}

/// The latest word of one node: its latest full statement, and the latest one that amends it.
#[derive(Clone)]
pub struct Held {
    /// The hash of the node's name.
    pub name: u64,
    /// What both together say.
    pub statement: Arc<Statement>,
    /// The full statement.
    full: Arc<Statement>,
    /// As it was signed, to be passed on.
    full_signed: Arc<Signed>,
    /// What amends it, as it was signed.
    amended: Option<Arc<Signed>>,
    /// When the latest of it came.
    pub heard: Instant,
}

impl Held {
    /// Sequence of the full statement.
    #[must_use]
    pub fn full_sequence(&self) -> u64 {
        self.full.sequence
    }

    /// Incarnation and sequence of the latest of it.
    #[must_use]
    pub fn version(&self) -> (u64, u64) {
        (self.statement.incarnation, self.statement.sequence)
    }

    /// What somebody lacks who holds that version of it, in the order in which it has to be told.
    pub fn since(&self, (incarnation, sequence): (u64, u64)) -> impl Iterator<Item = &Arc<Signed>> {
        let has_basis = (incarnation, sequence) >= (self.full.incarnation, self.full.sequence);
        let has_all = (incarnation, sequence) >= self.version();
        let full = (!has_basis).then_some(&self.full_signed);
        full.into_iter().chain(self.amended.as_ref().filter(|_| !has_all))
    }

    /// The latest of it, as it was signed.
    #[must_use]
    pub fn latest(&self) -> &Arc<Signed> {
        self.amended.as_ref().unwrap_or(&self.full_signed)
    }
}

/// A serialized statement and its signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    /// The statement.
    pub statement: Vec<u8>,
    /// ECDSA P-256 over it.
    pub signature: Vec<u8>,
}

/// What became of a statement that came in.
#[derive(Debug)]
pub enum Heard {
    /// It is news: take it in and pass it on.
    New(Box<Statement>),
    /// Known already, or older than what is known.
    Known,
    /// It is of an earlier incarnation than what is known, which is this.
    Outdated(NodeId, Arc<Signed>),
    /// It is of a later incarnation of this node than this one: from before its clock was set back, or of a second
    /// process, or of somebody who has its key.
    Own(u64),
    /// It amends what this node does not hold: ask for the whole.
    Gap(NodeId),
}

/// Why an introduction or a statement was refused.
#[derive(Debug, thiserror::Error)]
pub enum RefusedWord {
    /// The certificate is not of this mesh, or the signature not of this origin.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The statement cannot be read, or speaks for others.
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    /// No certificate of this origin came before.
    #[error("{0} was not introduced")]
    NotIntroduced(NodeId),
    /// Somebody says that it is us.
    #[error("another node claims to be {0}")]
    Impostor(NodeId),
    /// More of something than there may be: nodes of the mesh, bindings in a frame.
    #[error("too many {0}")]
    TooMany(&'static str),
    /// What it says of links cannot be true.
    #[error(transparent)]
    Report(#[from] RefusedReport),
    /// More than anybody can have a reason to say.
    #[error("a flood of statements")]
    Flood,
    /// A binding that no registrar of ours would write.
    #[error(transparent)]
    Unfit(#[from] Unfit),
    /// A binding for which the directory has no room.
    #[error("the directory is full")]
    DirectoryFull,
}

impl RefusedWord {
    /// The metric label.
    #[must_use]
    pub fn label(&self) -> &'static str {
        match self {
            Self::Identity(IdentityError::Forged) => "forged",
            Self::Identity(_) => "untrusted",
            Self::Unreadable(Unreadable::ForeignLink(_)) => "foreign_link",
            Self::Unreadable(_) => "unreadable",
            Self::NotIntroduced(_) => "not_introduced",
            Self::Impostor(_) => "impostor",
            Self::TooMany(_) => "too_many",
            Self::Report(why) => why.label(),
            Self::Flood => "flood",
            Self::Unfit(_) => "unfit_binding",
            Self::DirectoryFull => "directory_full",
        }
    }
}

impl Ledger {
    /// `expiry`: a node that was not heard of for so long is gone, unless it said that it would speak more rarely.
    #[must_use]
    pub fn new(own: NodeId, authority: Authority, expiry: Duration) -> Self {
        Self { own, authority, expiry, members: HashMap::new(), held: BTreeMap::new(), gone: HashMap::new() }
    }

    /// Admits the certificate of a node. True when it is new here, so that it has to be passed on.
    ///
    /// # Errors
    /// When it is not of this mesh.
    pub fn introduce(&mut self, unix_us: u64, certificate: &[u8]) -> Result<(NodeId, bool), RefusedWord> {
        let known = self.members.iter().find(|(_, member)| member.certificate() == certificate);
        if let Some((node, _)) = known {
            return Ok((node.clone(), false));
        }
        let member = self.authority.admit(certificate, unix_us)?;
        let node = convert::node_id(&member.id().region, &member.id().node)?;
        if self.members.len() >= MEMBERS_MAX && !self.members.contains_key(&node) {
            // Names come and go with the machines; those who are silent make room.
            let held = &self.held;
            self.members.retain(|node, _| held.contains_key(node));
            if self.members.len() >= MEMBERS_MAX {
                return Err(RefusedWord::TooMany("nodes"));
            }
        }
        self.members.insert(node.clone(), member);
        Ok((node, true))
    }

    /// Takes in a signed statement. What is no news is found out before its signature costs anything; of what is news,
    /// `is_patient` says whether the origin may still say something.
    ///
    /// # Errors
    /// When it cannot be read, is not its origin's, speaks for others, or cannot be true.
    pub fn hear(
        &mut self,
        now: Instant,
        signed: Signed,
        is_patient: impl FnOnce(&NodeId) -> bool,
    ) -> Result<Heard, RefusedWord> {
        let statement = convert::decode(&signed.statement)?;
        let origin = statement.origin.clone();
        let member = self.members.get(&origin).ok_or_else(|| RefusedWord::NotIntroduced(origin.clone()))?;
        let is_old = |(incarnation, sequence)| !statement.is_newer_than(incarnation, sequence);
        let held = self.held.get(&origin);
        let of_gone = |gone: &Gone| ((gone.incarnation, gone.sequence), Arc::clone(&gone.signed));
        let latest = held.map(|held| (held.version(), Arc::clone(held.latest())));
        let latest = latest.or_else(|| self.gone.get(&origin).map(of_gone));
        if let Some((version, latest)) = latest.filter(|(version, _)| is_old(*version)) {
            let is_of_before = statement.incarnation < version.0;
            return Ok(if is_of_before { Heard::Outdated(origin, latest) } else { Heard::Known });
        }
        member.verify(&signed.statement, &signed.signature)?;
        if origin == self.own {
            return Ok(Heard::Own(statement.incarnation));
        }
        statement.report().check()?;
        let stands = |held: &Held| {
            (held.full.incarnation, held.full.sequence) == (statement.incarnation, statement.basis)
        };
        if !statement.is_full() && !held.is_some_and(stands) {
            return Ok(Heard::Gap(origin));
        }
        if !is_patient(&origin) {
            return Err(RefusedWord::Flood);
        }
        self.keep(now, statement.clone(), signed);
        Ok(Heard::New(Box::new(statement)))
    }

    /// Keeps this node's own word.
    pub fn say(&mut self, now: Instant, statement: Statement, signed: Signed) {
        debug_assert_eq!(statement.origin, self.own, "a node speaks for itself");
        self.keep(now, statement, signed);
    }

    /// Keeps a statement that stands on what is held, or on itself.
    fn keep(&mut self, now: Instant, statement: Statement, signed: Signed) {
        let origin = statement.origin.clone();
        self.gone.remove(&origin);
        match self.held.get_mut(&origin) {
            Some(held) if !statement.is_full() => {
                held.statement = Arc::new(statement.on(&held.full));
                held.amended = Some(Arc::new(signed));
                held.heard = now;
            }
            Some(_) | None => {
                let statement = Arc::new(statement);
                let (full, full_signed) = (Arc::clone(&statement), Arc::new(signed));
                let name = crowd::hash(&origin);
                self.held
                    .insert(origin, Held { name, statement, full, full_signed, amended: None, heard: now });
            }
        }
    }

    /// Forgets the nodes that were silent for too long, or said that they leave. Returns what they said last.
    pub fn expire(&mut self, now: Instant) -> Vec<Arc<Statement>> {
        let silent: Vec<NodeId> = self
            .held
            .iter()
            .filter(|(node, held)| **node != self.own && !self.is_live(now, held))
            .map(|(node, _)| node.clone())
            .collect();
        let mut gone = Vec::new();
        for node in silent {
            if let Some(held) = self.held.remove(&node) {
                let ((incarnation, sequence), signed) = (held.version(), Arc::clone(held.latest()));
                self.gone.insert(node, Gone { incarnation, sequence, signed, since: now });
                gone.push(held.statement);
            }
        }
        self.gone.retain(|_, gone| now.saturating_duration_since(gone.since) < REMEMBERED);
        gone
    }

    /// Whether a statement still stands for a living node.
    #[must_use]
    pub fn is_live(&self, now: Instant, held: &Held) -> bool {
        // What its refresh may be is bounded: who lies about it is forgotten all the same.
        let refresh = held.statement.refresh.min(REFRESH_MAX);
        let lifetime = self.expiry.max(refresh.mul_f64(REFRESHES));
        !held.statement.leaving && now.saturating_duration_since(held.heard) < lifetime
    }

    /// Those who are gone, with incarnation and sequence of their last word.
    pub fn gone(&self) -> impl Iterator<Item = (&NodeId, (u64, u64))> {
        self.gone.iter().map(|(node, gone)| (node, (gone.incarnation, gone.sequence)))
    }

    /// The latest word of every node, this one included.
    pub fn all(&self) -> impl Iterator<Item = (&NodeId, &Held)> {
        self.held.iter()
    }

    /// The latest word of one node.
    #[must_use]
    pub fn of(&self, node: &NodeId) -> Option<&Held> {
        self.held.get(node)
    }

    /// Checks that a node signed `text`.
    ///
    /// # Errors
    /// When it did not, or was never introduced.
    pub fn verify(&self, node: &NodeId, text: &[u8], signature: &[u8]) -> Result<(), RefusedWord> {
        let member = self.members.get(node).ok_or_else(|| RefusedWord::NotIntroduced(node.clone()))?;
        Ok(member.verify(text, signature)?)
    }

    /// The certificate of a node, X.509 in DER.
    #[must_use]
    pub fn certificate(&self, node: &NodeId) -> Option<&[u8]> {
        self.members.get(node).map(Member::certificate)
    }
}

#[cfg(test)]
mod tests;

//! The ledger: the latest word of every node, each one checked against the certificate of its origin.
//!
//! A statement counts when its signature fits the origin's admitted certificate, whoever carried it here. So a node
//! can pass on what others say, and cannot make it up.

use super::{
    convert::{self, Unreadable},
    statement::Statement,
};
use crate::location::Unfit;
use ringway_node::identity::{Authority, IdentityError, Member};
use ringway_router::NodeId;
use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::{Duration, Instant},
};

/// Nodes that a mesh may have: enough for 500 regions of four, and an end to what a flood of names can cost.
const MEMBERS_MAX: usize = 4_096;

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
    since: Instant,
}

/// The latest statement of one node.
#[derive(Clone)]
pub struct Held {
    /// What it says.
    pub statement: Arc<Statement>,
    /// As it was signed, to be passed on.
    pub signed: Arc<Signed>,
    /// When it came.
    pub heard: Instant,
}

/// A serialized statement and its signature.
#[derive(Debug, PartialEq, Eq)]
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
    New(Arc<Statement>),
    /// Known already, or older than what is known.
    Known,
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
            Self::Unfit(_) => "unfit_binding",
            Self::DirectoryFull => "directory_full",
        }
    }
}

impl Ledger {
    /// `expiry`: a node that was not heard of for so long is gone.
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

    /// Takes in a signed statement.
    ///
    /// # Errors
    /// When it cannot be read, is not its origin's, or speaks for others.
    pub fn hear(&mut self, now: Instant, signed: Signed) -> Result<Heard, RefusedWord> {
        let statement = convert::decode(&signed.statement)?;
        let origin = statement.origin.clone();
        let member = self.members.get(&origin).ok_or_else(|| RefusedWord::NotIntroduced(origin.clone()))?;
        if self.held.get(&origin).is_some_and(|held| !newer(&statement, held)) {
            return Ok(Heard::Known);
        }
        if self
            .gone
            .get(&origin)
            .is_some_and(|gone| !statement.is_newer_than(gone.incarnation, gone.sequence))
        {
            return Ok(Heard::Known);
        }
        member.verify(&signed.statement, &signed.signature)?;
        if origin == self.own {
            // A later incarnation of our own name is somebody who has our key, or a second process.
            return Err(RefusedWord::Impostor(origin));
        }
        Ok(Heard::New(self.keep(now, statement, signed)))
    }

    /// Keeps this node's own word.
    pub fn say(&mut self, now: Instant, statement: Statement, signed: Signed) {
        debug_assert_eq!(statement.origin, self.own, "a node speaks for itself");
        self.keep(now, statement, signed);
    }

    /// Forgets the nodes that were silent for too long, or said that they leave.
    pub fn expire(&mut self, now: Instant) -> Vec<NodeId> {
        let gone: Vec<NodeId> = self
            .held
            .iter()
            .filter(|(node, held)| **node != self.own && !self.is_live(now, held))
            .map(|(node, _)| node.clone())
            .collect();
        for node in &gone {
            if let Some(Held { statement, .. }) = self.held.remove(node) {
                let Statement { incarnation, sequence, .. } = *statement;
                self.gone.insert(node.clone(), Gone { incarnation, sequence, since: now });
            }
        }
        self.gone.retain(|_, gone| now.saturating_duration_since(gone.since) < REMEMBERED);
        gone
    }

    /// Whether a statement still stands for a living node.
    #[must_use]
    pub fn is_live(&self, now: Instant, held: &Held) -> bool {
        !held.statement.leaving && now.saturating_duration_since(held.heard) < self.expiry
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

    fn keep(&mut self, now: Instant, statement: Statement, signed: Signed) -> Arc<Statement> {
        let statement = Arc::new(statement);
        let held = Held { statement: Arc::clone(&statement), signed: Arc::new(signed), heard: now };
        self.held.insert(statement.origin.clone(), held);
        statement
    }
}

fn newer(statement: &Statement, held: &Held) -> bool {
    statement.is_newer_than(held.statement.incarnation, held.statement.sequence)
}

#[cfg(test)]
mod tests;

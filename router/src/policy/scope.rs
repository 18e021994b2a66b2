//! Which calls a rule is about: from where to where, of which class, whose, to which numbers, and when.

use std::fmt;

use super::{Glob, when::Window};
use crate::{Class, Region, Time, Traffic};

/// Which calls a rule is about. What is left out fits all.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Scope {
    pub(crate) from: Glob,
    pub(crate) to: Glob,
    pub(crate) both_ways: bool,
    pub(crate) asked: Asked,
    pub(crate) when: Option<Window>,
}

/// What a rule asks of the call itself. An empty list asks nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Asked {
    pub(crate) classes: Vec<Class>,
    pub(crate) tenants: Vec<TenantWord>,
    /// What called numbers start with.
    pub(crate) called: Vec<String>,
}

/// `acme`, or `acme-*`. Two of these either exclude each other or one contains the other; so all mixtures of rules that
/// calls can meet are known beforehand.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum TenantWord {
    /// Exactly this one.
    Is(String),
    /// Every one that starts so.
    StartsWith(String),
}

impl Scope {
    /// Whether it is about calls between these regions.
    pub(crate) fn joins(&self, from: &Region, to: &Region) -> bool {
        let fits =
            |from: &Region, to: &Region| self.from.matches(from.as_str()) && self.to.matches(to.as_str());
        fits(from, to) || (self.both_ways && fits(to, from))
    }

    /// Whether it holds at this moment.
    pub(crate) fn holds(&self, at: Time) -> bool {
        self.when.is_none_or(|when| when.contains(at))
    }
}

impl Asked {
    /// Whether it asks anything at all.
    pub(crate) fn is_nothing(&self) -> bool {
        self.classes.is_empty() && self.tenants.is_empty() && self.called.is_empty()
    }

    /// Whether the call is one of those.
    pub(crate) fn fits(&self, traffic: &Traffic) -> bool {
        let Traffic { class, tenant, called } = traffic;
        let tenant = tenant.as_ref();
        (self.classes.is_empty() || self.classes.contains(class))
            && (self.tenants.is_empty()
                || tenant.is_some_and(|tenant| self.tenants.iter().any(|word| word.fits(tenant.as_str()))))
            && (self.called.is_empty() || self.called.iter().any(|start| called.starts_with(start)))
    }
}

impl TenantWord {
    /// Whether it means this tenant.
    pub(crate) fn fits(&self, tenant: &str) -> bool {
        match self {
            Self::Is(name) => name == tenant,
            Self::StartsWith(start) => tenant.starts_with(start),
        }
    }
}

impl fmt::Display for TenantWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Is(name) => f.write_str(name),
            Self::StartsWith(start) => write!(f, "{start}*"),
        }
    }
}

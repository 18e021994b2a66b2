//! What a call is, beyond where it goes: its class, whose it is, whom it calls. Rules may speak of any of these, so calls
//! to one region can need several routes. Which ones there can be is known from the policy alone (its slices), so that
//! every table is complete before a call asks it.

use serde::{Deserialize, Serialize};

use crate::{Class, Tenant};

/// One call, as far as rules can speak of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Traffic {
    /// Its class.
    pub class: Class,
    /// Whose it is; `None`: nobody said.
    pub tenant: Option<Tenant>,
    /// The user part of the Request-URI; empty when there is none.
    pub called: String,
}

/// The calls that the same rules speak of: one route for each destination and slice.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Slice {
    /// The class, which decides how quality is heard.
    pub class: Class,
    /// One bit a rule, in the order of the document: those that name a class, tenant or prefix, and fit.
    pub rules: u64,
}

impl Traffic {
    /// A voice call of nobody in particular.
    pub fn voice() -> Self {
        Self { class: Class::voice(), tenant: None, called: String::new() }
    }
}

impl Slice {
    /// Voice that no rule about classes, tenants or prefixes speaks of.
    pub fn voice() -> Self {
        Self { class: Class::voice(), rules: 0 }
    }
}

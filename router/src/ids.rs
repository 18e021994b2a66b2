//! The names the router deals in. All of them obey one charset, the one of a DNS label, because a region
//! and a class travel inside SIP URIs and host names.

use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Serialize};

/// The longest name, in characters: a DNS label (RFC 1035 §2.3.4).
pub const NAME_LEN_MAX: usize = 63;

/// A name that is not 1 to 63 characters of `a-z`, `0-9` and `-`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind} {name:?} is not 1 to 63 characters of a-z, 0-9 and -")]
pub struct InvalidName {
    /// What the name was meant for: `region`, `node` or `class`.
    pub kind: &'static str,
    /// The name as it was given, cut to 80 characters.
    pub name: String,
}

/// One name type: cheap to clone, ordered, never empty, printed as it is.
macro_rules! name {
    ($(#[$meta:meta])* $type:ident, $kind:literal) => {
        $(#[$meta])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $type(Arc<str>);

        impl $type {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<&str> for $type {
            type Error = InvalidName;

            fn try_from(name: &str) -> Result<Self, InvalidName> {
                check($kind, name).map(Self)
            }
        }

        impl TryFrom<String> for $type {
            type Error = InvalidName;

            fn try_from(name: String) -> Result<Self, InvalidName> {
                check($kind, &name).map(Self)
            }
        }

        impl FromStr for $type {
            type Err = InvalidName;

            fn from_str(name: &str) -> Result<Self, InvalidName> {
                check($kind, name).map(Self)
            }
        }

        impl From<$type> for String {
            fn from(name: $type) -> String {
                name.0.as_ref().to_owned()
            }
        }

        impl AsRef<str> for $type {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name! {
    /// A cloud region, such as `us-west-2`.
    Region, "region"
}

name! {
    /// The name of a node inside its region, such as `w2-1`.
    NodeName, "node"
}

name! {
    /// A traffic class. Calls of different classes may take different paths.
    Class, "class"
}

name! {
    /// Whose call it is: a customer, a department.
    Tenant, "tenant"
}

impl Class {
    /// The class of every call that names none.
    pub fn voice() -> Self {
        Self("voice".into())
    }
}

/// One node of the mesh.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct NodeId {
    /// The region it runs in.
    pub region: Region,
    /// Its name there.
    pub node: NodeName,
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.region, self.node)
    }
}

fn check(kind: &'static str, name: &str) -> Result<Arc<str>, InvalidName> {
    let legal = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    if (1..=NAME_LEN_MAX).contains(&name.len()) && name.bytes().all(legal) {
        Ok(name.into())
    } else {
        Err(InvalidName { kind, name: name.chars().take(80).collect() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_dns_labels() {
        for good in ["us-west-2", "a", "0", &"x".repeat(63)] {
            assert_eq!(Region::try_from(good).unwrap().to_string(), good);
        }
        for bad in ["", "us_west", "US", "us west", "us.west", "é", &"x".repeat(64)] {
            let error = Region::try_from(bad).unwrap_err();
            assert_eq!(error.kind, "region");
            assert_eq!(error.name, bad);
        }
    }

    #[test]
    fn a_node_prints_its_region_first() {
        let id = NodeId { region: "us-west-2".parse().unwrap(), node: "w2-1".parse().unwrap() };
        assert_eq!(id.to_string(), "us-west-2/w2-1");
    }
}

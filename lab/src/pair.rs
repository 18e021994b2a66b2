//! Names of routes, as people read them.

use std::fmt;

/// Calls from one region to another.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Pair {
    /// The region of the caller.
    pub from: String,
    /// The region of the callee.
    pub to: String,
}

impl Pair {
    /// From one region to another.
    pub fn new(from: impl Into<String>, to: impl Into<String>) -> Self {
        Self { from: from.into(), to: to.into() }
    }

    /// The other way round.
    pub fn reversed(&self) -> Self {
        Self::new(&*self.to, &*self.from)
    }
}

impl fmt::Display for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} > {}", self.from, self.to)
    }
}

/// A path in full: `us-west-2 > us-east-2 > us-east-1`.
pub(crate) fn path_text(path: &[String]) -> String {
    if path.is_empty() { "none".into() } else { path.join(" > ") }
}

/// A path in short: `direct`, `via us-east-2`.
pub(crate) fn path_short(path: &[String]) -> String {
    match path {
        [] => "none".into(),
        [_] | [_, _] => "direct".into(),
        [_, relays @ .., _] => format!("via {}", relays.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_read_well() {
        let path: Vec<String> = ["w2", "e2", "e1"].map(String::from).to_vec();
        assert_eq!(path_text(&path), "w2 > e2 > e1");
        assert_eq!(path_short(&path), "via e2");
        assert_eq!(path_short(&path[..2]), "direct");
        assert_eq!((path_text(&[]), path_short(&[])), ("none".into(), "none".into()));
    }
}

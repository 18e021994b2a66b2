//! Why an order is not carried out.

use super::Family;

/// Why an order is not carried out. Nothing has changed then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is no such call.
    #[error("no such call")]
    NoCall,
    /// The call has no party with this tag.
    #[error("the call has no party with this tag")]
    NoParty,
    /// Several parties of the call have this name.
    #[error("several parties of the call have this name")]
    Ambiguous,
    /// The names of a call must be there, and not endless.
    #[error("a Call-ID and a from-tag must be given, and no name may have more than 256 bytes")]
    Name,
    /// A party does not call itself.
    #[error("from-tag and to-tag are the same")]
    OneTag,
    /// Too many sections.
    #[error("the description has too many media sections")]
    Sections,
    /// A description of the mesh side that names addresses, or the other way round; or both sides are the mesh.
    #[error("the description does not fit the sides that it is for")]
    Sides,
    /// A party in another region, and nobody said in which.
    #[error("the region of the other party is not known")]
    Region,
    /// The address is not of the family that the port is of.
    #[error("the address is of another family than the port")]
    Family,
    /// No more calls fit.
    #[error("as many calls as are allowed are here already")]
    Calls,
    /// No more parties fit into the call.
    #[error("the call has as many parties as are allowed")]
    Parties,
    /// No more controllers fit.
    #[error("as many controllers as are allowed are here already")]
    Controllers,
    /// No address of this kind.
    #[error("no address of family {family:?} on interface {interface}")]
    NoInterface {
        /// Which interface was asked for.
        interface: u8,
        /// Which family.
        family: Family,
    },
    /// No port is free.
    #[error("no port pair is free on interface {interface}")]
    NoPorts {
        /// On which interface.
        interface: u8,
    },
    /// No stream number is free.
    #[error("no stream number is free")]
    NoStreams,
}

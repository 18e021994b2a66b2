//! Statements, certificates and digests at the door: the frames in which they travel.

use super::Unreadable;
use crate::mesh::{
    flood::{
        Word,
        digest::{BUCKETS, Digest, Known, List},
    },
    ledger::Signed,
};
use ringway_proto::mesh::{self as wire, frame::Body};
use std::{sync::Arc, time::Duration};

/// The most nodes that a list can have: as many as a mesh.
const KNOWN_MAX: usize = 4_096;

/// A word as it travels.
#[must_use]
pub fn to_wire(word: &Word) -> Body {
    match word {
        Word::Introduction(certificate) => {
            Body::Introduction(wire::Introduction { certificate: certificate.to_vec() })
        }
        Word::Statement(signed) => {
            let Signed { statement, signature } = &**signed;
            Body::Statement(wire::SignedStatement {
                statement: statement.clone(),
                signature: signature.clone(),
            })
        }
        Word::Digest(Digest { buckets, next }) => Body::StatementDigest(wire::StatementDigest {
            buckets: buckets.to_vec(),
            next_ms: u32::try_from(next.as_millis()).unwrap_or(u32::MAX),
        }),
        Word::List(List { buckets, known, answer }) => Body::StatementList(wire::StatementList {
            buckets: buckets.iter().map(|&bucket| u32::try_from(bucket).unwrap_or(u32::MAX)).collect(),
            known: known
                .iter()
                .map(|Known { node, incarnation, sequence }| wire::Known {
                    node: *node,
                    incarnation: *incarnation,
                    sequence: *sequence,
                })
                .collect(),
            answer: *answer,
        }),
    }
}

/// A certificate that came.
#[must_use]
pub fn introduction(introduction: wire::Introduction) -> Word {
    let wire::Introduction { certificate } = introduction;
    Word::Introduction(certificate.into())
}

/// A statement that came, unopened.
#[must_use]
pub fn statement(signed: wire::SignedStatement) -> Word {
    let wire::SignedStatement { statement, signature } = signed;
    Word::Statement(Arc::new(Signed { statement, signature }))
}

/// A digest that came.
///
/// # Errors
/// When it has not as many buckets as it must.
pub fn digest(digest: wire::StatementDigest) -> Result<Word, Unreadable> {
    let wire::StatementDigest { buckets, next_ms } = digest;
    let buckets = buckets.try_into().map_err(|_| Unreadable::Encoding)?;
    Ok(Word::Digest(Digest { buckets, next: Duration::from_millis(next_ms.into()) }))
}

/// A list that came.
///
/// # Errors
/// When there is no such bucket, or it has more nodes than a mesh can have.
pub fn list(list: wire::StatementList) -> Result<Word, Unreadable> {
    let wire::StatementList { buckets, known, answer } = list;
    if known.len() > KNOWN_MAX || buckets.len() > BUCKETS {
        return Err(Unreadable::TooLong);
    }
    let bucket =
        |number| usize::try_from(number).ok().filter(|bucket| *bucket < BUCKETS).ok_or(Unreadable::Encoding);
    let buckets = buckets.into_iter().map(bucket).collect::<Result<_, _>>()?;
    let known = known
        .into_iter()
        .map(|wire::Known { node, incarnation, sequence }| Known { node, incarnation, sequence })
        .collect();
    Ok(Word::List(List { buckets, known, answer }))
}

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

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: Body) -> Result<Word, Unreadable> {
        match body {
            Body::Introduction(it) => Ok(introduction(it)),
            Body::Statement(it) => Ok(statement(it)),
            Body::StatementDigest(it) => digest(it),
            Body::StatementList(it) => list(it),
            Body::Bindings(_) | Body::BindingDigest(_) | Body::BindingSummary(_) => {
                panic!("not a word of the flood")
            }
        }
    }

    #[test]
    fn words_are_read_as_they_were_written() {
        let known = Known { node: u64::MAX, incarnation: 1, sequence: 2 };
        let words = [
            Word::Introduction([1, 2, 3].as_slice().into()),
            Word::Statement(Arc::new(Signed { statement: vec![4], signature: vec![5] })),
            Word::Digest(Digest { buckets: [7; BUCKETS], next: Duration::from_millis(1_500) }),
            Word::List(List { buckets: vec![0, 15], known: vec![known], answer: true }),
        ];
        for word in words {
            assert_eq!(read(to_wire(&word)), Ok(word));
        }
    }

    #[test]
    fn what_cannot_be_is_refused() {
        assert!(digest(wire::StatementDigest { buckets: vec![0; 15], next_ms: 0 }).is_err());
        assert!(list(wire::StatementList { buckets: vec![16], ..Default::default() }).is_err());
        let known = vec![wire::Known::default(); KNOWN_MAX + 1];
        assert!(list(wire::StatementList { known, ..Default::default() }).is_err());
    }
}

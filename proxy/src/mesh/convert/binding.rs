//! Bindings at the door: one serialized record, and the frames in which they travel.

use super::{Unreadable, node_id};
use crate::{
    location::{BUCKETS, Binding, Digest, Sealed},
    mesh::word::{Answer, Word},
};
use prost::Message as _;
use ringway_proto::mesh::{self as wire, frame::Body};
use std::sync::Arc;

/// The largest serialized binding, in bytes: its texts, and a little for the rest.
const RECORD_BYTES_MAX: usize = crate::location::BINDING_BYTES_MAX + 512;

/// Serializes a binding.
#[must_use]
pub fn encode(binding: &Binding) -> Vec<u8> {
    let Binding {
        aor,
        contact,
        instance,
        reg_id,
        call_id,
        cseq,
        q,
        path,
        region: _, // of its node
        node,
        expires_unix_ms,
        covers_unix_ms,
        updated_unix_us,
        removed,
    } = binding;
    wire::Binding {
        region: node.region.to_string(),
        node: node.node.to_string(),
        aor: aor.clone(),
        contact: contact.clone(),
        instance: instance.clone().unwrap_or_default(),
        reg_id: reg_id.unwrap_or_default(),
        call_id: call_id.clone(),
        cseq: *cseq,
        q: u32::from(*q),
        path: path.clone(),
        expires_unix_ms: *expires_unix_ms,
        covers_unix_ms: *covers_unix_ms,
        updated_unix_us: *updated_unix_us,
        removed: *removed,
    }
    .encode_to_vec()
}

/// Reads a serialized binding. Its region is that of its node, so it cannot speak for another.
///
/// # Errors
/// When it is not one.
pub fn decode(bytes: &[u8]) -> Result<Binding, Unreadable> {
    if bytes.len() > RECORD_BYTES_MAX {
        return Err(Unreadable::TooLong);
    }
    let wire::Binding {
        region,
        node,
        aor,
        contact,
        instance,
        reg_id,
        call_id,
        cseq,
        q,
        path,
        expires_unix_ms,
        covers_unix_ms,
        updated_unix_us,
        removed,
    } = wire::Binding::decode(bytes).map_err(|_| Unreadable::Encoding)?;
    let node = node_id(&region, &node)?;
    Ok(Binding {
        aor,
        contact,
        instance: Some(instance).filter(|instance| !instance.is_empty()),
        reg_id: Some(reg_id).filter(|number| *number != 0),
        call_id,
        cseq,
        q: u16::try_from(q).map_err(|_| Unreadable::Encoding)?,
        path,
        region: node.region.clone(),
        node,
        expires_unix_ms,
        covers_unix_ms,
        updated_unix_us,
        removed,
    })
}

/// A word about bindings as it travels.
#[must_use]
pub fn to_wire(word: &Word) -> Body {
    match word {
        Word::Records { records, answer } => Body::Bindings(wire::Bindings {
            bindings: records.iter().map(|sealed| signed(sealed)).collect(),
            answer: answer
                .map(|Answer { bucket, more }| wire::BindingAnswer { bucket: number(bucket), more }),
        }),
        Word::Digest(digest) => Body::BindingDigest(wire::BindingDigest { buckets: digest.to_vec() }),
        Word::Summary { bucket, fingerprints } => Body::BindingSummary(wire::BindingSummary {
            bucket: number(*bucket),
            fingerprints: fingerprints.clone(),
        }),
    }
}

/// Records that came.
///
/// # Errors
/// When they answer a question about no bucket.
pub fn records(bindings: wire::Bindings) -> Result<Word, Unreadable> {
    let wire::Bindings { bindings, answer } = bindings;
    let sealed = |wire::SignedBinding { binding, signature }| Arc::new(Sealed { binding, signature });
    let answer = match answer {
        Some(wire::BindingAnswer { bucket, more }) => Some(Answer { bucket: bucket_of(bucket)?, more }),
        None => None,
    };
    Ok(Word::Records { records: bindings.into_iter().map(sealed).collect(), answer })
}

/// A digest that came.
///
/// # Errors
/// When it has not as many buckets as it must.
pub fn digest(digest: wire::BindingDigest) -> Result<Word, Unreadable> {
    let wire::BindingDigest { buckets } = digest;
    let digest = Digest::try_from(buckets.as_slice()).map_err(|_| Unreadable::Encoding)?;
    Ok(Word::Digest(Box::new(digest)))
}

/// A summary that came.
///
/// # Errors
/// When there is no such bucket.
pub fn summary(summary: wire::BindingSummary) -> Result<Word, Unreadable> {
    let wire::BindingSummary { bucket, fingerprints } = summary;
    Ok(Word::Summary { bucket: bucket_of(bucket)?, fingerprints })
}

fn signed(sealed: &Sealed) -> wire::SignedBinding {
    let Sealed { binding, signature } = sealed;
    wire::SignedBinding { binding: binding.clone(), signature: signature.clone() }
}

fn bucket_of(number: u32) -> Result<usize, Unreadable> {
    usize::try_from(number).ok().filter(|bucket| *bucket < BUCKETS).ok_or(Unreadable::Encoding)
}

fn number(bucket: usize) -> u32 {
    u32::try_from(bucket).unwrap_or_else(|_| unreachable!("there are 256 buckets"))
}

#[cfg(test)]
mod tests;

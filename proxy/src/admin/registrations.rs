//! Who is registered where.

use super::{Answer, Desk, List, convert};
use crate::location::{BUCKETS, Binding, address_of_record};
use ringway_proto::admin::{ListRegistrationsRequest, Registration};
use tokio_stream::iter;
use tonic::{Request, Response, Status as Refusal};

pub(super) fn list(desk: &Desk, request: Request<ListRegistrationsRequest>) -> Answer<List<Registration>> {
    let ListRegistrationsRequest { aor } = request.into_inner();
    let directory = desk.control.directory().clone();
    let now_unix_ms = desk.control.clock().unix_us() / 1_000;
    let item = |binding: Binding| Ok(convert::registration(&binding));
    if aor.is_empty() {
        // A bucket at a time, as the reader keeps up: a million bindings are not copied at once.
        let all = (0..BUCKETS).flat_map(move |bucket| directory.bucket(bucket, now_unix_ms));
        return Ok(Response::new(Box::pin(iter(all.map(item)))));
    }
    let uri = ringway_sip::Uri::parse(&aor).ok();
    let canonical = uri.as_ref().and_then(address_of_record);
    let canonical = canonical
        .ok_or_else(|| Refusal::invalid_argument("aor: not an address such as sip:alice@example.com"))?;
    Ok(Response::new(Box::pin(iter(directory.lookup(&canonical, now_unix_ms).into_iter().map(item)))))
}

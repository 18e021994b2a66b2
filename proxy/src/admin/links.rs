//! The links between regions, as measured.

use super::{Answer, Desk, List, convert};
use ringway_proto::admin::Link;

pub(super) async fn list(desk: &Desk) -> Answer<List<Link>> {
    desk.list(|control| control.router().links(control.time()).iter().map(convert::link).collect()).await
}

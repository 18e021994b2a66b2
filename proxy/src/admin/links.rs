//! The links between regions, as measured.

use super::{
    Answer, Desk, List, convert,
    watch::{self, News},
};
use ringway_proto::admin::{Link, LinkEvent, LinkName, link_event::Event};

pub(super) async fn list(desk: &Desk) -> Answer<List<Link>> {
    desk.list(|control| {
        let links = control.router().links(control.time());
        links.iter().map(|link| convert::link(link, control.evidence(&link.from, &link.to))).collect()
    })
    .await
}

pub(super) async fn watch(desk: &Desk) -> Answer<List<LinkEvent>> {
    let list = |control: &mut crate::control::Control| {
        let links = control.router().links(control.time());
        let keyed = links.iter().map(|link| {
            let link = convert::link(link, control.evidence(&link.from, &link.to));
            // Getting older is no news, nor are the figures behind a verdict.
            let seen = Link { age_ms: 0, evidence: String::new(), ..link.clone() };
            ((link.from.clone(), link.to.clone()), seen, link)
        });
        keyed.collect()
    };
    let event = |news| LinkEvent {
        event: Some(match news {
            News::Present(link) => Event::Present(link),
            News::Marker(marker) => Event::Marker(marker),
            News::Changed(link) => Event::Changed(link),
            News::Gone((from, to)) => Event::Gone(LinkName { from, to }),
        }),
    };
    watch::watch(desk, list, event).await
}

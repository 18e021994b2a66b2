//! What operators order by hand, and take back: `ringway link disable`, `region drain`, `route pin`, `override list`.

use super::{
    Desk, VerbError, collect, json, path,
    table::{Side, Table},
    time::utc,
};
use crate::cli::{Order, Target};
use ringway_proto::admin::{
    LinkName, ListOverridesRequest, ListRegionsRequest, Override, Pin, RevokeOverrideRequest,
    SetOverrideRequest, Subject as Wire, subject::Subject,
};

pub(super) async fn disable(
    from: String,
    to: String,
    both_ways: bool,
    order: &Order,
    target: &Target,
) -> Result<(), VerbError> {
    set(links(from, to, both_ways), order, target).await
}

pub(super) async fn enable(
    from: String,
    to: String,
    both_ways: bool,
    target: &Target,
) -> Result<(), VerbError> {
    revoke(links(from, to, both_ways), target).await
}

pub(super) async fn drain(region: String, order: &Order, target: &Target) -> Result<(), VerbError> {
    set(vec![Subject::Region(region)], order, target).await
}

pub(super) async fn undrain(region: String, target: &Target) -> Result<(), VerbError> {
    revoke(vec![Subject::Region(region)], target).await
}

pub(super) async fn pin(
    from: String,
    via: Vec<String>,
    to: String,
    order: &Order,
    target: &Target,
) -> Result<(), VerbError> {
    let path = [from].into_iter().chain(via).chain([to]).collect();
    set(vec![Subject::Route(Pin { path })], order, target).await
}

pub(super) async fn unpin(from: String, to: String, target: &Target) -> Result<(), VerbError> {
    revoke(vec![Subject::Route(Pin { path: vec![from, to] })], target).await
}

pub(super) async fn list(target: &Target) -> Result<(), VerbError> {
    let mut desk = Desk::at(target).await?;
    let refused = desk.refused();
    let stream = desk.client.list_overrides(ListOverridesRequest {}).await.map_err(&refused)?.into_inner();
    let orders = collect(stream).await.map_err(refused)?;
    if target.json {
        json::print(&orders.iter().map(json::order).collect());
        return Ok(());
    }
    let columns = ["WHAT", "SINCE", "UNTIL", "BY", "WHY"].map(|name| (name, Side::Left));
    let mut table = Table::new(&columns);
    for order in &orders {
        let (since, until) = (utc(order.given_us), utc(order.until_us));
        table.row(vec![what(order), since, until, order.by.clone(), order.why.clone()]);
    }
    print!("{}", table.render());
    Ok(())
}

pub(super) async fn regions(target: &Target) -> Result<(), VerbError> {
    let mut desk = Desk::at(target).await?;
    let refused = desk.refused();
    let stream = desk.client.list_regions(ListRegionsRequest {}).await.map_err(&refused)?.into_inner();
    let regions = collect(stream).await.map_err(refused)?;
    if target.json {
        json::print(&regions.iter().map(json::region).collect());
        return Ok(());
    }
    let mut table = Table::new(&[
        ("REGION", Side::Left),
        ("STATE", Side::Left),
        ("NODES", Side::Right),
        ("DRAINING", Side::Right),
        ("UNTIL", Side::Left),
        ("BY", Side::Left),
        ("WHY", Side::Left),
    ]);
    for region in regions {
        let state = match (&region.drain, region.nodes_live - region.nodes_draining) {
            (Some(_), _) => "drained",
            (None, 0) => "no node",
            (None, _) => "serving",
        };
        let drain = region.drain.unwrap_or_default();
        let (live, draining) = (region.nodes_live.to_string(), region.nodes_draining.to_string());
        let until = if drain.by.is_empty() { String::new() } else { utc(drain.until_us) };
        table.row(vec![region.region, state.to_owned(), live, draining, until, drain.by, drain.why]);
    }
    print!("{}", table.render());
    Ok(())
}

fn links(from: String, to: String, both_ways: bool) -> Vec<Subject> {
    let back = both_ways.then(|| Subject::Link(LinkName { from: to.clone(), to: from.clone() }));
    [Subject::Link(LinkName { from, to })].into_iter().chain(back).collect()
}

async fn set(subjects: Vec<Subject>, order: &Order, target: &Target) -> Result<(), VerbError> {
    let mut desk = Desk::at(target).await?;
    let refused = desk.refused();
    // An order of less than a millisecond is none; zero would be one without an end.
    let for_ms = order.lasts.map_or(0, |lasts| u64::try_from(lasts.as_millis()).unwrap_or(u64::MAX).max(1));
    let mut orders = Vec::new();
    for subject in subjects {
        let subject = Some(Wire { subject: Some(subject) });
        let request = SetOverrideRequest { subject, for_ms, why: order.why.clone() };
        orders.push(desk.client.set_override(request).await.map_err(&refused)?.into_inner());
    }
    say(&orders, target, |order| {
        let until = if order.until_us == 0 {
            "until it is taken back".to_owned()
        } else {
            format!("until {}", utc(order.until_us))
        };
        format!("{}, {until}; held by {}", what(order), order.held_by)
    });
    Ok(())
}

async fn revoke(subjects: Vec<Subject>, target: &Target) -> Result<(), VerbError> {
    let mut desk = Desk::at(target).await?;
    let refused = desk.refused();
    let mut orders = Vec::new();
    for subject in subjects {
        let request = RevokeOverrideRequest { subject: Some(Wire { subject: Some(subject) }) };
        orders.push(desk.client.revoke_override(request).await.map_err(&refused)?.into_inner());
    }
    say(&orders, target, |order| format!("taken back: {}", what(order)));
    Ok(())
}

fn say(orders: &[Override], target: &Target, words: impl Fn(&Override) -> String) {
    if target.json {
        json::print(&orders.iter().map(json::order).collect());
    } else {
        orders.iter().for_each(|order| println!("{}", words(order)));
    }
}

fn what(order: &Override) -> String {
    match order.subject.as_ref().and_then(|subject| subject.subject.as_ref()) {
        Some(Subject::Link(LinkName { from, to })) => format!("link {from} > {to} disabled"),
        Some(Subject::Region(region)) => format!("region {region} drained"),
        Some(Subject::Route(Pin { path: pinned })) => format!("route pinned to {}", path(pinned)),
        None => "something that only a later version knows".to_owned(),
    }
}

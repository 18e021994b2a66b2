//! `ringway link list`.

use super::{
    Desk, VerbError, collect, json,
    table::{Side, Table},
    time::span,
};
use crate::cli::Target;
use ringway_proto::admin::{Link, LinkName, ListLinksRequest, WatchLinksRequest, link_event::Event};

pub(super) async fn list(target: &Target) -> Result<(), VerbError> {
    let mut desk = Desk::at(target).await?;
    let refused = desk.refused();
    let stream = desk.client.list_links(ListLinksRequest {}).await.map_err(&refused)?.into_inner();
    let links = collect(stream).await.map_err(refused)?;
    if target.json {
        json::print(&links.iter().map(json::link).collect());
        return Ok(());
    }
    let mut table = Table::new(&[
        ("FROM", Side::Left),
        ("TO", Side::Left),
        ("STATE", Side::Left),
        ("CAUSE", Side::Left),
        ("LANE", Side::Right),
        ("VOTES", Side::Right),
        ("RTT ms", Side::Right),
        ("P95 1-WAY", Side::Right),
        ("JITTER", Side::Right),
        ("LOSS %", Side::Right),
        ("SMOOTHED", Side::Right),
        ("INVITE", Side::Right),
        ("AGAIN", Side::Right),
        ("SILENT", Side::Right),
        ("100 ms", Side::Right),
        ("AGE", Side::Right),
    ]);
    for link in &links {
        table.row(vec![
            link.from.clone(),
            link.to.clone(),
            link.standing.clone(),
            if link.cause == "none" { "-".into() } else { link.cause.clone() },
            link.lane.to_string(),
            link.votes.to_string(),
            format!("{:.1}", link.rtt_ms),
            format!("{:.1}", link.delay_ms),
            format!("{:.1}", link.jitter_ms),
            format!("{:.1}", link.loss * 100.0),
            format!("{:.1}", link.loss_smoothed * 100.0),
            link.sip_requests.to_string(),
            link.sip_retransmissions.to_string(),
            link.sip_timeouts.to_string(),
            if link.sip_first_answer_ms > 0.0 {
                format!("{:.1}", link.sip_first_answer_ms)
            } else {
                "-".into()
            },
            span(link.age_ms),
        ]);
    }
    print!("{}", table.render());
    let ill = |link: &&Link| link.cause != "none" && !link.evidence.is_empty();
    for Link { from, to, cause, evidence, .. } in links.iter().filter(ill) {
        println!("{from} > {to}, {cause}: {evidence}");
    }
    Ok(())
}

pub(super) async fn watch(target: &Target) -> Result<(), VerbError> {
    let mut desk = Desk::at(target).await?;
    let refused = desk.refused();
    let mut events = desk.client.watch_links(WatchLinksRequest {}).await.map_err(&refused)?.into_inner();
    while let Some(event) = events.message().await.map_err(&refused)? {
        match event.event {
            Some(Event::Present(link) | Event::Changed(link)) if target.json => {
                json::print_line(&json::link(&link));
            }
            Some(Event::Present(link) | Event::Changed(link)) => println!("{}", line(&link)),
            Some(Event::Gone(LinkName { from, to })) if target.json => {
                json::print_line(&serde_json::json!({"gone": {"from": from, "to": to}}));
            }
            Some(Event::Gone(LinkName { from, to })) => println!("{from} > {to}  gone"),
            Some(Event::Marker(_)) => json::print_marker(target.json),
            None => {}
        }
    }
    Ok(())
}

fn line(link: &Link) -> String {
    let Link { from, to, standing, rtt_ms, loss, jitter_ms, .. } = link;
    format!(
        "{from} > {to}  {standing}, RTT {rtt_ms:.1} ms, jitter {jitter_ms:.1} ms, loss {:.1} %",
        loss * 100.0
    )
}

//! `ringway route list`, `explain` and `history`.

use super::{
    Desk, VerbError, collect, json, order, path,
    table::{Side, Table},
    time::{moment, utc},
};
use crate::cli::{Route as Verb, Target};
use ringway_node::clock::Clock;
use ringway_proto::admin::{
    Candidate, ExplainRouteRequest, Explanation, ListRouteChangesRequest, ListRoutesRequest, Route,
    RouteChange, WatchRoutesRequest, route_event::Event,
};

pub(super) async fn run(verb: Verb) -> Result<(), VerbError> {
    match verb {
        Verb::List { target, watch: false } => list(&target).await,
        Verb::List { target, watch: true } => watch(&target).await,
        Verb::Explain { from, to, class, tenant, called, at, target } => {
            let at_us = when(at.as_deref())?;
            explain(ExplainRouteRequest { from, to, class, at_us, tenant, called }, &target).await
        }
        Verb::History { from, to, since, target } => history(from, to, since.as_deref(), &target).await,
        Verb::Pin { from, to, via, direct: _, order, target } => {
            order::pin(from, via, to, &order, &target).await
        }
        Verb::Unpin { from, to, target } => order::unpin(from, to, &target).await,
    }
}

async fn list(target: &Target) -> Result<(), VerbError> {
    let mut desk = Desk::at(target).await?;
    let refused = desk.refused();
    let stream = desk.client.list_routes(ListRoutesRequest {}).await.map_err(&refused)?.into_inner();
    let routes = collect(stream).await.map_err(refused)?;
    if target.json {
        json::print(&routes.iter().map(json::route).collect());
        return Ok(());
    }
    let mut table = Table::new(&[
        ("TO", Side::Left),
        ("CLASS", Side::Left),
        ("", Side::Left),
        ("PATH", Side::Left),
        ("DELAY ms", Side::Right),
        ("LOSS %", Side::Right),
        ("R", Side::Right),
        ("SCORE", Side::Right),
        ("WHY", Side::Left),
    ]);
    for route in &routes {
        let mut why = format!("{} (since {})", route.reason, utc(route.since_us));
        if route.ranked.is_empty() {
            let none = || String::new();
            let (to, class) = (route.to.clone(), route.class.clone());
            table.row(vec![to, class, "none".into(), none(), none(), none(), none(), none(), why]);
            continue;
        }
        for (rank, candidate) in route.ranked.iter().enumerate() {
            let first = rank == 0;
            table.row(vec![
                if first { route.to.clone() } else { String::new() },
                if first { route.class.clone() } else { String::new() },
                candidate.verdict.clone(),
                path(&candidate.path),
                format!("{:.1}", candidate.delay_ms),
                format!("{:.1}", candidate.loss * 100.0),
                format!("{:.1}", candidate.r),
                format!("{:.1}", candidate.score),
                if first { std::mem::take(&mut why) } else { candidate.note.clone() },
            ]);
        }
    }
    print!("{}", table.render());
    Ok(())
}

async fn watch(target: &Target) -> Result<(), VerbError> {
    let mut desk = Desk::at(target).await?;
    let refused = desk.refused();
    let mut events = desk.client.watch_routes(WatchRoutesRequest {}).await.map_err(&refused)?.into_inner();
    while let Some(event) = events.message().await.map_err(&refused)? {
        match event.event {
            Some(Event::Present(route)) if target.json => json::print_line(&json::route(&route)),
            Some(Event::Present(route)) => println!("{}", present(&route)),
            Some(Event::Marker(_)) => json::print_marker(target.json),
            Some(Event::Change(change)) if target.json => json::print_line(&json::change(&change)),
            Some(Event::Change(change)) => println!("{}", changed(&change)),
            None => {}
        }
    }
    Ok(())
}

fn present(route: &Route) -> String {
    let chosen = route.ranked.first().map_or_else(|| "none".to_owned(), |first| path(&first.path));
    format!("{}  {} > {}: {chosen}: {}", utc(route.since_us), route.from, route.to, route.reason)
}

fn changed(change: &RouteChange) -> String {
    let RouteChange { at_us, from, to, old, new, reason, .. } = change;
    format!("{}  {from} > {to}: {} -> {}: {reason}", utc(*at_us), path(old), path(new))
}

async fn history(from: String, to: String, since: Option<&str>, target: &Target) -> Result<(), VerbError> {
    let request = ListRouteChangesRequest { from, to, since_us: when(since)? };
    let mut desk = Desk::at(target).await?;
    let refused = desk.refused();
    let stream = desk.client.list_route_changes(request).await.map_err(&refused)?.into_inner();
    let changes = collect(stream).await.map_err(refused)?;
    if target.json {
        json::print(&changes.iter().map(json::change).collect());
    } else {
        changes.iter().for_each(|change| println!("{}", changed(change)));
    }
    Ok(())
}

/// 0 for none: the contract's word for now, and for ever.
fn when(text: Option<&str>) -> Result<u64, VerbError> {
    let Some(text) = text else { return Ok(0) };
    moment(text, Clock::start().unix_us()).map_err(|why| VerbError::Time { text: text.to_owned(), why })
}

async fn explain(request: ExplainRouteRequest, target: &Target) -> Result<(), VerbError> {
    let mut desk = Desk::at(target).await?;
    let refused = desk.refused();
    let explanation = desk.client.explain_route(request).await.map_err(refused)?.into_inner();
    if target.json {
        json::print(&json::explanation(&explanation));
        return Ok(());
    }
    print_explanation(&explanation);
    Ok(())
}

fn print_explanation(explanation: &Explanation) {
    if let Some(route) = &explanation.route {
        let chosen = route.ranked.first().map_or_else(|| "no path".to_owned(), |first| path(&first.path));
        println!("{} > {} ({}): {chosen}", route.from, route.to, route.class);
        let since =
            if route.since_us == 0 { String::new() } else { format!(", since {}", utc(route.since_us)) };
        println!("why: {}{since}", route.reason);
        println!(
            "table epoch {}, policy revision {}, asked at {}",
            route.epoch, explanation.policy_revision, explanation.asked_at
        );
    }
    if !explanation.note.is_empty() {
        println!("note: {}", explanation.note);
    }
    println!();
    let mut table = Table::new(&[
        ("VERDICT", Side::Left),
        ("PATH", Side::Left),
        ("DELAY ms", Side::Right),
        ("LOSS %", Side::Right),
        ("R", Side::Right),
        ("R SMOOTHED", Side::Right),
        ("MOS", Side::Right),
        ("TERMS", Side::Right),
        ("SCORE", Side::Right),
        ("NOTE", Side::Left),
    ]);
    for candidate in &explanation.candidates {
        table.row(row(candidate));
    }
    print!("{}", table.render());
}

fn row(candidate: &Candidate) -> Vec<String> {
    let known = candidate.delay_ms.is_finite() && candidate.delay_ms > 0.0;
    let number = |value: f64, digits: usize| {
        if known { format!("{value:.digits$}") } else { "-".to_owned() }
    };
    vec![
        candidate.verdict.clone(),
        path(&candidate.path),
        number(candidate.delay_ms, 1),
        number(candidate.loss * 100.0, 1),
        number(candidate.r, 1),
        number(candidate.r_smoothed, 1),
        number(candidate.mos, 2),
        format!("{:+.1}", candidate.terms),
        number(candidate.score, 1),
        candidate.note.clone(),
    ]
}

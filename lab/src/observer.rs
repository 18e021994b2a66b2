//! What the mesh says about itself while the story goes on: routes and their changes from every node's watch, link
//! measurements by asking.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use serde::Serialize;
use tokio::{sync::watch, task::JoinSet, time::sleep};
use tokio_stream::StreamExt as _;

use crate::{
    clock,
    pair::{Pair, path_short, path_text},
    story::{Story, Tone},
    world::{Admin, ChosenRoute, MeasuredLink, Relay, RouteNews, World},
};

const LINK_POLL: Duration = Duration::from_millis(500);
const RECONNECT: Duration = Duration::from_millis(200);

/// A change of the route between two regions that carry calls.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RouteChange {
    /// Seconds since the start of the lab.
    pub at_s: f64,
    /// The region of the ingress.
    pub from: String,
    /// The region of the egress.
    pub to: String,
    /// The path before: `us-west-2 > us-east-1`, or `none`.
    pub old: String,
    /// The path after.
    pub new: String,
    /// The router's own words.
    pub reason: String,
}

/// A path that a direction had from a moment on.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PathUse {
    /// Seconds since the start of the lab.
    pub at_s: f64,
    /// `us-west-2 > us-east-1`, or `none`.
    pub path: String,
}

impl PathUse {
    /// `direct`, `via us-east-2`.
    pub(crate) fn short(&self) -> String {
        let path: Vec<String> = self.path.split(" > ").map(str::to_owned).collect();
        if self.path == path_text(&[]) { self.path.clone() } else { path_short(&path) }
    }
}

/// The routes of the directions that carry calls, as their ingress nodes have them.
pub(crate) struct RouteBook {
    pairs: Vec<Pair>,
    start: Instant,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    current: HashMap<Pair, Vec<String>>,
    changes: Vec<RouteChange>,
}

/// The watching tasks; drop ends them.
pub(crate) struct Observer {
    links: watch::Receiver<Vec<MeasuredLink>>,
    _tasks: JoinSet<()>,
}

impl RouteBook {
    pub(crate) fn new(pairs: Vec<Pair>, start: Instant) -> Self {
        Self { pairs, start, state: Mutex::default() }
    }

    /// The path of every direction, in the scenario's order.
    pub(crate) fn current(&self) -> Vec<(Pair, Vec<String>)> {
        let state = self.state();
        self.pairs
            .iter()
            .map(|pair| (pair.clone(), state.current.get(pair).cloned().unwrap_or_default()))
            .collect()
    }

    pub(crate) fn changes(&self) -> Vec<RouteChange> {
        self.state().changes.clone()
    }

    /// The paths that a direction had between two times (seconds since the start of the lab), as its ingress said; empty
    /// for a direction that nobody told of.
    pub(crate) fn paths_between(&self, pair: &Pair, from_s: f64, until_s: f64) -> Vec<PathUse> {
        let state = self.state();
        let changes: Vec<_> =
            state.changes.iter().filter(|change| change.from == pair.from && change.to == pair.to).collect();
        let (before, after) = changes.split_at(changes.partition_point(|change| change.at_s <= from_s));
        let first = match (before.last(), after.first()) {
            (Some(last), _) => Some(last.new.clone()),
            (None, Some(next)) => Some(next.old.clone()),
            (None, None) => state.current.get(pair).map(|path| path_text(path)),
        };
        let first = first.map(|path| PathUse { at_s: from_s, path });
        let later = after.iter().take_while(|change| change.at_s <= until_s);
        let later = later.map(|change| PathUse { at_s: change.at_s, path: change.new.clone() });
        first.into_iter().chain(later).collect()
    }

    /// Enters what a node says; gives the change if it is one. Nodes of one region say the same, one after the other.
    fn record(&self, now: Instant, route: ChosenRoute, said_old: Option<Vec<String>>) -> Option<RouteChange> {
        let ChosenRoute { from, to, path, reason } = route;
        let pair = Pair { from, to };
        if !self.pairs.contains(&pair) {
            return None;
        }
        let mut state = self.state();
        let known = state.current.insert(pair.clone(), path.clone());
        let old = known.or(said_old)?;
        if old == path {
            return None;
        }
        let at_s = ((now - self.start).as_secs_f64() * 1_000.0).round() / 1_000.0;
        let Pair { from, to } = pair;
        let change = RouteChange { at_s, from, to, old: path_text(&old), new: path_text(&path), reason };
        state.changes.push(change.clone());
        Some(change)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Observer {
    /// Watches every node of the world: the routes of new calls, and the paths that voice takes.
    pub(crate) fn start(
        world: &World,
        (routes, voice): (&Arc<RouteBook>, &Arc<RouteBook>),
        story: &Story,
    ) -> Self {
        let mut tasks = JoinSet::new();
        for node in world.live_nodes() {
            let (admin, region) = (node.admin().clone(), node.region().to_owned());
            tasks.spawn(watch_routes(admin, region, Arc::clone(routes), story.clone()));
            if world.spec().relays {
                tasks.spawn(watch_voice(node.relay().clone(), Arc::clone(voice), story.clone()));
            }
        }
        let (sender, links) = watch::channel(Vec::new());
        let nodes = world.live_nodes().map(|node| (node.region().to_owned(), node.admin().clone())).collect();
        tasks.spawn(poll_links(nodes, sender));
        Self { links, _tasks: tasks }
    }

    /// Every link as the node at its start measures it now.
    pub(crate) fn links(&self) -> Vec<MeasuredLink> {
        self.links.borrow().clone()
    }
}

/// A node speaks for the routes that start in its own region.
async fn watch_routes(admin: Admin, region: String, book: Arc<RouteBook>, story: Story) {
    loop {
        if let Ok(mut news) = admin.watch_routes().await {
            while let Some(Ok(news)) = news.next().await {
                let (route, old) = match news {
                    RouteNews::Present(route) => (route, None),
                    RouteNews::Changed { old, route } => (route, Some(old)),
                    RouteNews::Marker => continue,
                };
                if route.from != region {
                    continue;
                }
                let short = path_short(&route.path);
                if let Some(change) = book.record(clock::now(), route, old) {
                    let RouteChange { from, to, reason, .. } = change;
                    story.tell("route", Tone::Strong, format!("{from} > {to} now {short}\n{reason}"));
                }
            }
        }
        // The node is gone, or it dropped a slow watcher: ask again for as long as the lab runs.
        sleep(RECONNECT).await;
    }
}

/// A relay speaks for the voice that leaves its region.
async fn watch_voice(relay: Relay, book: Arc<RouteBook>, story: Story) {
    loop {
        if let Ok(mut paths) = relay.watch_paths().await {
            while let Some(Ok(path)) = paths.next().await {
                let short = path_short(&path.path);
                if let Some(RouteChange { from, to, reason, .. }) = book.record(clock::now(), path, None) {
                    story.tell("media", Tone::Strong, format!("{from} > {to} now {short} ({reason})"));
                }
            }
        }
        sleep(RECONNECT).await;
    }
}

async fn poll_links(nodes: Vec<(String, Admin)>, links: watch::Sender<Vec<MeasuredLink>>) {
    while !links.is_closed() {
        let mut all: Vec<MeasuredLink> = Vec::new();
        for (region, admin) in &nodes {
            if all.iter().any(|link| link.from == *region) {
                continue;
            }
            let own = admin.links().await.unwrap_or_default();
            all.extend(own.into_iter().filter(|link| link.from == *region));
        }
        links.send_replace(all);
        sleep(LINK_POLL).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(path: &[&str]) -> ChosenRoute {
        let path: Vec<String> = path.iter().map(|region| (*region).to_owned()).collect();
        ChosenRoute { from: "w2".into(), to: "e1".into(), path, reason: "loss".into() }
    }

    #[test]
    fn a_change_is_entered_once_however_many_nodes_tell_of_it() {
        let start = clock::now();
        let book = RouteBook::new(vec![Pair::new("w2", "e1")], start);
        assert_eq!(book.record(start, route(&["w2", "e1"]), None), None);
        let now = start + Duration::from_millis(1_500);
        let change =
            book.record(now, route(&["w2", "e2", "e1"]), Some(vec!["w2".into(), "e1".into()])).unwrap();
        assert_eq!((change.at_s, &*change.old, &*change.new), (1.5, "w2 > e1", "w2 > e2 > e1"));
        assert_eq!(book.record(now, route(&["w2", "e2", "e1"]), Some(vec!["w2".into(), "e1".into()])), None);
        assert_eq!(book.changes().len(), 1);
    }

    #[test]
    fn a_call_has_the_paths_of_its_time() {
        let start = clock::now();
        let pair = Pair::new("w2", "e1");
        let book = RouteBook::new(vec![pair.clone()], start);
        let paths = |from, until| {
            let paths = book.paths_between(&pair, from, until).into_iter();
            paths.map(|used| format!("{:.1} {}", used.at_s, used.path)).collect::<Vec<_>>()
        };
        assert!(paths(0.0, 9.0).is_empty(), "nobody told of it");
        book.record(start, route(&["w2", "e1"]), None);
        assert_eq!(paths(0.0, 9.0), ["0.0 w2 > e1"]);
        book.record(start + Duration::from_secs(2), route(&["w2", "e2", "e1"]), None);
        book.record(start + Duration::from_secs(5), route(&["w2", "w1", "e1"]), None);
        assert_eq!(paths(1.0, 4.0), ["1.0 w2 > e1", "2.0 w2 > e2 > e1"]);
        assert_eq!(paths(3.0, 9.0), ["3.0 w2 > e2 > e1", "5.0 w2 > w1 > e1"]);
        assert_eq!(paths(6.0, 9.0), ["6.0 w2 > w1 > e1"]);
        assert!(book.paths_between(&pair.reversed(), 0.0, 9.0).is_empty());
    }

    #[test]
    fn directions_without_calls_are_left_out() {
        let start = clock::now();
        let book = RouteBook::new(vec![Pair::new("e1", "w2")], start);
        assert_eq!(book.record(start, route(&["w2", "e1"]), Some(vec![])), None);
        assert_eq!(book.current(), [(Pair::new("e1", "w2"), vec![])]);
    }
}

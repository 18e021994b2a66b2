//! The router: reports, policies and time go in, route tables and the reasons for every change come out.

use std::{
    collections::{BTreeSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use serde::{Deserialize, Serialize};

use crate::{
    Basis, Change, Explanation, History, LinkState, NodeId, Override, Policy, RefusedReport, Region, Report,
    RouteTable, Sample, Settings, Time, Traffic, explain::explain, graph::Graph, links::Links,
    routes::Routes, routes::Scene, score::Weigher,
};

/// Tables that differ only in their numbers are made no more often than this.
const REFRESH: Duration = Duration::from_secs(1);

/// What the router is told. Inputs serialize, so that what happened can be played again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Input {
    /// What a node measured.
    Report(Report),
    /// The regions other than the home that have a live proxy which is not draining. Replaces the last set.
    Regions(BTreeSet<Region>),
    /// The policy from now on.
    Policy(Arc<Policy>),
    /// What operators ordered by hand, in the whole mesh. Replaces the last set.
    Overrides(Vec<Override>),
    /// Nothing but the time: the deadline has come.
    Tick,
}

/// What the router says.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Output {
    /// The table to steer by from now on.
    Table(Arc<RouteTable>),
    /// Another path was chosen for a destination. Comes after the table that brings it.
    Changed(Change),
    /// A report was not used.
    Refused {
        /// Whose it was.
        origin: NodeId,
        /// Why.
        why: RefusedReport,
    },
}

/// Computes the routes of one region. Pure: after each [`handle`](Self::handle) take the outputs by
/// [`poll`](Self::poll) until there are none, then sleep until [`deadline`](Self::deadline).
///
/// A router serializes: taken between two inputs, after its outputs, it goes on elsewhere exactly as it would have here.
/// Numbers must come back as they were: serde_json needs its `float_roundtrip` for that.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Router {
    home: Region,
    settings: Settings,
    links: Links,
    /// Regions with a live proxy, the home among them.
    live: BTreeSet<Region>,
    policy: Arc<Policy>,
    overrides: Vec<Override>,
    routes: Routes,
    table: Arc<RouteTable>,
    /// The numbers of the table are out of date.
    stale: bool,
    /// Decides nothing, so a record of decisions goes without it.
    #[serde(skip)]
    history: Arc<History>,
    #[serde(skip)]
    outputs: VecDeque<Output>,
}

impl Router {
    /// A router for the proxies of `home`, which knows of nobody else yet.
    pub fn new(home: Region, settings: Settings) -> Self {
        Self {
            links: Links::default(),
            live: BTreeSet::from([home.clone()]),
            policy: Arc::new(Policy::empty()),
            overrides: Vec::new(),
            routes: Routes::default(),
            table: Arc::new(RouteTable::new(0, home.clone(), Time::default(), Arc::new(Policy::empty()))),
            stale: false,
            history: Arc::default(),
            outputs: VecDeque::new(),
            settings,
            home,
        }
    }

    /// Takes in what happened. `now` never goes back.
    pub fn handle(&mut self, now: Time, input: Input) {
        let mut replaced = None;
        match input {
            Input::Report(report) => {
                if let Err(why) = self.links.handle(now, &report, &self.settings) {
                    self.outputs.push_back(Output::Refused { origin: report.origin, why });
                    // Time has passed all the same.
                    if self.deadline().is_none_or(|deadline| now < deadline) {
                        return;
                    }
                }
            }
            Input::Regions(mut live) => {
                live.insert(self.home.clone());
                self.live = live;
            }
            Input::Policy(policy) => replaced = Some(std::mem::replace(&mut self.policy, policy)),
            Input::Overrides(overrides) => self.overrides = overrides,
            Input::Tick => {}
        }
        self.update(now, replaced.as_deref());
    }

    /// The next thing the router has to say.
    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When to come back with [`Input::Tick`], if nothing else happens before.
    pub fn deadline(&self) -> Option<Time> {
        let refresh = self.stale.then(|| self.table.made_at + REFRESH);
        let turn = self.policy.next_turn(self.table.made_at);
        [self.links.deadline(&self.settings), self.routes.deadline(), refresh, turn]
            .into_iter()
            .flatten()
            .min()
    }

    /// The present table.
    pub fn table(&self) -> Arc<RouteTable> {
        self.table.clone()
    }

    /// The policy in force.
    pub fn policy(&self) -> Arc<Policy> {
        self.policy.clone()
    }

    /// Every link that is known of, by its two regions.
    pub fn links(&self, now: Time) -> Vec<LinkState> {
        self.links.states(now)
    }

    /// What the links were like in the last 24 hours.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// All that is needed to say what another policy would change, apart from the router: to reckon takes seconds.
    pub fn basis(&self, now: Time) -> Basis {
        let live = |region: &Region| self.live.contains(region);
        let links = self.links.readings().filter(|(from, to, _)| live(from) && live(to));
        let links = links.map(|(from, to, reading)| (from.clone(), to.clone(), reading)).collect();
        Basis {
            policy: self.policy.clone(),
            settings: self.settings.clone(),
            regions: self.live.clone(),
            now: Sample { at: now, links },
            history: Arc::clone(&self.history),
        }
    }

    /// All paths between two regions, what became of each, and why. Between regions other than the home the
    /// answer lacks the memory of the source, and says so in its note.
    pub fn explain(&self, now: Time, from: &Region, to: &Region, traffic: &Traffic) -> Explanation {
        let graph = Graph::new(&self.links, &self.live);
        let route = (*from == self.home).then(|| self.table.route(to, traffic)).flatten();
        explain(&self.scene(now, &graph, None), (from, to, &self.policy.slice_of(traffic)), route)
    }

    fn update(&mut self, now: Time, replaced: Option<&Policy>) {
        self.links.advance(now, &self.settings);
        Arc::make_mut(&mut self.history).note(now, self.links.readings());
        let graph = Graph::new(&self.links, &self.live);
        let epoch = self.table.epoch + 1;
        // The scene borrows the router, the choices are taken out of it meanwhile.
        let mut routes = std::mem::take(&mut self.routes);
        let (made, changes) = routes.update(now, &self.scene(now, &graph, replaced), epoch);
        self.routes = routes;

        let revision = self.policy.revision;
        let due = now >= self.table.made_at + REFRESH && !self.table.holds(&made);
        let urgent = !changes.is_empty() || self.table.policy_revision != revision;
        if urgent || due || !self.table.steers_like(&made) {
            let table = RouteTable::new(epoch, self.home.clone(), now, self.policy.clone()).with_routes(made);
            self.table = Arc::new(table);
            self.stale = false;
            self.outputs.push_back(Output::Table(self.table.clone()));
            self.outputs.extend(changes.into_iter().map(Output::Changed));
        } else {
            self.stale = !self.table.holds(&made);
        }
    }

    fn scene<'a>(&'a self, at: Time, graph: &'a Graph, replaced: Option<&'a Policy>) -> Scene<'a> {
        let weigher = Weigher { graph, settings: &self.settings, lenient: false };
        Scene { home: &self.home, weigher, policy: &self.policy, at, replaced }
    }
}

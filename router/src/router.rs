//! The router: reports, policies and time go in, route tables and the reasons for every change come out.

use std::{
    collections::{BTreeSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use serde::{Deserialize, Serialize};

use crate::{
    Basis, Change, Explanation, History, LinkState, NodeId, Order, Override, Policy, RefusedReport, Region,
    Report, RouteTable, Sample, Settings, Time, Traffic,
    choice::News,
    explain::explain,
    fate::Fate,
    graph::{Graph, Turn},
    links::Links,
    overrides::Orders,
    pace::Pace,
    routes::{Before, Routes, Scene},
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
#[serde(from = "Written")]
pub struct Router {
    state: State,
    /// The mesh as the links have it now.
    #[serde(skip)]
    graph: Graph,
    /// What the routes have not been made with yet.
    #[serde(skip)]
    news: News,
    /// Decides nothing, so a record of decisions goes without it.
    #[serde(skip)]
    history: Arc<History>,
    #[serde(skip)]
    outputs: VecDeque<Output>,
}

/// What a router remembers. All else follows from it.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct State {
    home: Region,
    settings: Settings,
    links: Links,
    /// Regions with a live proxy, the home among them.
    live: BTreeSet<Region>,
    policy: Arc<Policy>,
    overrides: Vec<Override>,
    fate: Fate,
    pace: Pace,
    routes: Routes,
    /// When the routes were last made, whether or not they brought another table.
    updated_at: Time,
    table: Arc<RouteTable>,
    /// The numbers of the table are out of date.
    stale: bool,
}

#[derive(Deserialize)]
struct Written {
    state: State,
}

impl Router {
    /// A router for the proxies of `home`, which knows of nobody else yet.
    pub fn new(home: Region, settings: Settings) -> Self {
        let table = RouteTable::new(0, home.clone(), Time::default(), Arc::new(Policy::empty()));
        Self::from(Written {
            state: State {
                links: Links::default(),
                live: BTreeSet::from([home.clone()]),
                policy: Arc::new(Policy::empty()),
                overrides: Vec::new(),
                fate: Fate::default(),
                pace: Pace::default(),
                routes: Routes::default(),
                updated_at: Time::default(),
                table: Arc::new(table),
                stale: false,
                settings,
                home,
            },
        })
    }

    /// Takes in what happened. `now` never goes back.
    pub fn handle(&mut self, now: Time, input: Input) {
        let due = self.deadline().is_some_and(|deadline| now >= deadline);
        let (before_policy, before_overrides) = (self.state.policy.clone(), self.state.overrides.clone());
        let mut at_once = due;
        match input {
            Input::Report(report) => {
                if let Err(why) = self.state.links.handle(now, &report, &self.state.settings) {
                    self.outputs.push_back(Output::Refused { origin: report.origin, why });
                    // Time has passed all the same.
                    if !due {
                        return;
                    }
                }
            }
            Input::Regions(mut live) => {
                live.insert(self.state.home.clone());
                at_once = true;
                if self.state.live != live {
                    self.state.live = live;
                    self.rebuild();
                }
            }
            Input::Policy(policy) => {
                self.state.policy = policy;
                at_once = true;
                self.news.all = true;
            }
            Input::Overrides(overrides) => {
                self.state.overrides = overrides;
                at_once = true;
                self.news.all = true;
            }
            Input::Tick => at_once = true,
        }
        let (fresh, sharp) = self.look(now);
        let turned = self.next_turn().is_some_and(|turn| now >= turn);
        self.news.all |= turned;
        // Whatever is bad news, or could not be known before, is never made to wait.
        if at_once || sharp || self.news.all || (fresh && self.state.pace.hear(now)) {
            self.update(now, (&before_policy, &before_overrides));
        }
    }

    /// The next thing the router has to say.
    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When to come back with [`Input::Tick`], if nothing else happens before.
    pub fn deadline(&self) -> Option<Time> {
        let state = &self.state;
        let refresh = state.stale.then(|| state.table.made_at + REFRESH);
        let links = state.links.deadline(&state.settings);
        [links, state.routes.deadline(), refresh, state.pace.deadline(), self.next_turn()]
            .into_iter()
            .flatten()
            .min()
    }

    /// The present table.
    pub fn table(&self) -> Arc<RouteTable> {
        self.state.table.clone()
    }

    /// The table as it would be if no region were drained, for the dialogs that stand there already; `None` when none is. All
    /// else holds: rules, links that are off, pins. Has no memory of earlier choices.
    #[must_use]
    pub fn undrained(&self, now: Time) -> Option<Arc<RouteTable>> {
        let stays = |one: &&Override| !matches!(one.order, Order::DrainRegion(_));
        let others: Vec<Override> = self.state.overrides.iter().filter(stays).cloned().collect();
        if others.len() == self.state.overrides.len() {
            return None;
        }
        let mut undrained = self.clone();
        undrained.handle(now, Input::Overrides(others));
        Some(undrained.table())
    }

    /// The policy in force.
    pub fn policy(&self) -> Arc<Policy> {
        self.state.policy.clone()
    }

    /// The orders of operators, ended ones among them.
    pub fn overrides(&self) -> &[Override] {
        &self.state.overrides
    }

    /// Every link that is known of, by its two regions.
    pub fn links(&self, now: Time) -> Vec<LinkState> {
        self.state.links.states(now)
    }

    /// What the links were like in the last 24 hours.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// All that is needed to say what another policy would change, apart from the router: to reckon takes seconds.
    pub fn basis(&self, now: Time) -> Basis {
        let state = &self.state;
        let live = |region: &Region| state.live.contains(region);
        let links = state.links.readings().filter(|(from, to, _)| live(from) && live(to));
        let links = links.map(|(from, to, reading)| (from.clone(), to.clone(), reading)).collect();
        Basis {
            policy: state.policy.clone(),
            overrides: state.overrides.clone(),
            settings: state.settings.clone(),
            regions: state.live.clone(),
            now: Sample { at: now, links },
            history: Arc::clone(&self.history),
        }
    }

    /// All paths between two regions, what became of each, and why. Between regions other than the home the
    /// answer lacks the memory of the source, and says so in its note.
    pub fn explain(&self, now: Time, from: &Region, to: &Region, traffic: &Traffic) -> Explanation {
        let route = (*from == self.state.home).then(|| self.state.table.route(to, traffic)).flatten();
        let orders = Orders::at(&self.state.overrides, now);
        let scene = self.scene(now, &orders, None);
        explain(&scene, (from, to, &self.state.policy.slice_of(traffic)), route)
    }

    /// When a time window of the policy turns, or an order ends, after the routes were last made.
    fn next_turn(&self) -> Option<Time> {
        let at = self.state.updated_at;
        let ends = Orders::next_end(&self.state.overrides, at);
        [self.state.policy.next_turn(at), ends].into_iter().flatten().min()
    }

    /// Lets time pass for the links, and sees which of them are not what they were. Whether there are any, and whether one
    /// of them is bad news.
    fn look(&mut self, now: Time) -> (bool, bool) {
        let state = &mut self.state;
        state.links.advance(now, &state.settings);
        Arc::make_mut(&mut self.history).note(now, state.links.readings());
        let (mut fresh, mut sharp) = (false, false);
        for ends in state.links.take_touched() {
            if state.links.take_trouble(&ends) {
                state.fate.begin(now, &ends);
                self.news.fate = true;
            }
            match (self.graph.index(&ends.0), self.graph.index(&ends.1), state.links.link(&ends)) {
                (Some(from), Some(to), Some(link)) => match self.graph.set(from, to, link) {
                    Turn::Same => {}
                    turn => {
                        self.news.links.push((from, to));
                        fresh = true;
                        sharp |= turn == Turn::Sharp;
                    }
                },
                // A region that nobody has spoken of yet, or nobody speaks of any more.
                _ => {
                    self.graph = Graph::new(&state.links, &state.live);
                    self.news.all = true;
                }
            }
        }
        (fresh, sharp)
    }

    fn rebuild(&mut self) {
        self.graph = Graph::new(&self.state.links, &self.state.live);
        self.news.all = true;
    }

    fn update(&mut self, now: Time, (policy, overrides): (&Arc<Policy>, &[Override])) {
        let mut news = std::mem::take(&mut self.news);
        news.links.sort_unstable();
        news.links.dedup();
        let epoch = self.state.table.epoch + 1;
        let before = news.all.then(|| {
            let at = self.state.updated_at;
            Before { policy, orders: Orders::at(overrides, at), at }
        });
        // The scene borrows the router, the choices are taken out of it meanwhile.
        let mut routes = std::mem::take(&mut self.state.routes);
        let orders = Orders::at(&self.state.overrides, now);
        let (made, changes) = routes.update(now, &self.scene(now, &orders, before), &news, epoch);
        let state = &mut self.state;
        state.routes = routes;
        state.updated_at = now;
        state.pace.acted();

        let revision = state.policy.revision;
        let due = now >= state.table.made_at + REFRESH && !state.table.holds(&made);
        let urgent = !changes.is_empty() || state.table.policy_revision != revision;
        if urgent || due || !state.table.steers_like(&made) {
            let table =
                RouteTable::new(epoch, state.home.clone(), now, state.policy.clone()).with_routes(made);
            state.table = Arc::new(table);
            state.stale = false;
            self.outputs.push_back(Output::Table(state.table.clone()));
            self.outputs.extend(changes.into_iter().map(Output::Changed));
        } else {
            state.stale = !state.table.holds(&made);
        }
    }

    fn scene<'a>(&'a self, at: Time, orders: &'a Orders<'a>, before: Option<Before<'a>>) -> Scene<'a> {
        let State { home, settings, policy, fate, .. } = &self.state;
        Scene { home, graph: &self.graph, settings, policy, orders, fate, at, before }
    }
}

impl From<Written> for Router {
    fn from(Written { state }: Written) -> Self {
        let graph = Graph::new(&state.links, &state.live);
        // What the choices knew of their paths was not written down: they look at all of them again.
        Self { graph, state, news: News::default(), history: Arc::default(), outputs: VecDeque::new() }
    }
}

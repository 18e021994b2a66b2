//! What all workers of a relay share about the mesh: its own keys, the relays that the mesh names, and the routes. Here it is
//! changed, one change at a time, and every change is given to the workers before anybody outside hears of it.

mod book;

use crate::{
    config::Tunnels,
    core::{
        Lane, RelayId, SocketId,
        mesh::{Counts, LinkCount, Mesh},
        relay::{Follower, RouteKey},
        tunnel::{Keys, Peer, Table},
    },
    path::{Look, Path, Shift},
    worker::{self, Handle, Kind, Turn},
};
use book::Book;
use ringway_node::{chance, clock::Clock};
use ringway_router::{NodeId, Region, Time, Traffic};
use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    net::SocketAddr,
    sync::Arc,
    time::Duration,
};
use tokio::sync::{Mutex, broadcast, watch};

pub(crate) use book::{Wish, Wishes};

/// Counts that nobody takes up are lost: the next ones come soon.
const COUNTS: usize = 4;
/// No more receiving keys than this at a time: more would not fit into a statement.
const KEYS_MAX: usize = 4;

/// See the module.
pub(crate) struct Steering {
    own: RelayId,
    workers: Arc<[Handle<Path>]>,
    clock: Clock,
    lifetime: Duration,
    state: Mutex<State>,
    myself: watch::Sender<Peer>,
    links: broadcast::Sender<Arc<[LinkCount]>>,
}

struct State {
    keys: Keys,
    table: Arc<Table>,
    book: Book,
    /// As the mesh named them last.
    roster: Vec<Peer>,
    renewed: Time,
    /// A worker was too busy to be told of the table, of rows, or of calls that go by others.
    behind: bool,
    /// The rules have changed, and which calls follow which rows is not known yet.
    unsorted: bool,
    /// Calls that go by other rows, and have not been told.
    others: BTreeMap<Follower, RouteKey>,
}

/// Why a call has no way to another region.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unrouted {
    /// Too many regions, or kinds of calls.
    #[error("there is no room for another route")]
    Full,
    /// One of the workers does not take orders.
    #[error(transparent)]
    Worker(#[from] worker::Refusal),
}

impl Steering {
    /// Gives every worker its tunnels.
    ///
    /// # Errors
    /// When a socket cannot be bound, with its address; or a worker has ended.
    pub(crate) async fn start(
        node: &NodeId,
        settings: &Tunnels,
        workers: Arc<[Handle<Path>]>,
        clock: Clock,
    ) -> Result<Self, (SocketAddr, io::Error)> {
        let now = Time::from_micros(clock.unix_us());
        let keys = Keys::new(now, node.region.clone(), node.node.clone(), &chance::bytes(), &chance::bytes())
            .unwrap_or_else(|error| unreachable!("any bytes make a key: {error}"));
        let table = keys.table();
        for (number, worker) in workers.iter().enumerate() {
            open(worker, number, (node.region.clone(), Arc::clone(&table)), settings).await?;
        }
        let ports = (0..workers.len()).map(|number| settings.port(number)).collect();
        let myself = Peer {
            region: node.region.clone(),
            node: node.node.clone(),
            address: settings.listen,
            ports,
            sender_key: keys.sender_key(),
            receiving_keys: keys.receiving_keys().collect(),
            incarnation: now.micros(),
        };
        Ok(Self {
            own: keys.own(),
            workers,
            clock,
            lifetime: Duration::from_secs(settings.key_lifetime_s),
            state: Mutex::new(State {
                keys,
                table,
                book: Book::default(),
                roster: Vec::new(),
                renewed: now,
                behind: false,
                unsorted: false,
                others: BTreeMap::new(),
            }),
            myself: watch::Sender::new(myself),
            links: broadcast::Sender::new(COUNTS),
        })
    }

    /// The own number.
    pub(crate) fn own(&self) -> RelayId {
        self.own
    }

    /// How this relay is reached; changes with its keys.
    pub(crate) fn myself(&self) -> watch::Receiver<Peer> {
        self.myself.subscribe()
    }

    /// What frames show of the links, from now on.
    pub(crate) fn links(&self) -> broadcast::Receiver<Arc<[LinkCount]>> {
        self.links.subscribe()
    }

    /// The relays that live, as the mesh says. Not `complete`: whoever says it has just begun to hear of them, and those that it
    /// does not name are still there.
    pub(crate) async fn meet(&self, mut roster: Vec<Peer>, complete: bool) {
        let mut state = self.state.lock().await;
        if !complete {
            let named = |peer: &Peer| roster.iter().any(|named| named.id() == peer.id());
            let unnamed: Vec<Peer> = state.roster.iter().filter(|peer| !named(peer)).cloned().collect();
            roster.extend(unnamed);
        }
        let refused = state.keys.meet(self.now(), &roster);
        state.roster = roster;
        for refused in refused {
            tracing::warn!(region = %refused.region, node = %refused.node, why = %refused.why, "media relay refused");
        }
        self.adopt(&mut state).await;
    }

    /// The routes, as the mesh says.
    pub(crate) async fn route(&self, wishes: Wishes) {
        let mut state = self.state.lock().await;
        state.unsorted |= state.book.learn(self.now(), wishes);
        // A worker that has ended ends the process elsewhere; a busy one is told at the next look.
        let _ = self.steer(&mut state).await;
    }

    /// Which calls follow which rows.
    async fn followers(&self) -> Result<BTreeSet<Follower>, worker::Refusal> {
        let mut followers = BTreeSet::new();
        for worker in &*self.workers {
            followers.extend(worker.ask(|path, _| path.relay().followers()).await?);
        }
        Ok(followers)
    }

    /// The row that this call follows. The workers know it from now on.
    pub(crate) async fn key(&self, to: &Region, traffic: &Traffic) -> Result<RouteKey, Unrouted> {
        let mut state = self.state.lock().await;
        let (key, new) = state.book.key(to, traffic).ok_or(Unrouted::Full)?;
        if new {
            self.steer(&mut state).await?;
        }
        Ok(key)
    }

    /// Where a relay is, if it lives.
    pub(crate) async fn region_of(&self, relay: RelayId) -> Option<Region> {
        self.state.lock().await.table.relay(relay).map(|slot| slot.region.clone())
    }

    /// A new receiving key. The workers have it before the others hear of it; the old one opens frames until nobody uses it.
    pub(crate) async fn renew(&self) {
        let (mut state, now) = (self.state.lock().await, self.now());
        state.renewed = now;
        if state.keys.receiving_keys().count() >= KEYS_MAX {
            return tracing::warn!("older keys are still in use: the tunnels get no new one for now");
        }
        match state.keys.renew(now, &chance::bytes()) {
            Ok(key) => tracing::info!(id = key.id, "the tunnels have a new key"),
            Err(error) => tracing::error!(%error, "the tunnels get no new key"),
        }
        self.adopt(&mut state).await;
    }

    /// Looks at the tunnels of all workers: tells what frames showed of the links, keeps the keys, and says what moved, and what
    /// has been counted, unless a worker was too busy to say.
    pub(crate) async fn look(&self) -> (Option<Vec<Counts>>, Vec<Shift>) {
        let (mut counts, mut moves, mut links, mut used) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for worker in &*self.workers {
            // A worker that has ended ends the process elsewhere.
            let Ok(Some(look)) = worker.ask(|path, turn| path.look(turn.now)).await else { continue };
            let Look { links: of_links, keys_used, counts: of_frames, moves: of_calls } = look;
            counts.push(of_frames);
            moves.extend(of_calls);
            links.extend(of_links);
            used.extend(keys_used);
        }
        // Nobody may listen.
        let _ = self.links.send(summed(links).into());
        self.keep_keys(used).await;
        self.catch_up().await;
        (Some(counts).filter(|counts| counts.len() == self.workers.len()), moves)
    }

    /// Tells the workers what they were too busy for.
    async fn catch_up(&self) {
        let mut state = self.state.lock().await;
        if std::mem::take(&mut state.behind) {
            self.adopt(&mut state).await;
            let _ = self.steer(&mut state).await;
        }
    }

    async fn keep_keys(&self, used: Vec<(u8, Time)>) {
        let now = self.now();
        let due = {
            let mut state = self.state.lock().await;
            used.into_iter().for_each(|(key, at)| state.keys.used(key, at));
            if state.keys.expire(now) {
                self.adopt(&mut state).await;
            }
            now.since(state.renewed) >= self.lifetime
        };
        if due {
            self.renew().await;
        }
    }

    /// The workers first, then the others.
    async fn adopt(&self, state: &mut State) {
        state.table = state.keys.table();
        let mut all = true;
        for worker in &*self.workers {
            let table = Arc::clone(&state.table);
            all &= worker.ask(move |path, turn| path.adopt(turn.now, table)).await.is_ok();
        }
        if !all {
            state.behind = true;
            return tracing::warn!("a worker is too busy to hear of keys and relays: it will be told again");
        }
        let keys: Vec<_> = state.keys.receiving_keys().collect();
        self.myself.send_if_modified(|myself| {
            let changed = myself.receiving_keys != keys;
            myself.receiving_keys = keys;
            changed
        });
    }

    /// Gives all workers the rows, and calls that go by others. An error: one of them did not take it now, and is told later.
    async fn steer(&self, state: &mut State) -> Result<(), worker::Refusal> {
        let steered = self.try_steer(state).await;
        if let Err(error) = &steered {
            tracing::warn!(%error, "a worker did not get the routes: it will be told again");
            state.behind = true;
        }
        steered
    }

    async fn try_steer(&self, state: &mut State) -> Result<(), worker::Refusal> {
        if state.unsorted {
            let followers = self.followers().await?;
            state.others = state.book.sort(followers);
            state.unsorted = false;
        }
        let (routes, others) = (Arc::new(state.book.routes()), Arc::new(state.others.clone()));
        let mut result = Ok(());
        for worker in &*self.workers {
            let (routes, others) = (Arc::clone(&routes), Arc::clone(&others));
            let job = move |path: &mut Path, turn: &mut Turn<'_>| {
                path.steer(turn.now, routes);
                path.relay().reroute(&others);
            };
            result = result.and(worker.order(job));
        }
        if result.is_ok() {
            state.others.clear();
        }
        result
    }

    fn now(&self) -> Time {
        Time::from_micros(self.clock.unix_us())
    }
}

/// Opens the sockets of one worker: where frames come in, which is its first lane, and the other lanes.
async fn open(
    worker: &Handle<Path>,
    number: usize,
    (region, table): (Region, Arc<Table>),
    settings: &Tunnels,
) -> Result<(), (SocketAddr, io::Error)> {
    let ports = [settings.port(number)].into_iter().chain((1..settings.lanes).map(|_| 0));
    let addresses: Vec<SocketAddr> = ports.map(|port| SocketAddr::new(settings.listen, port)).collect();
    let first = addresses[0];
    let job = move |path: &mut Path, turn: &mut Turn<'_>| {
        let mut sockets: Vec<SocketId> = Vec::new();
        for address in addresses {
            match turn.sockets.open(Kind::Tunnel, address) {
                Ok((socket, _)) => sockets.push(socket),
                Err(error) => return Err((address, error)),
            }
        }
        let (incoming, worker) = (sockets[0], u8::try_from(number).unwrap_or(u8::MAX));
        path.join(Mesh::new(turn.now, region, worker, sockets, table), incoming);
        Ok(())
    };
    worker.ask(job).await.unwrap_or_else(|ended| Err((first, io::Error::other(ended))))
}

/// The links of all workers together.
fn summed(links: Vec<LinkCount>) -> Vec<LinkCount> {
    let mut sums: BTreeMap<(Region, Lane), LinkCount> = BTreeMap::new();
    for link in links {
        match sums.get_mut(&(link.region.clone(), link.lane)) {
            None => _ = sums.insert((link.region.clone(), link.lane), link),
            Some(sum) => sum.add(&link),
        }
    }
    sums.into_values().collect()
}

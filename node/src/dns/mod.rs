//! DNS for SIP (RFC 3263): from the host of a URI to the addresses to try, in order. The cores are pure: what to ask
//! (`plan`), in which order to try (`srv`), what to remember (`memory`), what to avoid for now (`marks`). Around them
//! stands [`Resolver`], which asks each thing once for however many calls want to know, and never for longer than its
//! budget.

mod marks;
mod memory;
mod plan;
mod question;
mod servers;
mod service;
mod settings;
mod srv;
mod target;

pub use settings::Dns;
pub use target::{Family, Target, Transport};

use crate::chance;
use fastrand::Rng;
use marks::Marks;
use memory::{Memory, Recall};
use plan::{Outcome, Output, Plan};
use servers::Servers;
use srv::Server;
use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use target::Request;
use tokio::{sync::watch, task::JoinSet, time::sleep};

/// Names that are remembered. A few hundred bytes each; a carrier has hundreds of peers, not thousands.
const MEMORY_CAPACITY: usize = 8192;
/// Targets that are remembered as silent.
const MARKS_CAPACITY: usize = 4096;
/// Names that are looked up at one time. Beyond that, somebody floods us with names.
const FLIGHTS_MAX: usize = 512;

/// Why a host has no address to send to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DnsError {
    /// The host of the URI is neither an address nor a name that DNS could carry.
    #[error("the host is no address and no domain name")]
    BadName,
    /// `sips` over UDP (RFC 3261 §26.2.2).
    #[error("sips needs TLS, and the URI asks for UDP")]
    Insecure,
    /// DNS says that there is no address for this.
    #[error("DNS knows no address for this host and transport")]
    Missing,
    /// No DNS server answered in time, and no earlier answer is known.
    #[error("DNS is away: no answer in time, and none from before")]
    Away,
    /// Too many other names are being looked up.
    #[error("more than {FLIGHTS_MAX} names are being looked up")]
    Busy,
    /// There is no DNS server to ask, or the system's configuration cannot be read.
    #[error("DNS cannot be set up: {0}")]
    Setup(String),
}

/// Finds the addresses of SIP hosts. Cheap to clone; clones share what they know.
#[derive(Debug, Clone)]
pub struct Resolver {
    servers: Servers,
    timeout: Duration,
    prefer: Family,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    memory: Memory,
    marks: Marks,
    flights: HashMap<Request, Flight>,
    dice: Rng,
}

/// A lookup in progress: `None` until it ends.
type Flight = watch::Receiver<Option<Recall>>;

impl Resolver {
    /// Asks the servers of the system, with the budget and the preference of [`Dns::default`].
    ///
    /// # Errors
    /// [`DnsError::Setup`] when the system's configuration cannot be read or names no server.
    pub fn system() -> Result<Self, DnsError> {
        Self::from_settings(&Dns::default())
    }

    /// Asks these recursive resolvers, in this order, with the budget and the preference of [`Dns::default`].
    ///
    /// # Errors
    /// [`DnsError::Setup`] when the system's own configuration was meant by an empty list and cannot be read.
    pub fn with_servers(servers: Vec<SocketAddr>) -> Result<Self, DnsError> {
        Self::from_settings(&Dns { servers, ..Dns::default() })
    }

    /// Asks as the section `[dns]` says.
    ///
    /// # Errors
    /// [`DnsError::Setup`] when no servers are given, and the system's configuration cannot be read or names none.
    pub fn from_settings(settings: &Dns) -> Result<Self, DnsError> {
        let timeout = settings.timeout();
        let servers = if settings.servers.is_empty() {
            Servers::system(timeout)?
        } else {
            Servers::with(&settings.servers, timeout)?
        };
        let state = State {
            memory: Memory::new(MEMORY_CAPACITY),
            marks: Marks::new(MARKS_CAPACITY),
            flights: HashMap::new(),
            dice: Rng::with_seed(chance::seed()),
        };
        Ok(Self { servers, timeout, prefer: settings.prefer, state: Arc::new(Mutex::new(state)) })
    }

    /// Where to send a request for a URI with this host (an IPv6 address with or without brackets), port, `transport`
    /// parameter, and scheme: targets in the order in which to try them (RFC 3263 §4). What is known is answered at
    /// once. Else it takes at most the budget, all lookups together; many callers for one host share one lookup, which
    /// goes on when a caller stops waiting. Needs a tokio runtime.
    ///
    /// # Errors
    /// [`DnsError::BadName`] and [`DnsError::Insecure`] for what cannot be asked, [`DnsError::Missing`] when DNS says
    /// that there is nothing, [`DnsError::Away`] when it does not answer and nothing is known from before,
    /// [`DnsError::Busy`] in a flood of names.
    pub async fn resolve(
        &self,
        now: Instant,
        host: &str,
        port: Option<u16>,
        transport: Option<Transport>,
        sips: bool,
    ) -> Result<Arc<[Target]>, DnsError> {
        let request = Request::new(host, port, transport, sips)?;
        let recall = match self.recall_or_join(now, request)? {
            Step::Known(recall) => recall,
            Step::Wait(mut flight) => {
                let landed = flight.wait_for(Option::is_some).await;
                landed.ok().and_then(|recall| recall.clone()).unwrap_or(Recall::Unknown)
            }
        };
        match recall {
            Recall::Servers(servers) => Ok(self.state().order(now, &servers)),
            Recall::Missing => Err(DnsError::Missing),
            Recall::Unknown => Err(DnsError::Away),
        }
    }

    /// `target` did not answer: for 30 s it is tried after the others of its host.
    pub fn failed(&self, now: Instant, target: Target) {
        self.state().marks.failed(now, target);
    }

    /// `target` answered: no mark is left on it.
    pub fn answered(&self, target: Target) {
        self.state().marks.answered(target);
    }

    /// What is known, or the lookup to wait for, which starts now unless it is on its way already.
    fn recall_or_join(&self, now: Instant, request: Request) -> Result<Step, DnsError> {
        let mut plan = Plan::new(request.clone(), self.prefer);
        // A numeric host needs neither DNS nor memory.
        let first = match plan.poll() {
            Some(Output::Done(Outcome::Found { servers, .. })) => {
                return Ok(Step::Known(Recall::Servers(servers)));
            }
            first => first,
        };
        let mut state = self.state();
        let known = state.memory.recall(now, &request);
        if known != Recall::Unknown {
            return Ok(Step::Known(known));
        }
        // A flight without a sender crashed: it is replaced.
        if let Some(flight) = state.flights.get(&request).filter(|flight| flight.has_changed().is_ok()) {
            return Ok(Step::Wait(flight.clone()));
        }
        if state.flights.len() >= FLIGHTS_MAX {
            return Err(DnsError::Busy);
        }
        let (landing, flight) = watch::channel(None);
        state.flights.insert(request.clone(), flight.clone());
        drop(state);
        let this = self.clone();
        tokio::spawn(async move {
            let outcome = this.look_up(plan, first).await;
            let mut state = this.state();
            let recall = state.memory.learn(now, &request, outcome);
            state.flights.remove(&request);
            landing.send_replace(Some(recall));
        });
        Ok(Step::Wait(flight))
    }

    /// Carries `plan` out within the budget.
    async fn look_up(&self, mut plan: Plan, first: Option<Output>) -> Outcome {
        let mut budget = std::pin::pin!(sleep(self.timeout));
        let mut asked = JoinSet::new();
        let mut next = first;
        loop {
            while let Some(output) = next.take().or_else(|| plan.poll()) {
                match output {
                    Output::Done(outcome) => return outcome,
                    Output::Ask(question) => {
                        let servers = self.servers.clone();
                        asked.spawn(async move {
                            let answer = servers.ask(&question).await;
                            (question, answer)
                        });
                    }
                }
            }
            tokio::select! {
                Some(answered) = asked.join_next() => match answered {
                    Ok((question, answer)) => plan.handle(&question, answer),
                    // A task that died inside a dependency is an answer that never comes.
                    Err(_) => plan.give_up(),
                },
                () = &mut budget => plan.give_up(),
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Whoever held it left it whole: nothing in it is changed in two steps that could come apart.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

enum Step {
    Known(Recall),
    Wait(Flight),
}

impl State {
    fn order(&mut self, now: Instant, servers: &[Server]) -> Arc<[Target]> {
        let mut targets = srv::order(servers, &mut self.dice);
        self.marks.arrange(now, &mut targets);
        targets.into()
    }
}

//! The door to DNS: hickory's types stop here. It puts one question to the recursive resolvers, one after the other.

use super::{
    DnsError,
    question::{Answer, Kind, Question, Record},
};
use hickory_resolver::{
    TokioResolver,
    config::{ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts},
    lookup::Lookup,
    net::{DnsError as Refusal, NetError, runtime::TokioRuntimeProvider},
    proto::rr::{Name, RData, RecordType},
    system_conf::read_system_conf,
};
use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{task::JoinSet, time::sleep};

/// A resolver that is silent for so long gets company: the next one is asked too.
const PATIENCE: Duration = Duration::from_millis(400);

/// The recursive resolvers, each on its own: hickory's own pool takes a SERVFAIL of the first for the answer of all.
#[derive(Debug, Clone)]
pub(super) struct Servers {
    upstreams: Arc<[Upstream]>,
    /// The one that answered last. It is asked first, so that a dead one costs [`PATIENCE`] once.
    favorite: Arc<AtomicUsize>,
}

#[derive(Debug)]
struct Upstream {
    address: SocketAddr,
    resolver: TokioResolver,
}

impl Servers {
    /// Those of the system: `/etc/resolv.conf`, and `/etc/hosts` before them.
    pub(super) fn system(timeout: Duration) -> Result<Self, DnsError> {
        let (config, _) = read_system_conf().map_err(|why| DnsError::Setup(why.to_string()))?;
        let (_, _, servers) = config.into_parts();
        Self::build(servers, ResolveHosts::Always, timeout)
    }

    /// These, over UDP, and over TCP for what does not fit.
    pub(super) fn with(servers: &[SocketAddr], timeout: Duration) -> Result<Self, DnsError> {
        let server = |address: &SocketAddr| {
            let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
                connection.port = address.port();
                connection
            });
            NameServerConfig::new(address.ip(), true, connections.into())
        };
        Self::build(servers.iter().map(server).collect(), ResolveHosts::Never, timeout)
    }

    fn build(
        servers: Vec<NameServerConfig>,
        hosts: ResolveHosts,
        timeout: Duration,
    ) -> Result<Self, DnsError> {
        if servers.is_empty() {
            return Err(DnsError::Setup("no DNS server is configured".into()));
        }
        let mut options = ResolverOpts::default();
        // One answer serves many calls, so the memory of this room is the only one.
        options.cache_size = 0;
        options.attempts = 0;
        options.timeout = timeout;
        options.use_hosts_file = hosts;
        options.preserve_intermediates = false;
        let build = |server: NameServerConfig| {
            let port = server.connections.first().map_or(53, |connection| connection.port);
            let address = SocketAddr::new(server.ip, port);
            let config = ResolverConfig::from_name_servers(vec![server]);
            let builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
            let resolver = builder.with_options(options.clone()).build();
            Ok(Upstream { address, resolver: resolver.map_err(|why| DnsError::Setup(why.to_string()))? })
        };
        let upstreams: Result<Vec<Upstream>, DnsError> = servers.into_iter().map(build).collect();
        Ok(Self { upstreams: upstreams?.into(), favorite: Arc::default() })
    }

    /// The first word of one who knows. It takes no longer than the servers' timeout times their number, but whoever
    /// asks has a budget and drops the future.
    pub(super) async fn ask(&self, question: &Question) -> Answer {
        let count = self.upstreams.len();
        let first = self.favorite.load(Ordering::Relaxed);
        let untried = (0..count).map(|place| (first + place) % count);
        let mut asked = JoinSet::new();
        for place in untried {
            let (resolver, question) = (self.upstreams[place].resolver.clone(), question.clone());
            asked.spawn(async move { (place, ask_one(&resolver, &question).await) });
            tokio::select! {
                Some(answered) = asked.join_next() => {
                    if let Some(answer) = self.known(answered) {
                        return answer;
                    }
                }
                () = sleep(PATIENCE) => {}
            }
        }
        while let Some(answered) = asked.join_next().await {
            if let Some(answer) = self.known(answered) {
                return answer;
            }
        }
        Answer::Failed
    }

    /// The answer, if it is one, and its server our favorite.
    fn known(&self, answered: Result<(usize, Answer), tokio::task::JoinError>) -> Option<Answer> {
        let (place, answer) = answered.ok().filter(|(_, answer)| *answer != Answer::Failed)?;
        let before = self.favorite.swap(place, Ordering::Relaxed);
        if before != place {
            tracing::warn!(server = %self.upstreams[place].address, "another DNS server answers first");
        }
        Some(answer)
    }
}

async fn ask_one(resolver: &TokioResolver, question: &Question) -> Answer {
    let kind = match question.kind {
        Kind::Naptr => RecordType::NAPTR,
        Kind::Srv => RecordType::SRV,
        Kind::A => RecordType::A,
        Kind::Aaaa => RecordType::AAAA,
    };
    // The root's dot keeps the system's search list out: SIP names are complete (RFC 3263 §4).
    let Ok(name) = Name::from_ascii(format!("{}.", question.name)) else {
        return Answer::Nothing { ttl: None };
    };
    match resolver.lookup(name, kind).await {
        Ok(lookup) => from_lookup(&lookup, kind),
        Err(NetError::Dns(Refusal::NoRecordsFound(none))) => {
            Answer::Nothing { ttl: none.negative_ttl.map(|s| Duration::from_secs(s.into())) }
        }
        Err(_) => Answer::Failed,
    }
}

fn from_lookup(lookup: &Lookup, kind: RecordType) -> Answer {
    let answers = || lookup.answers().iter().filter(|record| record.record_type() == kind);
    let records: Vec<Record> = answers().filter_map(|record| from_data(&record.data)).collect();
    let ttl = answers().map(|record| record.ttl).min().unwrap_or(0);
    if records.is_empty() {
        return Answer::Nothing { ttl: None };
    }
    Answer::Records { records, ttl: Duration::from_secs(ttl.into()) }
}

fn from_data(data: &RData) -> Option<Record> {
    Some(match data {
        RData::A(address) => Record::Address(address.0.into()),
        RData::AAAA(address) => Record::Address(address.0.into()),
        RData::SRV(srv) => Record::Srv {
            priority: srv.priority,
            weight: srv.weight,
            port: srv.port,
            host: from_name(&srv.target),
        },
        RData::NAPTR(naptr) => Record::Naptr {
            order: naptr.order,
            preference: naptr.preference,
            flags: from_text(&naptr.flags),
            service: from_text(&naptr.services),
            regexp: from_text(&naptr.regexp),
            replacement: from_name(&naptr.replacement),
        },
        _ => return None,
    })
}

/// A name as [`Question`] has it: lower case, no dot at the end; empty for the root.
fn from_name(name: &Name) -> Arc<str> {
    name.to_ascii().trim_end_matches('.').to_ascii_lowercase().into()
}

fn from_text(text: &[u8]) -> String {
    String::from_utf8_lossy(text).into_owned()
}

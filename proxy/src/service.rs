//! The proxy role of a node: binds everything, starts everything, and ends when anything fails for good.

mod bind;
mod books;

use crate::{
    admin,
    config::{Admin, Dial, Edge, Media, Mesh, Overload, PolicySection, Record, Registrar, Sip, StoreKind},
    control::{self, ActivePolicy, Control, Facts, Handle, NotApplied},
    core::{
        Proxy,
        dial::{DialPlan, Entry, Next},
        names::Names,
        site::Site,
        sockets::Sockets,
        view::View,
    },
    location::Directory,
    media,
    mesh::{dialer::Dialer, seeds::Seeds, server},
    metrics::Metrics,
    options::{self, Asker},
    policy::{self, Store},
    probe::{self, service::Roster},
    worker,
};
use bind::Listeners;
use books::Books;
use prometheus::Registry;
use ringway_node::{
    chance,
    clock::Clock,
    config::Node,
    dns::{Dns, Resolver},
    http::{self, Windows},
    identity::{Authority, Identity, IdentityError},
    mac::{self, Mac},
    phase::{Life, Phase, reached},
    tls::{Tls, TlsError},
};
use ringway_router::{NodeId, Router, Settings};
use ringway_sip::{Timing, Transport};
use std::{io, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};
use tokio::{net::UdpSocket, sync::watch, task::JoinSet};

/// The configuration of a proxy node, checked and with its paths made absolute.
#[derive(Debug, Clone)]
pub struct Config {
    /// `[node]`
    pub node: Node,
    /// `[metrics]`
    pub metrics: ringway_node::config::Metrics,
    /// `[admin]`
    pub admin: Admin,
    /// `[mesh]`
    pub mesh: Mesh,
    /// `[sip]`
    pub sip: Sip,
    /// `[overload]`
    pub overload: Overload,
    /// `[media]`
    pub media: Media,
    /// `[edge]`
    pub edge: Edge,
    /// `[[dial]]`
    pub dial: Vec<Dial>,
    /// `[registrar]`
    pub registrar: Registrar,
    /// `[router]`
    pub router: Settings,
    /// `[policy]`
    pub policy: PolicySection,
    /// `[record]`
    pub record: Record,
    /// `[dns]`
    pub dns: Dns,
}

/// Why a proxy did not start, or ended.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// A name or a value that does not do.
    #[error("{0}: {1}")]
    Config(&'static str, String),
    /// Certificate, key, or authority.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// Certificate, key, or authority of SIP over TLS.
    #[error("sip.tls: {0}")]
    Tls(#[from] TlsError),
    /// The certificate is somebody else's.
    #[error("{}: this certificate is for {found}, not for {wanted}", file.display())]
    NotOurs {
        /// The certificate.
        file: PathBuf,
        /// Its name.
        found: String,
        /// The name in the configuration.
        wanted: String,
    },
    /// The policy file is no policy, and what it forbids is not known.
    #[error("policy: {0}")]
    Policy(#[from] NotApplied),
    /// An address cannot be bound.
    #[error("{what} {address}: {source}")]
    Bind {
        /// The configuration key.
        what: &'static str,
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The metrics cannot be registered.
    #[error(transparent)]
    Metrics(#[from] prometheus::Error),
    /// A listener failed.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// gRPC failed.
    #[error(transparent)]
    Grpc(#[from] tonic::transport::Error),
}

/// What can be found out without starting: the identity, the authority, the policy, the dial plan.
///
/// # Errors
/// The first thing that would keep the node from starting.
pub fn check(config: &Config, clock: Clock) -> Result<(), ServiceError> {
    prepare(config, clock).map(drop)
}

/// Runs the proxy until the process is to end. `others`: what else `/metrics` prints, of the other roles of the node.
///
/// # Errors
/// When it cannot start, or one of its parts fails for good.
pub async fn run(
    config: Config,
    others: Vec<Registry>,
    clock: Clock,
    life: Life,
) -> Result<(), ServiceError> {
    let Prepared { facts, mut site, policy, store, resolver, tls, door } = prepare(&config, clock)?;
    let listeners = Listeners::bind(&config, tls).await?;
    site.asks_from = Some(listeners.asking.local_addr()?);
    let of_seeds = resolver.clone();
    let patience = config.mesh.node_expiry();
    let home = facts.own.region.clone();

    let view = Arc::new(View::alone(Router::new(home, config.router.clone()).table()));
    let (directory, announcements) = Directory::new(facts.own.clone(), config.registrar.limits());
    let (metrics, seed) = (Metrics::new()?, chance::seed());
    let (handle, events) = Handle::new(clock, metrics, Arc::clone(&view), directory, store, seed);
    let site = Arc::new(site);
    let of_workers = Arc::clone(&site);
    let make_core = move || Proxy::new(Arc::clone(&of_workers), Arc::clone(&view), chance::seed());
    let (roster, roster_seen) = watch::channel(Arc::new(Roster::default()));
    let (ready, ready_seen) = watch::channel(false);
    let registries = [handle.metrics().registry().clone()].into_iter().chain(others).collect();
    let Books { orders, recorder, reader, audit } =
        Books::open(&config, handle.metrics().record_dropped.clone())?;
    let settings = config.router.clone();
    let control =
        Control::new(facts.clone(), settings, policy, handle.clone(), announcements, orders, recorder);

    let mut parts: JoinSet<Result<(), ServiceError>> = JoinSet::new();
    let phase = life.watch();
    let (steering, steering_seen) = watch::channel(Arc::default());
    let control_task = tokio::spawn(control::run(control, events, roster, steering, ready, phase));
    let relays = config.media.relays();
    let controller = facts.own.to_string();
    let orders = facts.anchors.then(|| media::Orders::start(&relays, handle.clone(), controller));
    part(&mut parts, worker::run(listeners.sip, make_core, handle.clone(), site, resolver, orders));
    tokio::spawn(media::steer(relays, handle.clone(), steering_seen));
    let key = Mac::new(&facts.probe_key);
    part(&mut parts, probe::service::reflect(listeners.reflector, roster_seen.clone(), handle.clone(), key));
    let probing = config.mesh.probing();
    part(&mut parts, probe::service::probe(listeners.prober, roster_seen, handle.clone(), probing));
    let windows = Windows { registries, ready: ready_seen };
    part(&mut parts, http::serve(listeners.metrics, windows));
    let Facts { identity, authority, .. } = facts;
    let dialer = Dialer {
        control: handle.clone(),
        leave_from: Some(config.mesh.listen.ip()).filter(|address| !address.is_unspecified()),
        tls: Dialer::tls(&identity, &authority, &config.node.mesh_domain),
        patience,
    };
    let mesh_handle = handle.clone();
    part(&mut parts, async move {
        server::serve(listeners.mesh, &identity, authority, mesh_handle, patience).await
    });
    if let Some(every) = config.sip.options_every() {
        part(&mut parts, options::ask(asker(&config, listeners.asking), every, handle.clone()));
    }
    part(&mut parts, admin::serve(listeners.admin, handle.clone(), door, audit, reader));
    let Mesh { seeds, discover, .. } = config.mesh.clone();
    tokio::spawn(Seeds { dialer, seeds, discover, resolver: of_seeds }.keep());
    tokio::spawn(policy::follow(handle.clone(), config.policy.file));
    tracing::info!(
        region = config.node.region, node = config.node.name, sip = %config.sip.listen,
        mesh = %config.mesh.listen, admin = %config.admin.listen, "node runs"
    );

    let mut ending = life.watch();
    let failed = tokio::select! {
        () = reached(&mut ending, Phase::Ending) => Ok(()),
        Some(ended) = parts.join_next() => ended.unwrap_or_else(|panic| Err(io::Error::other(panic).into())),
    };
    life.end();
    // The last word of the control task is that this node leaves; give it to the streams.
    let _ = control_task.await;
    tokio::time::sleep(LAST_WORD).await;
    tracing::info!("node ends");
    failed
}

/// How long the streams have to carry the last word out.
const LAST_WORD: Duration = Duration::from_millis(100);

fn part<E: Into<ServiceError>>(
    parts: &mut JoinSet<Result<(), ServiceError>>,
    task: impl Future<Output = Result<(), E>> + Send + 'static,
) {
    parts.spawn(async move { task.await.map_err(Into::into) });
}

/// Who asks the other regions how they are.
fn asker(config: &Config, socket: UdpSocket) -> Asker {
    let mesh_domain = config.node.mesh_domain.to_ascii_lowercase();
    Asker { socket, proxy: bind::itself(config.sip.listen), mesh_domain, seed: chance::seed() }
}

struct Prepared {
    resolver: Option<Resolver>,
    facts: Facts,
    site: Site,
    policy: ActivePolicy,
    store: Store,
    tls: Option<Tls>,
    door: admin::Door,
}

fn prepare(config: &Config, clock: Clock) -> Result<Prepared, ServiceError> {
    let unsound = |(key, why)| ServiceError::Config(key, why);
    config.mesh.check().map_err(unsound)?;
    config.sip.check().map_err(unsound)?;
    config.overload.check().map_err(unsound)?;
    config.admin.check().map_err(unsound)?;
    config.record.check().map_err(unsound)?;
    config.dns.check().map_err(unsound)?;
    config.registrar.check().map_err(unsound)?;
    config.media.check().map_err(unsound)?;
    let own = own_id(&config.node)?;
    config.router.validate().map_err(|error| ServiceError::Config("router", error.to_string()))?;

    let identity = Identity::load(&config.mesh.certificate, &config.mesh.key)?;
    let authority = Authority::load(&config.mesh.authority, &config.node.mesh_domain)?;
    let member = authority.admit(identity.certificate(), clock.unix_us())?;
    let (found, wanted) = (format!("{}/{}", member.id().region, member.id().node), own.to_string());
    if found != wanted {
        return Err(ServiceError::NotOurs { file: config.mesh.certificate.clone(), found, wanted });
    }

    let store = config.policy.open(&config.node.mesh_domain).map_err(unsound)?;
    let policy = last_policy(&config.policy, clock)?;
    let dial: Vec<_> = config.dial.iter().map(Dial::entry).collect::<Result<_, _>>().map_err(unsound)?;
    let tls = tls(&config.sip, &dial)?;
    let further = config.sip.socket.iter();
    let sockets = Sockets::new(config.sip.sent_by(), further.clone().map(|at| (at.transport, at.sent_by())));
    let listening = [config.sip.listen].into_iter().chain(further.map(|socket| socket.listen));
    let addresses = sockets.addresses().chain(listening).collect();
    let site = Site {
        names: Names::new(&config.node.mesh_domain, own.region.clone(), addresses),
        sockets,
        edge: config.edge.trusted.clone(),
        asks_from: None,
        usual: config.edge.usual(),
        dial: DialPlan::new(dial),
        limits: config.sip.limits.limits(),
        timing: Timing::default(),
        hop_timeout: Duration::from_millis(config.sip.hop_timeout_ms),
        edge_timeout: Duration::from_millis(config.sip.edge_timeout_ms),
        ring: Duration::from_secs(config.sip.ring_s),
        registrar: config.registrar.settings(),
        node: own.node.clone(),
        flow_secret: chance::seed(),
        timer_c: Duration::from_secs(config.sip.timer_c_s),
        overload: config.overload.settings(clock.start_unix_us() / 1_000_000),
        media: config.media.settings(),
        idle: Duration::from_secs(config.sip.streams.idle_timeout_s),
    };
    let facts = Facts {
        own,
        zone: config.node.zone.clone(),
        version: env!("CARGO_PKG_VERSION"),
        sip: config.sip.sent_by(),
        probe: config.mesh.probe_listen,
        probe_key: mac::key(),
        identity,
        authority,
        node_expiry: config.mesh.node_expiry(),
        advertise: config.mesh.advertise,
        anchors: config.media.settings().is_some(),
    };
    let resolver = resolver(&config.dns)?;
    let door = admin::Door::load(&config.admin, &config.node.mesh_domain).map_err(unsound)?;
    Ok(Prepared { resolver, facts, site, policy, store, tls, door })
}

/// The policy that this node goes by until its store says otherwise.
fn last_policy(section: &PolicySection, clock: Clock) -> Result<ActivePolicy, NotApplied> {
    let policy = Arc::new(control::load_policy(section.file.as_deref())?);
    let known = section.store == StoreKind::File || policy.revision > 0;
    if section.store == StoreKind::Etcd {
        let revision = policy.revision;
        tracing::info!(revision, "the last known policy holds until the policy store is reached");
    }
    Ok(ActivePolicy { policy, since_unix_us: clock.unix_us(), known })
}

/// The papers for SIP over TLS, and whether they do for what the dial plan wants.
fn tls(sip: &Sip, dial: &[Entry]) -> Result<Option<Tls>, ServiceError> {
    let tls = sip.tls.as_ref().map(|tls| Tls::load(tls.files(), tls.client_certificates)).transpose()?;
    let over_tls = |next: &Next| match next {
        Next::At(peer) => peer.transport == Transport::Tls,
        Next::Named(host) => host.transport == Some(Transport::Tls),
    };
    let can_call = tls.as_ref().is_some_and(|tls| tls.client.is_some());
    if !can_call && dial.iter().flat_map(|entry| &entry.next).any(over_tls) {
        let why = "needed to deliver over TLS, as a [[dial]] says".into();
        return Err(ServiceError::Config("sip.tls.authority", why));
    }
    Ok(tls)
}

/// Without a DNS server to ask the node does what it can: hosts that are addresses.
fn resolver(settings: &Dns) -> Result<Option<Resolver>, ServiceError> {
    match Resolver::from_settings(settings) {
        Ok(resolver) => Ok(Some(resolver)),
        Err(error) if settings.servers.is_empty() => {
            tracing::warn!(%error, "no DNS: hosts have to be addresses");
            Ok(None)
        }
        Err(error) => Err(ServiceError::Config("dns", error.to_string())),
    }
}

fn own_id(node: &Node) -> Result<NodeId, ServiceError> {
    let region = node.region.as_str().try_into();
    let name = node.name.as_str().try_into();
    Ok(NodeId {
        region: region.map_err(|error| ServiceError::Config("node.region", format!("{error}")))?,
        node: name.map_err(|error| ServiceError::Config("node.name", format!("{error}")))?,
    })
}

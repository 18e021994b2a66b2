//! The operators' verbs: a gRPC client and nothing else. What a verb prints, it was told by the node.

mod audit;
mod json;
mod link;
mod node;
mod order;
mod papers;
mod policy;
mod registration;
mod route;
mod status;
mod table;
mod time;

pub(crate) use time::duration;

use crate::cli::{Audit, Link, List, Override, Papers, Region, Registration, Target, Verb};
use ringway_proto::admin::admin_client::AdminClient;
use std::{io, path::PathBuf, time::Duration};
use tonic::transport::{Channel, Endpoint};

/// A node that does not answer for so long is away.
const PATIENCE: Duration = Duration::from_secs(5);

/// Why a verb failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum VerbError {
    /// The address is no URL.
    #[error("{address}: not an address such as http://127.0.0.1:50051")]
    Address { address: String },
    /// Nobody answers there.
    #[error("{address}: no node answers: {why}")]
    Away { address: String, why: String },
    /// The node says no.
    #[error("{address}: {why}")]
    Refused { address: String, why: String },
    /// The file cannot be read.
    #[error("{}: {source}", file.display())]
    File { file: PathBuf, source: io::Error },
    /// The time is none.
    #[error("{text}: {why}")]
    Time { text: String, why: String },
    /// The document is no policy.
    #[error("{}: {why}", file.display())]
    BadPolicy { file: PathBuf, why: String },
    /// The plan finds what should keep the document from being applied.
    #[error("{}: should not be applied", file.display())]
    BadPlan { file: PathBuf },
    /// The nodes do not agree.
    #[error("after {waited} s not all nodes go by the policy of {address}")]
    Drift { address: String, waited: u64 },
    /// Some nodes took the policy and some did not.
    #[error("applied on {applied} of {asked} nodes; the others keep the policy that they had")]
    Partial { applied: usize, asked: usize },
}

/// Runs one verb.
pub(crate) async fn run(verb: Verb) -> Result<(), VerbError> {
    match verb {
        Verb::Status(target) => status::show(&target).await,
        Verb::Node(List::List { target, watch: false }) => node::list(&target).await,
        Verb::Node(List::List { target, watch: true }) => node::watch(&target).await,
        Verb::Link(Link::List { target, watch: false }) => link::list(&target).await,
        Verb::Link(Link::List { target, watch: true }) => link::watch(&target).await,
        Verb::Link(Link::Disable { from, to, both_ways, order, target }) => {
            order::disable(from, to, both_ways, &order, &target).await
        }
        Verb::Link(Link::Enable { from, to, both_ways, target }) => {
            order::enable(from, to, both_ways, &target).await
        }
        Verb::Region(Region::List(target)) => order::regions(&target).await,
        Verb::Region(Region::Drain { region, order, target }) => order::drain(region, &order, &target).await,
        Verb::Region(Region::Undrain { region, target }) => order::undrain(region, &target).await,
        Verb::Override(Override::List(target)) => order::list(&target).await,
        Verb::Audit(Audit::List { target, last, watch: false }) => audit::list(&target, last).await,
        Verb::Audit(Audit::List { target, watch: true, .. }) => audit::watch(&target).await,
        Verb::Route(verb) => route::run(verb).await,
        Verb::Registration(Registration::List { target, aor }) => registration::list(&target, aor).await,
        Verb::Policy(verb) => policy::run(verb).await,
    }
}

/// A node that is asked.
struct Desk {
    address: String,
    client: AdminClient<Channel>,
}

impl Desk {
    async fn at(target: &Target) -> Result<Self, VerbError> {
        Self::open(&target.address, &target.papers).await
    }

    async fn open(address: &str, papers: &Papers) -> Result<Self, VerbError> {
        let full = papers::url(address, papers);
        let secure = full.starts_with("https://");
        let mut endpoint = Endpoint::from_shared(full)
            .map_err(|_| VerbError::Address { address: address.to_owned() })?
            .connect_timeout(PATIENCE);
        let away = |error: tonic::transport::Error| VerbError::Away {
            address: address.to_owned(),
            why: papers::causes(&error),
        };
        if secure {
            endpoint = endpoint.tls_config(papers::tls(papers)?).map_err(away)?;
        }
        let channel = endpoint.connect().await.map_err(away)?;
        Ok(Self { address: address.to_owned(), client: AdminClient::new(channel) })
    }

    fn refused(&self) -> impl Fn(tonic::Status) -> VerbError + use<> {
        let address = self.address.clone();
        move |status| VerbError::Refused { address: address.clone(), why: papers::told(&status) }
    }
}

/// A whole stream as a list.
async fn collect<T>(mut stream: tonic::Streaming<T>) -> Result<Vec<T>, tonic::Status> {
    let mut items = Vec::new();
    while let Some(item) = stream.message().await? {
        items.push(item);
    }
    Ok(items)
}

/// A path as people write it.
fn path(regions: &[String]) -> String {
    if regions.is_empty() { "none".to_owned() } else { regions.join(" > ") }
}

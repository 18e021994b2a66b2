//! The command line. Nouns, then verbs; `--json` for programs.

use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;

/// SIP traffic engineering over cloud regions: measure the links, compute the paths, steer the calls.
#[derive(Debug, Parser)]
#[command(name = "ringway", version, propagate_version = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
#[expect(clippy::large_enum_variant, reason = "there is one, for as long as the process")]
pub(crate) enum Command {
    /// Run a node
    Run {
        /// The node's configuration
        #[arg(short, long, value_name = "FILE")]
        config: PathBuf,
    },
    /// Say what is wrong with a node's configuration, without running it
    Check {
        /// The node's configuration
        #[arg(short, long, value_name = "FILE")]
        config: PathBuf,
    },
    /// Four regions on this machine: real calls, broken links, and what the mesh does about it
    Lab(Lab),
    #[command(flatten)]
    Verb(Verb),
}

/// Options of `ringway lab`.
#[derive(Debug, Args)]
pub(crate) struct Lab {
    /// A built-in scenario (whitepaper, media, protect, short) or a TOML file
    #[arg(long, value_name = "NAME|FILE")]
    pub(crate) scenario: Option<String>,
    /// The fate of every packet
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// One JSON object on standard output; the story goes to standard error
    #[arg(long)]
    pub(crate) json: bool,
    /// Keep the world up after the story, until Ctrl-C
    #[arg(long)]
    pub(crate) hold: bool,
}

/// What operators ask a running node, by its admin API.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// How one node is
    Status(Target),
    /// Nodes of the mesh
    #[command(subcommand)]
    Node(List),
    /// Links between regions, as measured, and whether paths may use them
    #[command(subcommand)]
    Link(Link),
    /// Regions of the mesh, and whether they take new calls
    #[command(subcommand)]
    Region(Region),
    /// Routes of a node's region
    #[command(subcommand)]
    Route(Route),
    /// Who is registered where
    #[command(subcommand)]
    Registration(Registration),
    /// The route policy
    #[command(subcommand)]
    Policy(Policy),
    /// What was ordered by hand: links off, regions drained, routes pinned
    #[command(subcommand)]
    Override(Override),
    /// Who changed what on a node by hand, refusals included
    #[command(subcommand)]
    Audit(Audit),
}

#[derive(Debug, Subcommand)]
pub(crate) enum Registration {
    /// All of them, in all regions
    List {
        #[command(flatten)]
        target: Target,
        /// Only this address-of-record, best contact first
        #[arg(long, value_name = "URI")]
        aor: Option<String>,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum List {
    /// All of them
    List {
        #[command(flatten)]
        target: Target,
        /// The present, then every change, until Ctrl-C
        #[arg(long)]
        watch: bool,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Link {
    /// All of them
    List {
        #[command(flatten)]
        target: Target,
        /// The present, then every change, until Ctrl-C
        #[arg(long)]
        watch: bool,
    },
    /// No path may use the link from one region to another, in the whole mesh
    Disable {
        /// Region where it starts
        from: String,
        /// Region where it leads
        to: String,
        /// The link back as well
        #[arg(long)]
        both_ways: bool,
        #[command(flatten)]
        order: Order,
        #[command(flatten)]
        target: Target,
    },
    /// Take that back, whichever node was asked
    Enable {
        /// Region where it starts
        from: String,
        /// Region where it leads
        to: String,
        /// The link back as well
        #[arg(long)]
        both_ways: bool,
        #[command(flatten)]
        target: Target,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Region {
    /// All of them
    List(Target),
    /// No new call goes to the region or over it; calls in progress go on
    Drain {
        /// The region
        region: String,
        #[command(flatten)]
        order: Order,
        #[command(flatten)]
        target: Target,
    },
    /// Take that back, whichever node was asked
    Undrain {
        /// The region
        region: String,
        #[command(flatten)]
        target: Target,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Override {
    /// All that are in force in the mesh
    List(Target),
}

#[derive(Debug, Subcommand)]
pub(crate) enum Audit {
    /// The last entries, the oldest first
    List {
        #[command(flatten)]
        target: Target,
        /// So many, 1,000 at most
        #[arg(long, default_value_t = 1_000, value_name = "COUNT")]
        last: u32,
        /// The present, then every entry, until Ctrl-C
        #[arg(long)]
        watch: bool,
    },
}

/// How long, and why.
#[derive(Debug, Args)]
pub(crate) struct Order {
    /// Ends by itself after so long: 90s, 30m, 2h, 1d
    #[arg(long = "for", value_name = "TIME", value_parser = crate::verbs::duration)]
    pub(crate) lasts: Option<std::time::Duration>,
    /// The reason, for whoever looks later
    #[arg(long, default_value = "", value_name = "TEXT")]
    pub(crate) why: String,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Route {
    /// All of them, best path first
    List {
        #[command(flatten)]
        target: Target,
        /// The present, then every change, until Ctrl-C
        #[arg(long)]
        watch: bool,
    },
    /// Every candidate from one region to another, and why the winner won
    Explain {
        /// Source region
        from: String,
        /// Destination region
        to: String,
        /// Traffic class
        #[arg(long, default_value = "voice")]
        class: String,
        /// Whose call
        #[arg(long, default_value = "", hide_default_value = true)]
        tenant: String,
        /// The number called
        #[arg(long, default_value = "", hide_default_value = true, value_name = "NUMBER")]
        called: String,
        /// The decision that was in force then, from the node's record: 10:31:07 today (UTC), or a full RFC 3339 time
        #[arg(long, value_name = "TIME")]
        at: Option<String>,
        #[command(flatten)]
        target: Target,
    },
    /// How the path from one region to another has changed, from the node's record
    History {
        /// Source region
        from: String,
        /// Destination region
        to: String,
        /// Not before then: a time as for explain --at
        #[arg(long, value_name = "TIME")]
        since: Option<String>,
        #[command(flatten)]
        target: Target,
    },
    /// Calls from one region to another take this path while it is up
    #[command(group(clap::ArgGroup::new("path").required(true).args(["via", "direct"])))]
    Pin {
        /// Source region
        from: String,
        /// Destination region
        to: String,
        /// One relay region, or two with a comma
        #[arg(long, value_name = "REGION", value_delimiter = ',')]
        via: Vec<String>,
        /// No relay
        #[arg(long)]
        direct: bool,
        #[command(flatten)]
        order: Order,
        #[command(flatten)]
        target: Target,
    },
    /// Take that back, whichever node was asked
    Unpin {
        /// Source region
        from: String,
        /// Destination region
        to: String,
        #[command(flatten)]
        target: Target,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Policy {
    /// The active document
    Get(Target),
    /// Whether a document is good, and what to know about it
    Check {
        /// A policy, TOML
        file: PathBuf,
        #[command(flatten)]
        target: Target,
    },
    /// What a document would change, now and over the last 24 hours; calls that would lose their last path are an error
    Plan {
        /// A policy, TOML
        file: PathBuf,
        #[command(flatten)]
        target: Target,
    },
    /// Make a document the active one: with files on every node that --address names, with etcd on all
    Apply {
        /// A policy, TOML, with a revision newer than the active one
        file: PathBuf,
        #[command(flatten)]
        terms: Terms,
        #[command(flatten)]
        targets: Targets,
    },
    /// The documents that were active, the newest first: when, and by whom
    History(Target),
    /// Make the rules of an old document the active ones again, under a new revision
    Rollback {
        /// Whose rules; see `history`
        revision: u64,
        #[command(flatten)]
        terms: Terms,
        #[command(flatten)]
        targets: Targets,
    },
    /// Who goes by which policy, and how the store is
    Status {
        /// Until all nodes go by the policy of the one asked, so many seconds at most
        #[arg(long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "10")]
        wait: Option<u64>,
        #[command(flatten)]
        target: Target,
    },
}

/// What has to be so for a policy to be applied.
#[derive(Debug, Args)]
pub(crate) struct Terms {
    /// Only while this is the active revision
    #[arg(long, value_name = "REVISION")]
    pub(crate) expect_revision: Option<u64>,
    /// Although calls would lose their last path
    #[arg(long)]
    pub(crate) force: bool,
}

/// One node.
#[derive(Debug, Args)]
pub(crate) struct Target {
    /// The node's admin API
    #[arg(long, env = "RINGWAY_ADDRESS", default_value = "http://127.0.0.1:50051", value_name = "URL")]
    pub(crate) address: String,
    /// For programs: one JSON value
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) papers: Papers,
}

/// What an admin API with TLS wants to see. With any of these the address is taken for https.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Papers {
    /// The authority that signed the node's admin certificate, PEM
    #[arg(long, env = "RINGWAY_TLS_CA", value_name = "FILE")]
    pub(crate) tls_ca: Option<PathBuf>,
    /// The operator's certificate, PEM
    #[arg(long, env = "RINGWAY_TLS_CERT", value_name = "FILE", requires = "tls_key")]
    pub(crate) tls_cert: Option<PathBuf>,
    /// Its key, PEM
    #[arg(long, env = "RINGWAY_TLS_KEY", value_name = "FILE", requires = "tls_cert")]
    pub(crate) tls_key: Option<PathBuf>,
    /// The name in the node's certificate, when it is not the host of the address
    #[arg(long, env = "RINGWAY_TLS_NAME", value_name = "NAME")]
    pub(crate) tls_name: Option<String>,
}

/// Several nodes: a file is kept on each.
#[derive(Debug, Args)]
pub(crate) struct Targets {
    /// The nodes' admin APIs: repeated, or with commas
    #[arg(
        long,
        env = "RINGWAY_ADDRESS",
        default_value = "http://127.0.0.1:50051",
        value_name = "URL",
        value_delimiter = ','
    )]
    pub(crate) address: Vec<String>,
    /// For programs: one JSON value
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) papers: Papers,
}

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
    /// A built-in scenario (whitepaper, short) or a TOML file
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
    /// Links between regions, as measured
    #[command(subcommand)]
    Link(List),
    /// Routes of a node's region
    #[command(subcommand)]
    Route(Route),
    /// Who is registered where
    #[command(subcommand)]
    Registration(Registration),
    /// The route policy
    #[command(subcommand)]
    Policy(Policy),
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
    List(Target),
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
}

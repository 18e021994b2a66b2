//! `ringway policy get`, `check` and `apply`.

use super::{Desk, VerbError, json, node, time::utc};
use crate::cli::{Policy as Verb, Target, Targets};
use ringway_proto::admin::{ApplyPolicyRequest, CheckPolicyRequest, GetPolicyRequest};
use std::{fs, path::Path};

pub(super) async fn run(verb: Verb) -> Result<(), VerbError> {
    match verb {
        Verb::Get(target) => get(&target).await,
        Verb::Check { file, target } => check(&file, &target).await,
        Verb::Apply { file, targets } => apply(&file, &targets).await,
    }
}

async fn get(target: &Target) -> Result<(), VerbError> {
    let mut desk = Desk::at(target).await?;
    let refused = desk.refused();
    let policy = desk.client.get_policy(GetPolicyRequest {}).await.map_err(refused)?.into_inner();
    if target.json {
        json::print(&json::policy(&policy));
    } else if policy.revision == 0 {
        println!("no policy: revision 0");
    } else {
        let (revision, digest, since) = (policy.revision, policy.digest, utc(policy.active_since_us));
        println!("# revision {revision}, digest {digest}, active since {since}");
        print!("{}", policy.document);
    }
    Ok(())
}

async fn check(file: &Path, target: &Target) -> Result<(), VerbError> {
    let document = read(file)?;
    let mut desk = Desk::at(target).await?;
    let refused = desk.refused();
    let verdict =
        desk.client.check_policy(CheckPolicyRequest { document }).await.map_err(refused)?.into_inner();
    if target.json {
        json::print(&json::verdict(&verdict));
    }
    if !verdict.good {
        return Err(VerbError::BadPolicy { file: file.to_owned(), why: verdict.error });
    }
    if !target.json {
        println!("{}: good, revision {}", file.display(), verdict.revision);
        for warning in &verdict.warnings {
            println!("warning: {warning}");
        }
    }
    Ok(())
}

/// Every node keeps its own file, so every node is asked; one that refuses does not keep the others from it, and the
/// drift is said.
async fn apply(file: &Path, targets: &Targets) -> Result<(), VerbError> {
    let document = read(file)?;
    let (mut applied, mut results) = (0, Vec::new());
    let mut last = None;
    for address in &targets.address {
        match apply_one(address, &document).await {
            Ok((policy, desk)) => {
                applied += 1;
                if !targets.json {
                    println!("{address}: revision {} active", policy.revision);
                }
                results.push(serde_json::json!({"address": address, "revision": policy.revision, "digest": policy.digest}));
                last = Some((policy, desk));
            }
            Err(error) => {
                if targets.address.len() == 1 {
                    return Err(error);
                }
                eprintln!("ringway: {error}");
                results.push(serde_json::json!({"address": address, "error": error.to_string()}));
            }
        }
    }
    if targets.json {
        json::print(&results.into());
    } else if let Some((policy, mut desk)) = last {
        say_drift(&policy.digest, &mut desk).await?;
    }
    let asked = targets.address.len();
    if applied == asked { Ok(()) } else { Err(VerbError::Partial { applied, asked }) }
}

async fn apply_one(address: &str, document: &str) -> Result<(ringway_proto::admin::Policy, Desk), VerbError> {
    let mut desk = Desk::open(address).await?;
    let refused = desk.refused();
    let request = ApplyPolicyRequest { document: document.to_owned(), ..ApplyPolicyRequest::default() };
    let policy = desk.client.apply_policy(request).await.map_err(refused)?.into_inner();
    Ok((policy, desk))
}

/// Which nodes of the mesh, as far as the last one asked has heard, go by another policy.
async fn say_drift(digest: &str, desk: &mut Desk) -> Result<(), VerbError> {
    let nodes = node::fetch(desk).await?;
    let others: Vec<String> = nodes
        .iter()
        .filter(|node| node.policy_digest != digest)
        .map(|node| format!("{}/{} (revision {})", node.region, node.node, node.policy_revision))
        .collect();
    if others.is_empty() {
        println!("active on all {} nodes", nodes.len());
    } else {
        println!("not, or not yet, active on {}", others.join(", "));
    }
    Ok(())
}

fn read(file: &Path) -> Result<String, VerbError> {
    fs::read_to_string(file).map_err(|source| VerbError::File { file: file.to_owned(), source })
}

//! `ringway policy …`: a document from a file to every node, and back.

mod status;

use super::{
    Desk, VerbError, collect, json, node,
    table::{Side, Table},
    time::utc,
};
use crate::cli::{Papers, Policy as Verb, Target, Targets, Terms};
use ringway_proto::admin::{
    ApplyPolicyRequest, CheckPolicyRequest, GetPolicyRequest, ListPolicyHistoryRequest, PlanPolicyRequest,
    Policy, RollbackPolicyRequest,
};
use std::{fs, path::Path};

pub(super) async fn run(verb: Verb) -> Result<(), VerbError> {
    match verb {
        Verb::Get(target) => get(&target).await,
        Verb::Check { file, target } => check(&file, &target).await,
        Verb::Plan { file, target } => plan(&file, &target).await,
        Verb::Apply { file, terms, targets } => {
            let document = read(&file)?;
            everywhere(&targets, &Deed::Apply(document), &terms).await
        }
        Verb::History(target) => history(&target).await,
        Verb::Rollback { revision, terms, targets } => {
            everywhere(&targets, &Deed::Rollback(revision), &terms).await
        }
        Verb::Status { wait, target } => status::show(wait, &target).await,
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

async fn plan(file: &Path, target: &Target) -> Result<(), VerbError> {
    let document = read(file)?;
    let mut desk = Desk::at(target).await?;
    let refused = desk.refused();
    let plan = desk.client.plan_policy(PlanPolicyRequest { document }).await.map_err(refused)?.into_inner();
    if target.json {
        json::print(&json::plan(&plan));
    } else {
        print!("{}", plan.text);
    }
    if plan.has_errors { Err(VerbError::BadPlan { file: file.to_owned() }) } else { Ok(()) }
}

async fn history(target: &Target) -> Result<(), VerbError> {
    let mut desk = Desk::at(target).await?;
    let refused = desk.refused();
    let stream = desk.client.list_policy_history(ListPolicyHistoryRequest {}).await.map_err(&refused)?;
    let records = collect(stream.into_inner()).await.map_err(refused)?;
    if target.json {
        json::print(&records.iter().map(json::record).collect());
        return Ok(());
    }
    let mut table = Table::new(&[
        ("REVISION", Side::Right),
        ("DIGEST", Side::Left),
        ("APPLIED", Side::Left),
        ("BY", Side::Left),
        ("FROM", Side::Left),
    ]);
    for record in &records {
        let from = if record.from.is_empty() { "-" } else { &record.from };
        table.row(vec![
            record.revision.to_string(),
            record.digest.clone(),
            utc(record.applied_at_us),
            record.by.clone(),
            from.to_owned(),
        ]);
    }
    print!("{}", table.render());
    Ok(())
}

/// What makes another policy the active one.
enum Deed {
    Apply(String),
    Rollback(u64),
}

/// Does it on every node that is named, because every node may keep its own file; one that refuses does not keep the
/// others from it, and the drift is said.
async fn everywhere(targets: &Targets, deed: &Deed, terms: &Terms) -> Result<(), VerbError> {
    let (mut applied, mut results) = (0, Vec::new());
    let mut last = None;
    for address in &targets.address {
        match on_one(address, &targets.papers, deed, terms).await {
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

async fn on_one(
    address: &str,
    papers: &Papers,
    deed: &Deed,
    terms: &Terms,
) -> Result<(Policy, Desk), VerbError> {
    let mut desk = Desk::open(address, papers).await?;
    let refused = desk.refused();
    let &Terms { expect_revision, force } = terms;
    let done = match deed {
        Deed::Apply(document) => {
            let document = document.clone();
            desk.client.apply_policy(ApplyPolicyRequest { document, expect_revision, force }).await
        }
        &Deed::Rollback(revision) => {
            desk.client.rollback_policy(RollbackPolicyRequest { revision, expect_revision, force }).await
        }
    };
    Ok((done.map_err(refused)?.into_inner(), desk))
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

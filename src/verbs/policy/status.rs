//! `ringway policy status`.

use super::super::{
    Desk, VerbError, json,
    table::{Side, Table},
    time::{span, utc},
};
use crate::cli::Target;
use ringway_proto::admin::{GetPolicyStatusRequest, PolicyStatus};
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// Between two looks.
const LOOK: Duration = Duration::from_millis(100);

pub(super) async fn show(wait: Option<u64>, target: &Target) -> Result<(), VerbError> {
    let mut desk = Desk::at(target).await?;
    let mut status = fetch(&mut desk).await?;
    if let Some(seconds) = wait {
        let agreed = async {
            while status.drift {
                sleep(LOOK).await;
                status = fetch(&mut desk).await?;
            }
            Ok(())
        };
        // The limit passed: what is then is shown.
        timeout(Duration::from_secs(seconds), agreed).await.unwrap_or(Ok(()))?;
    }
    if target.json {
        json::print(&json::policy_status(&status));
    } else {
        print(&status);
    }
    match wait {
        Some(waited) if status.drift => Err(VerbError::Drift { address: target.address.clone(), waited }),
        _ => Ok(()),
    }
}

async fn fetch(desk: &mut Desk) -> Result<PolicyStatus, VerbError> {
    let refused = desk.refused();
    Ok(desk.client.get_policy_status(GetPolicyStatusRequest {}).await.map_err(refused)?.into_inner())
}

fn print(status: &PolicyStatus) {
    println!("revision {}, digest {}", status.revision, status.digest);
    let place = if status.place.is_empty() { String::new() } else { format!(" {}", status.place) };
    if status.store_up {
        println!("store: {}{place}", status.store);
    } else {
        let last = if status.seen_at_us == 0 { "never".to_owned() } else { utc(status.seen_at_us) };
        println!("store: {}{place}: away, last seen {last}: {}", status.store, status.trouble);
    }
    if !status.refused.is_empty() {
        println!(
            "the document in the store was refused at {}: {}",
            utc(status.refused_at_us),
            status.refused
        );
    }
    let mut table = Table::new(&[
        ("NODE", Side::Left),
        ("REVISION", Side::Right),
        ("DIGEST", Side::Left),
        ("HEARD", Side::Right),
        ("POLICY", Side::Left),
    ]);
    for node in &status.nodes {
        let same = node.policy_digest == status.digest;
        table.row(vec![
            format!("{}/{}", node.region, node.node),
            node.policy_revision.to_string(),
            node.policy_digest.clone(),
            span(node.heard_ms_ago),
            if same { "same" } else { "other" }.to_owned(),
        ]);
    }
    print!("{}", table.render());
}

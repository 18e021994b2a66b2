//! `ringway status`.

use super::{Desk, VerbError, json, time::utc};
use crate::cli::Target;
use ringway_proto::admin::GetStatusRequest;

pub(super) async fn show(target: &Target) -> Result<(), VerbError> {
    let mut desk = Desk::at(target).await?;
    let refused = desk.refused();
    let status = desk.client.get_status(GetStatusRequest {}).await.map_err(refused)?.into_inner();
    if target.json {
        json::print(&json::status(&status));
        return Ok(());
    }
    let state = match (status.draining, status.ready) {
        (true, _) => "draining",
        (false, true) => "ready",
        (false, false) => "starting",
    };
    println!("node     {}/{} in {}, {state}", status.region, status.node, status.zone);
    println!("version  {}, up since {}", status.version, utc(status.started_at_us));
    println!("mesh     {} nodes in {} regions", status.nodes_live, status.regions_live);
    println!("routes   epoch {}, made {}", status.route_epoch, utc(status.route_made_at_us));
    println!("policy   revision {}, digest {}", status.policy_revision, status.policy_digest);
    println!(
        "sip      {} calls set out, {} transactions active",
        status.calls_total, status.transactions_active
    );
    let dropped = match status.record_dropped {
        0 => String::new(),
        dropped => format!(", {dropped} entries lost"),
    };
    println!(
        "record   since {}, {} kB {}{dropped}",
        utc(status.record_since_us),
        status.record_bytes / 1_000,
        if status.record_on_disk { "on disk" } else { "in memory" },
    );
    println!("orders   {} by hand in force", status.overrides);
    let audit = if status.audit_file.is_empty() { "in memory" } else { &status.audit_file };
    println!("admin    {}, audit {audit}", if status.tls { "TLS, by role" } else { "loopback, no TLS" });
    Ok(())
}

//! `ringway audit list`.

use super::{
    Desk, VerbError, collect, json,
    table::{Side, Table},
    time::utc,
};
use crate::cli::Target;
use ringway_proto::admin::{AuditEntry, ListAuditRequest, WatchAuditRequest, audit_event::Event};

pub(super) async fn list(target: &Target, last: u32) -> Result<(), VerbError> {
    let mut desk = Desk::at(target).await?;
    let refused = desk.refused();
    let stream = desk.client.list_audit(ListAuditRequest { last }).await.map_err(&refused)?.into_inner();
    let entries = collect(stream).await.map_err(refused)?;
    if target.json {
        json::print(&entries.iter().map(json::audit).collect());
        return Ok(());
    }
    let columns = ["WHEN", "WHO", "ROLE", "FROM", "WHAT", "RESULT"].map(|name| (name, Side::Left));
    let mut table = Table::new(&columns);
    for AuditEntry { at_us, who, role, from, what, result } in entries {
        table.row(vec![utc(at_us), who, role, from, what, result]);
    }
    print!("{}", table.render());
    Ok(())
}

pub(super) async fn watch(target: &Target) -> Result<(), VerbError> {
    let mut desk = Desk::at(target).await?;
    let refused = desk.refused();
    let mut events = desk.client.watch_audit(WatchAuditRequest {}).await.map_err(&refused)?.into_inner();
    while let Some(event) = events.message().await.map_err(&refused)? {
        match event.event {
            Some(Event::Present(entry) | Event::Added(entry)) if target.json => {
                json::print_line(&json::audit(&entry));
            }
            Some(Event::Present(entry) | Event::Added(entry)) => println!("{}", line(&entry)),
            Some(Event::Marker(_)) => json::print_marker(target.json),
            None => {}
        }
    }
    Ok(())
}

fn line(entry: &AuditEntry) -> String {
    let AuditEntry { at_us, who, from, what, result, .. } = entry;
    format!("{}  {who} from {from}: {what}: {result}", utc(*at_us))
}

//! `ringway registration list`.

use super::{
    Desk, VerbError, collect, json,
    table::{Side, Table},
    time::utc,
};
use crate::cli::Target;
use ringway_proto::admin::{ListRegistrationsRequest, Registration};

pub(super) async fn list(target: &Target, aor: Option<String>) -> Result<(), VerbError> {
    let mut registrations = fetch(&mut Desk::at(target).await?, aor.unwrap_or_default()).await?;
    // The node lists them as they lie; of one address, the best stays first.
    registrations.sort_by(|a, b| a.aor.cmp(&b.aor).then(b.q.total_cmp(&a.q)));
    if target.json {
        json::print(&registrations.iter().map(json::registration).collect());
        return Ok(());
    }
    let mut table = Table::new(&[
        ("ADDRESS", Side::Left),
        ("CONTACT", Side::Left),
        ("Q", Side::Right),
        ("REGION", Side::Left),
        ("NODE", Side::Left),
        ("FLOW", Side::Right),
        ("UNTIL", Side::Left),
        ("PATH", Side::Left),
    ]);
    for registration in registrations {
        let or_dash = |text: String, empty: bool| if empty { "-".to_owned() } else { text };
        table.row(vec![
            registration.aor,
            registration.contact,
            format!("{:.3}", registration.q),
            registration.region,
            registration.node,
            or_dash(registration.reg_id.to_string(), registration.reg_id == 0),
            utc(registration.expires_at_us),
            or_dash(registration.path.join(", "), registration.path.is_empty()),
        ]);
    }
    print!("{}", table.render());
    Ok(())
}

async fn fetch(desk: &mut Desk, aor: String) -> Result<Vec<Registration>, VerbError> {
    let refused = desk.refused();
    let request = ListRegistrationsRequest { aor };
    let stream = desk.client.list_registrations(request).await.map_err(&refused)?.into_inner();
    collect(stream).await.map_err(refused)
}

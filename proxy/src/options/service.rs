//! The task that asks, from a socket of its own.

use super::{Rounds, Sounding};
use crate::control::Handle;
use ringway_router::Region;
use ringway_sip::{Limits, Message};
use std::{io, net::SocketAddr, time::Duration};
use tokio::{net::UdpSocket, time::sleep_until};

/// A new region is seen after this long at the latest.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Who asks, and by what.
#[derive(Debug)]
pub struct Asker {
    /// Whose requests the proxy takes for those of the edge.
    pub socket: UdpSocket,
    /// The proxy of this node.
    pub proxy: SocketAddr,
    /// Regions are hosts below it.
    pub mesh_domain: String,
    /// What tells the questions of this start from those of another.
    pub seed: u64,
}

/// Asks every other region once in `every`.
///
/// # Errors
/// When the socket fails.
pub async fn ask(asker: Asker, every: Duration, handle: Handle) -> io::Result<()> {
    let mut rounds = Rounds::new(every, asker.seed);
    let mut buffer = vec![0; 65_535];
    loop {
        let now = handle.clock().now();
        let view = handle.view().load_full();
        rounds.look(now, &view.table.routes().map(|route| route.to.clone()).collect());
        while let Some((number, region)) = rounds.poll(now) {
            asker.socket.send_to(asker.options(number, &region)?.as_bytes(), asker.proxy).await?;
        }
        while let Some(sounding) = rounds.expire(now) {
            note(&handle, sounding);
        }
        let wake = rounds.deadline().map_or(now + LOOK_EVERY, |deadline| deadline.min(now + LOOK_EVERY));
        tokio::select! {
            received = asker.socket.recv_from(&mut buffer) => {
                let (length, from) = received?;
                if from == asker.proxy && let Some((number, status)) = asker.answer(&buffer[..length])
                    && let Some(sounding) = rounds.answered(handle.clock().now(), number, status)
                {
                    note(&handle, sounding);
                }
            }
            () = sleep_until(wake.into()) => {}
        }
    }
}

fn note(handle: &Handle, sounding: Sounding) {
    handle.metrics().sounded(&sounding);
    if sounding.status.is_none_or(|status| !(200..300).contains(&status)) {
        tracing::warn!(region = %sounding.region, outcome = sounding.outcome(), "OPTIONS failed");
    }
    handle.soundings().note(sounding);
}

impl Asker {
    /// The way to the region is the proxy's choice; the Route says no more than which region.
    fn options(&self, number: u32, region: &Region) -> io::Result<String> {
        let (own, domain, seed) = (self.socket.local_addr()?, &self.mesh_domain, self.seed);
        let lines = [
            format!("OPTIONS sip:{region}.{domain} SIP/2.0"),
            format!("Via: SIP/2.0/UDP {own};branch=z9hG4bK-options-{seed:x}-{number}"),
            format!("Route: <sip:{region}.{domain};lr>"),
            "Max-Forwards: 70".to_owned(),
            format!("From: <sip:{own}>;tag={seed:x}"),
            format!("To: <sip:{region}.{domain}>"),
            format!("Call-ID: options-{seed:x}-{number}@{}", own.ip()),
            format!("CSeq: {number} OPTIONS"),
            "Content-Length: 0".to_owned(),
        ];
        Ok(lines.join("\r\n") + "\r\n\r\n")
    }

    /// Number and status of a final answer to one of these.
    fn answer(&self, bytes: &[u8]) -> Option<(u32, u16)> {
        let message = Message::parse(bytes.to_vec().into(), &Limits::default()).ok()?;
        let status = message.status().filter(|status| *status >= 200)?;
        let (seed, number) = message.branch().strip_prefix("z9hG4bK-options-")?.split_once('-')?;
        let ours = seed == format!("{:x}", self.seed);
        Some((number.parse().ok().filter(|_| ours)?, status))
    }
}

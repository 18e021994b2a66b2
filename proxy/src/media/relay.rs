//! One relay: its channel, whether it answers, and the lease of this node with it.

use super::convert;
use crate::{control::Handle, core::media::Unanchored};
use ringway_proto::media::{DeleteRequest, Description, RenewRequest, media_client::MediaClient};
use std::{
    net::SocketAddr,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};
use tokio::time::{sleep, timeout};
use tonic::{
    Code, Status,
    transport::{Channel, Endpoint},
};

/// After a relay has not answered, until it is asked again for the lease.
const PAUSE: Duration = Duration::from_millis(500);
/// A lease is kept at least so often, and never more often than this part of the pause above allows.
const RENEWAL_MAX: Duration = Duration::from_secs(10);
/// Descriptions are small; a relay that says more is none.
const ANSWER_BYTES_MAX: usize = 256 << 10;

/// See the module.
pub(super) struct Relay {
    client: MediaClient<Channel>,
    name: String,
    well: AtomicBool,
    deadline: Duration,
}

/// What came of one order at one relay.
pub(super) enum Outcome {
    /// The description that goes on.
    Done(Vec<u8>),
    /// It knows that it cannot: nobody else can.
    Refused,
    /// It cannot, another one may.
    Failed,
}

impl Relay {
    /// Connects when it is first asked. Must be called within a runtime.
    pub(super) fn new(address: SocketAddr, deadline: Duration) -> Self {
        let name = format!("http://{address}");
        // A socket address makes a good URI.
        let endpoint = Endpoint::from_shared(name.clone())
            .unwrap_or_else(|error| unreachable!("{name} is a URI: {error}"))
            .connect_timeout(deadline)
            .tcp_nodelay(true);
        let client = MediaClient::new(endpoint.connect_lazy()).max_decoding_message_size(ANSWER_BYTES_MAX);
        Self { client, name, well: AtomicBool::new(true), deadline }
    }

    pub(super) fn client(&self) -> MediaClient<Channel> {
        self.client.clone()
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Whether it answers, as far as is known.
    pub(super) fn is_well(&self) -> bool {
        self.well.load(Ordering::Relaxed)
    }

    /// Gives one order, and waits for the answer for as long as is allowed.
    pub(super) async fn rewrite(&self, control: &Handle, is_offer: bool, order: Description) -> Outcome {
        let mut client = self.client();
        let answer = async { if is_offer { client.offer(order).await } else { client.answer(order).await } };
        match timeout(self.deadline, answer).await {
            Ok(Ok(answer)) => {
                self.set_well(control, true);
                Outcome::Done(answer.into_inner().sdp)
            }
            Ok(Err(status)) => self.failed(control, &status),
            Err(_) => {
                self.set_well(control, false);
                control.metrics().media_failed("deadline");
                Outcome::Failed
            }
        }
    }

    fn failed(&self, control: &Handle, status: &Status) -> Outcome {
        let (label, outcome) = match status.code() {
            Code::InvalidArgument => ("malformed", Outcome::Refused),
            Code::ResourceExhausted => ("exhausted", Outcome::Failed),
            Code::NotFound => ("unknown", Outcome::Failed),
            _ => {
                self.set_well(control, false);
                ("unavailable", Outcome::Failed)
            }
        };
        control.metrics().media_failed(label);
        tracing::debug!(relay = self.name, code = ?status.code(), "media relay refuses");
        outcome
    }

    /// Gives back; what cannot be given back ends by itself when no media flows any more.
    pub(super) async fn release(&self, control: &Handle, request: DeleteRequest) {
        let mut client = self.client();
        if !matches!(timeout(self.deadline, client.delete(request)).await, Ok(Ok(_))) {
            control.metrics().media_failed("release");
        }
    }

    /// Keeps the lease, and finds out whether the relay is well. Ends never.
    pub(super) async fn keep(&self, control: &Handle, controller: &str) {
        loop {
            let mut client = self.client();
            let renewed =
                timeout(self.deadline, client.renew(RenewRequest { controller: controller.to_owned() }));
            let pause = match renewed.await {
                Ok(Ok(lease)) => {
                    self.set_well(control, true);
                    // Two of three may be lost.
                    (convert::lease(lease.into_inner()) / 3).clamp(PAUSE, RENEWAL_MAX)
                }
                Ok(Err(_)) | Err(_) => {
                    self.set_well(control, false);
                    PAUSE
                }
            };
            sleep(pause).await;
        }
    }

    fn set_well(&self, control: &Handle, well: bool) {
        control.metrics().media_relay(self.name(), well);
        if self.well.swap(well, Ordering::Relaxed) == well {
            return;
        }
        if well {
            tracing::info!(relay = self.name, "media relay answers again");
        } else {
            tracing::warn!(relay = self.name, "media relay does not answer");
        }
    }
}

impl From<Outcome> for Result<Vec<u8>, Unanchored> {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Done(sdp) => Ok(sdp),
            Outcome::Refused => Err(Unanchored::Malformed),
            Outcome::Failed => Err(Unanchored::Away),
        }
    }
}

//! One good call from Oregon to Virginia, by the lab's own phones.

use ringway_lab::{
    media::Studio,
    phone::{CallReport, Phone, PhoneConfig, PhoneEvent},
    world::{Node, World},
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{sync::mpsc, task::JoinHandle, time::timeout};

/// Beyond timer B: a call that fails says so before.
const LIMIT: Duration = Duration::from_secs(40);

/// A phone in each of the two regions.
pub(crate) struct Phones {
    caller: Phone,
    _callee: Phone,
    number: String,
    events: mpsc::Receiver<PhoneEvent>,
}

impl Phones {
    /// Plugs them in.
    pub(crate) async fn plug_in(world: &World) -> Self {
        let (sender, events) = mpsc::channel(1_024);
        let studio = Studio::start().expect("a thread is free");
        let config = |name: &str| {
            let region = world.region(name).expect("the whitepaper has it");
            PhoneConfig {
                address: region.phone(),
                proxies: region.nodes().iter().map(Node::sip).collect(),
                domain: world.spec().mesh_domain.clone(),
                ring: Duration::from_millis(50),
                studio: studio.clone(),
            }
        };
        let prefix = world.region("us-east-1").and_then(|region| region.prefix()).expect("has phones");
        let number = format!("{prefix}5550100");
        let caller = Phone::start(config("us-west-2"), 1, sender.clone()).await.expect("its address is free");
        let callee = Phone::start(config("us-east-1"), 2, sender).await.expect("its address is free");
        Self { caller, _callee: callee, number, events }
    }

    /// Calls, talks for 100 ms, hangs up; tells how it went.
    pub(crate) async fn call(&mut self) -> CallReport {
        let call = self.caller.call("+15035550100", &self.number, Duration::from_millis(100)).await;
        let call = call.expect("the phone is on");
        let ended = async {
            loop {
                match self.events.recv().await.expect("the phones are on") {
                    PhoneEvent::Ended(report) if report.call_id == call => return report,
                    _ => {}
                }
            }
        };
        timeout(LIMIT, ended).await.expect("a call ends")
    }
    /// Calls, one after the other, until told to stop: (placed, failed).
    pub(crate) fn talk(mut self, stop: Arc<AtomicBool>) -> JoinHandle<(usize, usize)> {
        tokio::spawn(async move {
            let (mut placed, mut failed) = (0, 0);
            while !stop.load(Ordering::Relaxed) {
                placed += 1;
                failed += usize::from(!self.call().await.is_good());
            }
            (placed, failed)
        })
    }
}

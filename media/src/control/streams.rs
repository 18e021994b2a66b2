//! What controllers and the mesh hear as it happens.

use super::convert::{self, Heard};
use crate::{
    core::tunnel::Peer,
    desk::{Desk, Happening},
    steering::Steering,
};
use ringway_proto::media::{CallEvent, CallReport, MeshWord, RelayWord, call_event::What};
use ringway_router::Time;
use std::{future::pending, pin::pin, sync::Arc, time::Duration};
use tokio::{
    sync::{
        broadcast::{Receiver, error::RecvError},
        mpsc::{self, Sender},
    },
    time::{interval, sleep},
};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming};

/// Words that wait for a slow listener.
const WORDS: usize = 64;
/// A watcher that takes nothing for so long is gone, as far as its lease is concerned.
const PATIENCE: Duration = Duration::from_secs(5);
/// For so long after a stream was opened, a roster may lack relays that live.
const SETTLES: Duration = Duration::from_secs(5);

type Words<T> = ReceiverStream<Result<T, Status>>;
type Told<T> = Sender<Result<T, Status>>;

/// The reports of all calls.
pub(super) fn calls(desk: Desk) -> Words<CallReport> {
    let (tell, told) = mpsc::channel(WORDS);
    tokio::spawn(async move {
        for some in desk.list(usize::MAX).await.chunks(WORDS) {
            for report in desk.reports(some).await {
                if tell.send(Ok(convert::report(report))).await.is_err() {
                    return;
                }
            }
        }
    });
    ReceiverStream::new(told)
}

/// Who listens to what happens to calls.
pub(super) enum Watcher {
    /// The controller whose calls they are, and how long its lease lasts. While it listens, the lease is kept.
    Controller { name: String, lease: Duration },
    /// Somebody else; to all calls.
    Anybody,
}

impl Watcher {
    fn cares(&self, controller: &str) -> bool {
        match self {
            Self::Controller { name, .. } => name == controller,
            Self::Anybody => true,
        }
    }

    /// Keeps the lease of a controller. Never ends.
    async fn keep_lease(&self, desk: &Desk) {
        let Self::Controller { name, lease } = self else { return pending().await };
        let mut renewal = interval((*lease / 3).max(Duration::from_millis(1)));
        loop {
            renewal.tick().await;
            if let Err(undone) = desk.renew(name).await {
                tracing::debug!(%undone, "the lease of a watcher is not kept");
            }
        }
    }
}

/// What happens to calls.
pub(super) fn happenings(desk: Desk, watcher: Watcher) -> Words<CallEvent> {
    let (tell, told) = mpsc::channel(WORDS);
    tokio::spawn(async move {
        let happens = desk.watch();
        tokio::select! {
            () = tell.closed() => {}
            () = watcher.keep_lease(&desk) => {}
            () = tell_all(&tell, &watcher, happens) => {}
        }
    });
    ReceiverStream::new(told)
}

/// Tells what happens until nobody listens any more.
async fn tell_all(tell: &Told<CallEvent>, watcher: &Watcher, mut happens: Receiver<Happening>) {
    loop {
        match happens.recv().await {
            Ok(happening) => {
                if told_of(tell, watcher, &happening).await.is_none() {
                    return;
                }
            }
            Err(RecvError::Lagged(missed)) => {
                let slow = format!("too slow: {missed} events were missed");
                // It may have gone.
                let _ = tell.send_timeout(Err(Status::data_loss(slow)), PATIENCE).await;
                return;
            }
            Err(RecvError::Closed) => return,
        }
    }
}

/// `None`: nobody listens any more, or takes anything.
async fn told_of(tell: &Told<CallEvent>, watcher: &Watcher, happening: &Happening) -> Option<()> {
    match happening {
        Happening::Silent(report) if watcher.cares(&report.call.controller) => {
            let last = report.call.streams.iter().filter_map(|stream| stream.last).max();
            let silent = What::Silent(convert::report(report.as_ref().clone()));
            let at = last.unwrap_or(report.call.signaled);
            tell.send_timeout(Ok(convert::event(&report.call.call_id, at, silent)), PATIENCE).await.ok()
        }
        Happening::Moved(shift) => {
            for (call_id, _) in shift.calls.iter().filter(|(_, of)| watcher.cares(of)) {
                let at: Time = shift.to.since;
                let moved = What::Moved(convert::of_use(shift.to.clone()));
                tell.send_timeout(Ok(convert::event(call_id, at, moved)), PATIENCE).await.ok()?;
            }
            Some(())
        }
        Happening::Silent(_) => Some(()),
    }
}

/// One stream of the mesh.
pub(super) fn steer(steering: Arc<Steering>, mut words: Streaming<MeshWord>) -> Words<RelayWord> {
    let (tell, told) = mpsc::channel(WORDS);
    tokio::spawn(async move {
        let (mut myself, mut links) = (steering.myself(), steering.links());
        myself.mark_changed();
        // A proxy that was started anew hears of the other relays one after the other.
        let mut settled = pin!(sleep(SETTLES));
        let (mut roster, mut complete): (Option<Vec<Peer>>, _) = (None, false);
        loop {
            tokio::select! {
                word = words.message() => match word {
                    Ok(Some(word)) => match convert::heard(word) {
                        Ok(Heard::Roster(peers)) => {
                            roster = (!complete).then(|| peers.clone());
                            steering.meet(peers, complete).await;
                        }
                        Ok(Heard::Routes(routes)) => steering.route(routes).await,
                        Err(unclear) => {
                            // It may have gone.
                            let _ = tell.send(Err(unclear.into())).await;
                            return;
                        }
                    },
                    Ok(None) | Err(_) => return,
                },
                () = &mut settled, if !complete => {
                    complete = true;
                    if let Some(roster) = roster.take() {
                        steering.meet(roster, complete).await;
                    }
                }
                changed = myself.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    let word = convert::myself(&myself.borrow_and_update());
                    if tell.send(Ok(word)).await.is_err() {
                        return;
                    }
                }
                counted = links.recv() => match counted {
                    Ok(links) if links.is_empty() => {}
                    Ok(links) => {
                        if tell.send(Ok(convert::counts(&links))).await.is_err() {
                            return;
                        }
                    }
                    // What was missed is lost: counts go on from here.
                    Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return,
                },
            }
        }
    });
    ReceiverStream::new(told)
}

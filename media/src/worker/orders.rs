//! Orders from outside to a worker: jobs that its thread does between two batches of packets.

use super::counts::{Counts, Kind};
use crate::core::{Outbox, SocketId};
use nix::sys::eventfd::{EfdFlags, EventFd};
use ringway_router::Time;
use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        mpsc::{Receiver, SyncSender, TryRecvError, TrySendError, sync_channel},
    },
};
use tokio::sync::oneshot;

/// Jobs that may wait for a worker. Each is a command of some controller, who waits for the answer: beyond that the
/// worker is overloaded, and says so.
const QUEUE: usize = 1_024;

/// What the worker's thread does for an order.
pub(super) type Job<D> = Box<dyn FnOnce(&mut D, &mut Turn<'_>) + Send>;

/// The way to one worker. When the last of them is dropped, the worker ends and its sockets are closed.
pub struct Handle<D>(Arc<Inner<D>>);

struct Inner<D> {
    /// Empty only while it is dropped.
    queue: Option<SyncSender<Job<D>>>,
    bell: Arc<Bell>,
    counts: Arc<Counts>,
}

/// What a job finds beside the data path: the time, the worker's sockets and its outbox.
pub struct Turn<'a> {
    /// The time of this turn.
    pub now: Time,
    /// Opens and closes sockets.
    pub sockets: &'a mut dyn Binder,
    /// What is put in is sent when the job is done.
    pub outbox: &'a mut Outbox,
}

/// Who opens and closes sockets at run time.
pub trait Binder {
    /// Binds a socket; with port 0 the system chooses one. Packets that come to it go to the data path under the number
    /// returned, and the address is the one that it is bound to.
    ///
    /// # Errors
    /// When the address is taken or not ours, or when there is no room for another socket.
    fn open(&mut self, kind: Kind, address: SocketAddr) -> io::Result<(SocketId, SocketAddr)>;

    /// Closes a socket. Nothing more comes from it or goes to it, whatever is under way; a number that is closed already
    /// is left alone. The port is free once the kernel has let go of it, which may be a moment later.
    fn close(&mut self, socket: SocketId);
}

/// Why an order was not taken or not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Too many orders wait already.
    #[error("the worker has too many orders waiting")]
    Busy,
    /// The worker has ended.
    #[error("the worker has ended")]
    Ended,
}

/// Wakes a worker that waits for packets.
#[derive(Debug)]
pub(super) struct Bell(EventFd);

/// The worker's end of the queue.
pub(super) struct Inbox<D> {
    jobs: Receiver<Job<D>>,
    /// Rings when there is a job.
    pub(super) bell: Arc<Bell>,
    /// What handles show.
    pub(super) counts: Arc<Counts>,
}

/// A new queue: the way in, and the worker's end.
pub(super) fn queue<D>() -> io::Result<(Handle<D>, Inbox<D>)> {
    let bell = Arc::new(Bell(EventFd::from_flags(EfdFlags::EFD_NONBLOCK | EfdFlags::EFD_CLOEXEC)?));
    let (queue, jobs) = sync_channel(QUEUE);
    let counts = Arc::new(Counts::default());
    let inner = Inner { queue: Some(queue), bell: Arc::clone(&bell), counts: Arc::clone(&counts) };
    Ok((Handle(Arc::new(inner)), Inbox { jobs, bell, counts }))
}

impl<D> Handle<D> {
    /// Has the worker do `job`, some time soon, after all that was ordered before.
    ///
    /// # Errors
    /// When it was not taken.
    pub fn order(&self, job: impl FnOnce(&mut D, &mut Turn<'_>) + Send + 'static) -> Result<(), Refusal> {
        let Some(queue) = &self.0.queue else { return Err(Refusal::Ended) };
        queue.try_send(Box::new(job)).map_err(|error| match error {
            TrySendError::Full(_) => Refusal::Busy,
            TrySendError::Disconnected(_) => Refusal::Ended,
        })?;
        self.0.bell.ring();
        Ok(())
    }

    /// Has the worker do `job`, and waits for what comes of it.
    ///
    /// # Errors
    /// When it was not taken, or the worker ended before it was done.
    pub async fn ask<R: Send + 'static>(
        &self,
        job: impl FnOnce(&mut D, &mut Turn<'_>) -> R + Send + 'static,
    ) -> Result<R, Refusal> {
        let (tell, told) = oneshot::channel();
        self.order(move |data, turn| {
            // Whoever asked may have gone.
            let _ = tell.send(job(data, turn));
        })?;
        told.await.map_err(|_| Refusal::Ended)
    }

    /// Whether it is the way to the same worker.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// What the worker has counted.
    #[must_use]
    pub fn counts(&self) -> &Counts {
        &self.0.counts
    }
}

impl<D> Clone for Handle<D> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<D> Drop for Inner<D> {
    fn drop(&mut self) {
        // First the queue, so that the worker finds it gone when it wakes.
        self.queue = None;
        self.bell.ring();
    }
}

impl Bell {
    fn ring(&self) {
        // It fails only when it has rung 2^64 times unheard.
        let _ = self.0.write(1);
    }

    /// Makes it silent again.
    pub(super) fn hear(&self) {
        let _ = nix::unistd::read(&self.0, &mut [0; 8]);
    }

    pub(super) fn event(&self) -> &EventFd {
        &self.0
    }
}

impl<D> Inbox<D> {
    /// The next job. An error: nobody can order any more.
    pub(super) fn next(&self) -> Result<Option<Job<D>>, Refusal> {
        match self.jobs.try_recv() {
            Ok(job) => Ok(Some(job)),
            Err(TryRecvError::Empty) => Ok(None),
            Err(TryRecvError::Disconnected) => Err(Refusal::Ended),
        }
    }
}

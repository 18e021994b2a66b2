//! The life of a process: serving, draining, ending.
//!
//! The first SIGTERM (or Ctrl-C) drains: OPTIONS answers 503, the node tells the mesh, calls in progress go on. The
//! second one ends. A proxy cannot know when the last dialog that it is named in is over, so it does not guess.

use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
};

/// Where a process stands in its life. It only ever moves down this list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Takes everything.
    Serving,
    /// Takes no new calls, finishes those in progress.
    Draining,
    /// Stops at once.
    Ending,
}

/// Moves the process through its phases; every room holds a receiver.
#[derive(Debug, Clone)]
pub struct Life {
    phase: watch::Sender<Phase>,
}

impl Default for Life {
    fn default() -> Self {
        Self { phase: watch::Sender::new(Phase::Serving) }
    }
}

impl Life {
    /// A receiver that sees every change.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<Phase> {
        self.phase.subscribe()
    }

    /// One step down: what a signal does.
    pub fn advance(&self) {
        self.phase.send_modify(|phase| {
            *phase = match phase {
                Phase::Serving => Phase::Draining,
                Phase::Draining | Phase::Ending => Phase::Ending,
            };
        });
    }

    /// Ends at once.
    pub fn end(&self) {
        self.phase.send_replace(Phase::Ending);
    }

    /// Listens to SIGTERM and SIGINT until the process ends.
    ///
    /// # Errors
    /// When the system refuses a signal handler.
    pub async fn follow_signals(self) -> std::io::Result<()> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        loop {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            self.advance();
        }
    }
}

/// Waits until `watch` shows `phase` or a later one.
pub async fn reached(watch: &mut watch::Receiver<Phase>, phase: Phase) {
    // The sender gone means that the process is going too.
    let _ = watch.wait_for(|now| *now >= phase).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_signal_drains_and_the_second_ends() {
        let life = Life::default();
        let watch = life.watch();
        assert_eq!(*watch.borrow(), Phase::Serving);
        life.advance();
        assert_eq!(*watch.borrow(), Phase::Draining);
        life.advance();
        assert_eq!(*watch.borrow(), Phase::Ending);
        life.advance();
        assert_eq!(*watch.borrow(), Phase::Ending);
    }
}

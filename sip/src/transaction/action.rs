//! What the machines want done. They own no bytes: the layer knows which message an action means.

/// What a client machine asks of the layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ClientAction {
    /// Send the request; `again`: it is a copy.
    Send { again: bool },
    /// Send the ACK to the failure response; `again`: it is a copy.
    Ack { again: bool },
    /// Start the CANCEL transaction.
    Cancel,
    /// Give the response to the user; `again`: not the first 2xx.
    Pass { again: bool },
    /// Tell the user that no answer came.
    TimedOut,
    /// Tell the user that the request could not be sent.
    TransportFailed,
    /// Forget the transaction.
    End,
}

/// What a server machine asks of the layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ServerAction {
    /// Send the response that the user has just given.
    Send,
    /// Send the last response once more.
    SendAgain,
    /// Give the ACK to the user.
    PassAck,
    /// Tell the user that the failure response was never acknowledged.
    Unacknowledged,
    /// Forget the transaction.
    End,
}

/// The actions of one step, at most four, in their order.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outbox<A> {
    actions: [Option<A>; 4],
    taken: usize,
    put: usize,
}

impl<A: Copy> Outbox<A> {
    pub(crate) fn new() -> Outbox<A> {
        Outbox { actions: [None; 4], taken: 0, put: 0 }
    }

    pub(crate) fn push(&mut self, action: A) {
        assert!(self.put < self.actions.len(), "a machine is polled dry after every step");
        self.actions[self.put] = Some(action);
        self.put += 1;
    }

    pub(crate) fn pop(&mut self) -> Option<A> {
        if self.taken == self.put {
            (self.taken, self.put) = (0, 0);
            return None;
        }
        self.taken += 1;
        self.actions[self.taken - 1].take()
    }
}

//! What the layer tells its user and the transport.

use bytes::Bytes;

use super::{ClientId, ServerId};
use crate::message::Message;
use crate::peer::Peer;

/// One thing to do or to know, in the order in which they came about.
#[derive(Clone, Debug)]
pub enum Output {
    /// Bytes for the wire.
    Send {
        /// Where to.
        to: Peer,
        /// The whole message.
        bytes: Bytes,
        /// The client transaction whose request or ACK this is; `None` for a response.
        client: Option<ClientId>,
        /// The same bytes have been sent before.
        again: bool,
    },
    /// A new request, neither ACK nor CANCEL. It is answered by [`Layer::respond`](super::Layer::respond).
    Request {
        /// The new server transaction.
        id: ServerId,
        /// Where it came from.
        from: Peer,
        /// The request.
        message: Message,
    },
    /// A CANCEL. The layer does not answer it; the user does, on `id`: 200, or 481 if there is no `invite`.
    Cancel {
        /// The server transaction of the CANCEL itself.
        id: ServerId,
        /// The INVITE transaction that it means (RFC 3261 §9.2).
        invite: Option<ServerId>,
        /// Where it came from.
        from: Peer,
        /// The CANCEL.
        message: Message,
    },
    /// An ACK that belongs to no failed INVITE, hence to a 2xx: it goes on without a transaction.
    Ack {
        /// Where it came from.
        from: Peer,
        /// The ACK.
        message: Message,
    },
    /// A response to a client transaction. The ACK to a failure has already been sent.
    Response {
        /// The transaction; that of a CANCEL may be one that its user never saw.
        id: ClientId,
        /// The response.
        message: Message,
        /// Not the first 2xx to this INVITE: a copy, or from another branch of a fork (RFC 6026 §7.2).
        again: bool,
    },
    /// A response that belongs to nothing. To be dropped and counted (RFC 6026 §8.7 forbids forwarding it).
    Stray {
        /// Where it came from.
        from: Peer,
        /// The response.
        message: Message,
    },
    /// No final response came in time (timers B and F, or 64·T1 after a CANCEL).
    TimedOut {
        /// The transaction.
        id: ClientId,
    },
    /// The request could not be sent.
    TransportFailed {
        /// The transaction.
        id: ClientId,
    },
    /// No ACK came for a failure response (timer H).
    Unacknowledged {
        /// The transaction.
        id: ServerId,
    },
    /// The transaction is forgotten; its id means nothing from here on.
    ClientEnded {
        /// The transaction.
        id: ClientId,
    },
    /// The transaction is forgotten; its id means nothing from here on.
    ServerEnded {
        /// The transaction.
        id: ServerId,
    },
}

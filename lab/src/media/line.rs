//! A phone's pair of ports in the studio, and what carries packets between them and the leg.

use std::{
    io,
    net::{Ipv4Addr, SocketAddrV4},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use socket2::SockRef;
use tokio::{net::UdpSocket, runtime::Handle, task::AbortHandle};

use super::{
    Channel, Micros,
    ear::{Datagram, Ear},
    leg::{Leg, Order},
    studio::{Clock, Studio, Timer},
};

/// Longer than any RTP packet of the lab: what is cut off at this length is no packet of ours.
const DATAGRAM_MAX: usize = 2_048;
/// An even port with a free one above it is found at once, or the machine has no ports left.
const TRIES: usize = 64;

/// A phone's ports for one call. Dropped without a word, it ends its leg.
pub(crate) struct Line {
    port: u16,
    plug: Arc<Plug>,
    studio: Studio,
}

/// The sockets of a leg. All that is read from them is read on the studio's thread. The leg itself outlives them in the studio's record.
pub(super) struct Plug {
    rtp: Arc<UdpSocket>,
    rtcp: Arc<UdpSocket>,
    leg: Arc<Mutex<Leg>>,
    receivers: Mutex<Vec<AbortHandle>>,
    /// The deadline that counts; the timer forgets all others of this leg.
    wanted: AtomicU64,
}

impl Line {
    /// Binds a pair of ports, an even one for RTP and the next for RTCP (RFC 3550 §11), and hears what comes in.
    pub(super) fn open(studio: Studio, host: Ipv4Addr, seed: u64, runtime: &Handle) -> io::Result<Self> {
        // The runtime that a socket belongs to is the one that is entered when it is made.
        let _entered = runtime.enter();
        let (port, rtp, rtcp) = pair(host)?;
        let leg = Arc::new(Mutex::new(Leg::new(seed)));
        let plug = Arc::new(Plug { rtp, rtcp, leg, receivers: Mutex::default(), wanted: AtomicU64::new(0) });
        for channel in [Channel::Rtp, Channel::Rtcp] {
            let ear = Ear::new(Arc::clone(plug.socket(channel)))?;
            let receiver = runtime.spawn(receive(ear, channel, Arc::clone(&plug.leg), studio.clock()));
            lock(&plug.receivers).push(receiver.abort_handle());
        }
        Ok(Self { port, plug, studio })
    }

    /// The port for RTP.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Tells the leg what to do.
    pub(crate) fn order(&self, order: Order) {
        let now = self.studio.clock().now();
        if matches!(order, Order::Speak { .. }) {
            self.studio.record(&self.plug);
        }
        let mut leg = lock(&self.plug.leg);
        leg.order(now, order);
        self.plug.pump(&mut leg, self.studio.timer());
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.order(Order::Stop);
    }
}

impl Plug {
    /// Does what is due at `deadline`, unless the leg has got another one since.
    pub(super) fn expire(self: &Arc<Self>, deadline: Micros, clock: Clock, timer: &Timer) {
        if self.wanted.load(Ordering::Relaxed) == deadline {
            if !lock(&self.leg).is_talking() {
                // The end of the lingering: what has come by now counts, whoever was too busy to hear it.
                self.catch_up(clock);
            }
            let mut leg = lock(&self.leg);
            leg.expire(clock.now());
            self.pump(&mut leg, timer);
        }
    }

    /// Hears all that has come in by now.
    pub(super) fn catch_up(&self, clock: Clock) {
        let mut buffer = [0; DATAGRAM_MAX];
        for channel in [Channel::Rtp, Channel::Rtcp] {
            let Ok(mut ear) = Ear::new(Arc::clone(self.socket(channel))) else { continue };
            while let Some(datagram) = ear.hear_now(&mut buffer) {
                handle(&self.leg, channel, &datagram, &buffer, clock);
            }
        }
    }

    /// Sends what the leg has to say, and waits for its next deadline; or closes the sockets when there is none to come.
    fn pump(self: &Arc<Self>, leg: &mut Leg, timer: &Timer) {
        self.send(leg);
        if let Some(deadline) = leg.deadline() {
            self.wanted.store(deadline, Ordering::Relaxed);
            timer.schedule(deadline, Arc::clone(self));
        } else if leg.is_over() {
            lock(&self.receivers).drain(..).for_each(|receiver| receiver.abort());
        }
    }

    fn send(&self, leg: &mut Leg) {
        while let Some(output) = leg.poll() {
            // A full socket buffer loses the packet, as it would on a real phone; the far end will miss it.
            // Not by way of tokio, which would wait until it knows that a new socket may be written to.
            let socket = SockRef::from(&**self.socket(output.channel));
            if let Err(error) = socket.send_to(&output.bytes, &output.to.into()) {
                tracing::debug!(%error, to = %output.to, "voice: send");
            }
        }
    }

    pub(super) fn leg(&self) -> &Arc<Mutex<Leg>> {
        &self.leg
    }

    fn socket(&self, channel: Channel) -> &Arc<UdpSocket> {
        match channel {
            Channel::Rtp => &self.rtp,
            Channel::Rtcp => &self.rtcp,
        }
    }
}

/// Hears what comes in, for as long as the socket is open.
async fn receive(mut ear: Ear, channel: Channel, leg: Arc<Mutex<Leg>>, clock: Clock) {
    let mut buffer = [0; DATAGRAM_MAX];
    loop {
        match ear.hear(&mut buffer).await {
            Ok(datagram) => handle(&leg, channel, &datagram, &buffer, clock),
            Err(error) => tracing::debug!(%error, "voice: receive"),
        }
    }
}

fn handle(leg: &Mutex<Leg>, channel: Channel, datagram: &Datagram, buffer: &[u8], clock: Clock) {
    let Datagram { length, from, waited } = *datagram;
    let waited = u64::try_from(waited.as_micros()).unwrap_or_default();
    let at = clock.now().saturating_sub(waited);
    lock(leg).handle(at, channel, from, &buffer[..length]);
}

fn pair(host: Ipv4Addr) -> io::Result<(u16, Arc<UdpSocket>, Arc<UdpSocket>)> {
    let bind = |port| {
        let socket = std::net::UdpSocket::bind(SocketAddrV4::new(host, port))?;
        socket.set_nonblocking(true)?;
        UdpSocket::from_std(socket).map(Arc::new)
    };
    for _ in 0..TRIES {
        let rtp = bind(0)?;
        let port = rtp.local_addr()?.port();
        if port % 2 == 0
            && let Ok(rtcp) = bind(port + 1)
        {
            return Ok((port, rtp, rtcp));
        }
    }
    Err(io::Error::other(format!("{host}: no pair of ports for RTP and RTCP")))
}

/// A poisoned lock still guards sound data here: nothing panics between two writes.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

//! The traffic. One thread sends and receives for all endpoints, 10 streams a socket, many packets a system call, and it is
//! never woken by a packet: the kernel's stamps say when each came. So it costs little, and the relay's sends do not pay
//! for waking it.

#![expect(clippy::disallowed_methods, reason = "whoever makes a load keeps its time")]

use nix::{
    cmsg_space,
    sys::{
        prctl,
        socket::{
            ControlMessageOwned, MsgFlags, MultiHeaders, SockaddrStorage, recvmmsg, sendmmsg, setsockopt,
            sockopt,
        },
        time::TimeSpec,
    },
};
use std::{
    array, fmt,
    io::{self, IoSlice, IoSliceMut},
    net::{Ipv4Addr, SocketAddr, UdpSocket},
    os::fd::AsRawFd as _,
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

/// G.711, 20 ms: 12 bytes of RTP and 160 samples.
const PACKET: usize = 172;
const BATCH: usize = 64;
const STREAMS_PER_SOCKET: usize = 10;
/// Packets leave in steps of this, as they are due.
const STEP: Duration = Duration::from_micros(250);
/// Steps between two looks at what came.
const LOOK: u32 = 8;
const KERNEL_BUFFER: usize = 4 * 1_024 * 1_024;
/// How long the last packets may take.
const TAIL: Duration = Duration::from_millis(500);

/// The sockets of callers and callees. A socket never has both ends of one call.
pub struct Endpoints {
    sockets: Vec<UdpSocket>,
    addresses: Vec<SocketAddr>,
    calls: usize,
}

impl Endpoints {
    pub fn bind(calls: usize) -> io::Result<Self> {
        let per_side = calls.div_ceil(STREAMS_PER_SOCKET);
        let (mut sockets, mut addresses) = (Vec::new(), Vec::new());
        for _ in 0..2 * per_side {
            let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
            socket.set_nonblocking(true)?;
            socket2::SockRef::from(&socket).set_recv_buffer_size(KERNEL_BUFFER)?;
            setsockopt(&socket, sockopt::ReceiveTimestampns, &true)?;
            addresses.push(socket.local_addr()?);
            sockets.push(socket);
        }
        Ok(Self { sockets, addresses, calls })
    }

    /// Streams of callers first, then those of callees.
    fn socket(&self, stream: usize) -> usize {
        let per_side = self.sockets.len() / 2;
        let side = stream / self.calls;
        side * per_side + stream % self.calls / STREAMS_PER_SOCKET
    }

    pub fn address(&self, stream: usize) -> SocketAddr {
        self.addresses[self.socket(stream)]
    }

    pub fn opposite(&self, stream: usize) -> usize {
        (stream + self.calls) % (2 * self.calls)
    }
}

/// Streams, one from each end of each call.
pub struct Load {
    endpoints: Endpoints,
    to: Vec<SockaddrStorage>,
    sequence: Vec<u32>,
    heard: Vec<Option<u32>>,
    send: MultiHeaders<SockaddrStorage>,
    receive: MultiHeaders<SockaddrStorage>,
    packets: Vec<[u8; PACKET]>,
    rooms: Vec<[u8; 256]>,
    /// Of the run.
    received: u64,
    disordered: u64,
    latencies_us: Vec<u32>,
}

/// What became of the packets of one run.
pub struct Outcome {
    pub sent: u64,
    received: u64,
    disordered: u64,
    /// How late the generator itself was in the worst step: what it could not have measured better.
    behind_us: u128,
    p50: u32,
    p99: u32,
    p999: u32,
}

impl Load {
    pub fn new(endpoints: Endpoints, to: Vec<SocketAddr>) -> Self {
        // Sleeps end when they should, not up to 50 µs later.
        let _ = prctl::set_timerslack(1_000);
        Self {
            endpoints,
            sequence: vec![0; to.len()],
            heard: vec![None; to.len()],
            to: to.into_iter().map(SockaddrStorage::from).collect(),
            send: MultiHeaders::preallocate(BATCH, None),
            receive: MultiHeaders::preallocate(BATCH, Some(cmsg_space!(TimeSpec))),
            packets: vec![[0; PACKET]; BATCH],
            rooms: vec![[0; 256]; BATCH],
            received: 0,
            disordered: 0,
            latencies_us: Vec::new(),
        }
    }

    /// `rate` packets a second on each stream, evenly spread over the streams.
    pub fn run(&mut self, rate: u64, seconds: u64) -> io::Result<Outcome> {
        let streams = self.to.len() as u64;
        let all = streams * rate * seconds;
        let apart = Duration::from_secs(seconds).as_nanos() / u128::from(all);
        (self.received, self.disordered) = (0, 0);
        self.latencies_us.clear();
        self.latencies_us.reserve(usize::try_from(all).unwrap_or(0));
        let (start, mut next, mut behind, mut steps) = (Instant::now(), 0, 0, 0);
        while next < all {
            let elapsed = start.elapsed().as_nanos();
            let due = u64::try_from(elapsed / apart).unwrap_or(all).min(all);
            behind = behind.max(elapsed.saturating_sub(u128::from(next) * apart) / 1_000);
            while next < due {
                let first = usize::try_from(next % streams).unwrap_or(0);
                next += self.send(first, usize::try_from(due - next).unwrap_or(BATCH))? as u64;
            }
            steps += 1;
            if steps % LOOK == 0 {
                self.take_all()?;
            }
            let passed = start.elapsed().as_nanos() % STEP.as_nanos();
            thread::sleep(STEP - Duration::from_nanos(u64::try_from(passed).unwrap_or(0)));
        }
        let end = Instant::now();
        while end.elapsed() < TAIL {
            self.take_all()?;
            thread::sleep(Duration::from_millis(5));
        }
        self.latencies_us.sort_unstable();
        let last = self.latencies_us.len().saturating_sub(1);
        let part = |thousandths: usize| {
            self.latencies_us.get(last * thousandths / 1_000).copied().unwrap_or(u32::MAX)
        };
        Ok(Outcome {
            sent: all,
            received: self.received,
            disordered: self.disordered,
            behind_us: behind,
            p50: part(500),
            p99: part(990),
            p999: part(999),
        })
    }

    /// Sends one packet of each stream from `first` on, as many as share its socket, `limit` at most; returns how many.
    fn send(&mut self, first: usize, limit: usize) -> io::Result<usize> {
        let socket = self.endpoints.socket(first);
        let stamp = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        let stamp = u64::try_from(stamp).unwrap_or(0);
        let mut count = 0;
        for (stream, packet) in (first..self.to.len()).zip(&mut self.packets).take(limit) {
            if self.endpoints.socket(stream) != socket {
                break;
            }
            let sequence = &mut self.sequence[stream];
            *packet = [0; PACKET];
            let [.., high, low] = sequence.to_be_bytes();
            let stream = u32::try_from(stream).unwrap_or(0);
            packet[..4].copy_from_slice(&[0x80, 0, high, low]);
            packet[4..8].copy_from_slice(&(*sequence * 160).to_be_bytes());
            packet[8..12].copy_from_slice(&stream.to_be_bytes());
            packet[12..20].copy_from_slice(&stamp.to_be_bytes());
            packet[20..24].copy_from_slice(&sequence.to_be_bytes());
            *sequence += 1;
            count += 1;
        }
        let slices: [_; BATCH] = array::from_fn(|n| [IoSlice::new(&self.packets[n])]);
        let to: [_; BATCH] = array::from_fn(|n| self.to.get(first + n).copied());
        let file = self.endpoints.sockets[socket].as_raw_fd();
        let sent =
            sendmmsg(file, &mut self.send, &slices[..count], &to[..count], [], MsgFlags::empty())?.count();
        if sent == count { Ok(count) } else { Err(io::Error::other("the kernel does not take the load")) }
    }

    fn take_all(&mut self) -> io::Result<()> {
        for socket in 0..self.endpoints.sockets.len() {
            while self.take(socket)? == BATCH {}
        }
        Ok(())
    }

    /// Takes a batch of one socket; returns how many there were.
    fn take(&mut self, socket: usize) -> io::Result<usize> {
        let file = self.endpoints.sockets[socket].as_raw_fd();
        let mut rooms = self.rooms.iter_mut();
        let mut slices: [_; BATCH] =
            array::from_fn(|_| [IoSliceMut::new(rooms.next().map_or(&mut [], |r| &mut r[..]))]);
        let messages = match recvmmsg(file, &mut self.receive, &mut slices, MsgFlags::MSG_DONTWAIT, None) {
            Err(nix::errno::Errno::EAGAIN) => return Ok(0),
            messages => messages?,
        };
        let (mut arrived, mut count) = ([(0, 0_u128); BATCH], 0);
        for (message, slot) in messages.zip(&mut arrived) {
            let stamp = message.cmsgs()?.find_map(|control| match control {
                ControlMessageOwned::ScmTimestampns(stamp) => Some(Duration::from(stamp).as_nanos()),
                _ => None,
            });
            *slot = (message.bytes, stamp.unwrap_or(0));
            count += 1;
        }
        for (n, (length, came)) in arrived.into_iter().enumerate().take(count) {
            if length == PACKET {
                self.note(n, came);
            }
        }
        Ok(count)
    }

    fn note(&mut self, room: usize, came_ns: u128) {
        let packet = &self.rooms[room];
        let number =
            |at: usize| u32::from_be_bytes([packet[at], packet[at + 1], packet[at + 2], packet[at + 3]]);
        let left = u128::from(number(12)) << 32 | u128::from(number(16));
        let Some(heard) = self.heard.get_mut(number(8) as usize) else { return };
        let sequence = number(20);
        self.received += 1;
        self.disordered += u64::from(heard.is_some_and(|before| sequence <= before));
        *heard = Some(sequence);
        self.latencies_us.push(u32::try_from(came_ns.saturating_sub(left) / 1_000).unwrap_or(u32::MAX));
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lost = i128::from(self.sent) - i128::from(self.received);
        write!(f, "sent={} lost={lost} disordered={} ", self.sent, self.disordered)?;
        write!(f, "p50={} p99={} p999={} behind={}", self.p50, self.p99, self.p999, self.behind_us)
    }
}

//! A worker with the plainest data path: what a leg of a call sends goes out by the other leg. It speaks as much of the ng
//! protocol as `bench/rtp` does, so that the worker can be measured by itself: `plain_relay NG [epoll]`.

use ringway_media::{
    core::{Outbox, SocketId},
    worker::{DataPath, Handle, Kind, Turn, Way, start},
};
use ringway_node::clock::Clock;
use ringway_router::Time;
use std::{
    collections::HashMap,
    env,
    error::Error,
    io,
    net::{IpAddr, SocketAddr},
};
use tokio::net::UdpSocket;

/// Where a leg is, and by which socket what it sends goes on.
#[derive(Clone, Copy)]
struct Leg {
    id: SocketId,
    endpoint: Option<SocketAddr>,
    opposite: SocketId,
}

/// Legs by the place of their socket.
#[derive(Default)]
struct Plain {
    legs: Vec<Option<Leg>>,
}

impl Plain {
    fn leg(&mut self, id: SocketId) -> &mut Option<Leg> {
        let place = (id.0 & 0xffff) as usize;
        if self.legs.len() <= place {
            self.legs.resize(place + 1, None);
        }
        &mut self.legs[place]
    }
}

impl DataPath for Plain {
    fn packet(
        &mut self,
        _: Time,
        socket: SocketId,
        from: SocketAddr,
        packet: &mut [u8],
        outbox: &mut Outbox,
    ) {
        let Some(leg) = self.leg(socket).filter(|leg| leg.id == socket) else { return };
        if leg.endpoint != Some(from) {
            return;
        }
        if let Some(Leg { endpoint: Some(to), .. }) = *self.leg(leg.opposite) {
            let _ = outbox.push(leg.opposite, to, packet);
        }
    }

    fn deadline(&self) -> Option<Time> {
        None
    }

    fn expire(&mut self, _: Time, _: &mut Outbox) {}
}

/// A call: a leg at the caller, a leg at the callee, each with the port that stands before the other.
struct Call {
    legs: [(SocketId, SocketAddr); 2],
    control: [SocketId; 2],
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let listen: SocketAddr = arguments.next().ok_or("usage: plain_relay NG [epoll]")?.parse()?;
    let way = if arguments.next().as_deref() == Some("epoll") { Way::Epoll } else { Way::of_this_machine() };
    let (worker, mut ended) = start(0, way, Clock::start(), Plain::default())?;
    let ng = UdpSocket::bind(listen).await?;
    let (mut calls, mut buffer) = (HashMap::new(), vec![0; 65_535]);
    loop {
        let (length, from) = tokio::select! {
            received = ng.recv_from(&mut buffer) => received?,
            end = &mut ended => return Ok(end??),
        };
        let question = String::from_utf8_lossy(&buffer[..length]).into_owned();
        let answer = answer(&worker, &mut calls, listen.ip(), &question).await?;
        ng.send_to(answer.as_bytes(), from).await?;
    }
}

async fn answer(
    worker: &Handle<Plain>,
    calls: &mut HashMap<String, Call>,
    ip: IpAddr,
    question: &str,
) -> Result<String, Box<dyn Error>> {
    let (cookie, words) = question.split_once(' ').ok_or("no cookie")?;
    let name = value(words, "7:call-id").ok_or("no call-id")?.to_owned();
    let sdp = value(words, "3:sdp");
    let (side, sdp) = match (value(words, "7:command"), sdp) {
        (Some("offer"), Some(sdp)) => {
            if !calls.contains_key(&name) {
                calls.insert(name.clone(), worker.ask(move |plain, turn| open(plain, turn, ip)).await??);
            }
            (0, sdp)
        }
        (Some("answer"), Some(sdp)) => (1, sdp),
        _ => {
            if let Some(call) = calls.remove(&name) {
                worker.order(move |plain, turn| close(plain, turn, &call))?;
            }
            return Ok(format!("{cookie} d6:result2:oke"));
        }
    };
    let call = calls.get(&name).ok_or("no such call")?;
    let port = sdp.split("m=audio ").nth(1).and_then(|rest| rest.split(' ').next()).ok_or("no media")?;
    let (id, endpoint) = (call.legs[side].0, SocketAddr::new(ip, port.parse()?));
    worker.order(move |plain, _| {
        if let Some(leg) = plain.leg(id) {
            leg.endpoint = Some(endpoint);
        }
    })?;
    let sdp = sdp.replace(&format!("m=audio {port} "), &format!("m=audio {} ", call.legs[1 - side].1.port()));
    Ok(format!("{cookie} d6:result2:ok3:sdp{}:{sdp}e", sdp.len()))
}

fn open(plain: &mut Plain, turn: &mut Turn<'_>, ip: IpAddr) -> io::Result<Call> {
    let any = SocketAddr::new(ip, 0);
    let legs = [turn.sockets.open(Kind::Port, any)?, turn.sockets.open(Kind::Port, any)?];
    // For RTCP, to take what a call takes.
    let control = [turn.sockets.open(Kind::Port, any)?.0, turn.sockets.open(Kind::Port, any)?.0];
    for (id, opposite) in [(legs[0].0, legs[1].0), (legs[1].0, legs[0].0)] {
        *plain.leg(id) = Some(Leg { id, endpoint: None, opposite });
    }
    Ok(Call { legs, control })
}

fn close(plain: &mut Plain, turn: &mut Turn<'_>, call: &Call) {
    for id in call.legs.map(|leg| leg.0).into_iter().chain(call.control) {
        *plain.leg(id) = None;
        turn.sockets.close(id);
    }
}

/// The string behind a key of a bencoded dictionary.
fn value<'a>(words: &'a str, key: &str) -> Option<&'a str> {
    let (length, rest) = words.split(key).nth(1)?.split_once(':')?;
    rest.get(..length.parse().ok()?)
}

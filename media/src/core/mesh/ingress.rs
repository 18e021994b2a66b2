//! The sending side: streams, each with its line.

use super::{
    exit::{End, Exit},
    line::{Here, Line},
    moves::{Move, Moves},
    numbers::Numbers,
    route::Routes,
};
use crate::core::{
    RelayId, StreamId,
    relay::{Onward, RouteKey},
    steer::{Moved, Output, PathNumber, Pick, Report},
    tunnel::{Body, Place, Refusal, Refusals, Spread},
};
use ringway_router::Time;
use std::{collections::HashMap, hash::BuildHasherDefault, time::Duration};

/// A stream without packets is forgotten after so long. It loses nothing by that but its place in memory.
const STREAM_IDLE: Duration = Duration::from_secs(60);
/// A line without streams, likewise. The far end has forgotten its numbers sooner.
const LINE_IDLE: Duration = Duration::from_secs(120);

/// See the module.
#[derive(Debug)]
pub(super) struct Ingress {
    lines: Vec<Option<Line>>,
    numbers: Numbers,
    streams: HashMap<(RelayId, StreamId), Stream, BuildHasherDefault<Spread>>,
    /// Grows when streams have to look for their lines again.
    epoch: u64,
}

#[derive(Debug)]
struct Stream {
    line: usize,
    route: RouteKey,
    epoch: u64,
    /// The next numbers: of RTP, of RTCP.
    next: [u32; 2],
    used: Time,
}

impl Ingress {
    pub(super) fn new(now: Time) -> Self {
        Self { lines: Vec::new(), numbers: Numbers::new(now), streams: HashMap::default(), epoch: 0 }
    }

    /// Other relays, or other wishes.
    pub(super) fn steer(&mut self, now: Time, here: Here<'_>, routes: &Routes) {
        self.epoch += 1;
        for (place, line) in self.lines.iter_mut().enumerate() {
            let Some(line) = line else { continue };
            let row = routes.rows.iter().find(|row| row.key == line.route);
            line.steer(now, here, (place, &mut self.numbers), (routes.made_at, row));
        }
    }

    /// Sends a packet over one path or two. The number of paths that took it.
    pub(super) fn send(
        &mut self,
        now: Time,
        onward: Onward,
        packet: &[u8],
        (here, routes): (Here<'_>, &Routes),
        exit: &mut Exit<'_>,
    ) -> Result<usize, Refusal> {
        let (at, number) = self.number(now, onward, here, routes)?;
        let line = self.lines[at].as_mut().ok_or(Refusal::Unreachable)?;
        let picks = line.trunk.pick(now);
        let (mut sent, mut refused) = (0, Refusal::Unreachable);
        for pick in [picks.first, picks.second].into_iter().flatten() {
            let Some(hops) = line.hops(pick.path()) else { continue };
            let place = Place { pick, stream: onward.stream, number };
            let body = if onward.rtcp { Body::Rtcp(place, packet) } else { Body::Rtp(place, packet) };
            match exit.send(hops, line.end.port, pick.number.lane(), body) {
                Ok(()) => sent += 1,
                Err(refusal) => refused = refusal,
            }
        }
        if sent > 0 { Ok(sent) } else { Err(refused) }
    }

    /// A report. False: it is not of one whom a line of ours leads to.
    pub(super) fn hear(&mut self, now: Time, from: End, report: Report) -> bool {
        let owner = self.numbers.owner(report.number.path());
        let line = owner.and_then(|at| self.lines[at].as_mut()).filter(|line| line.end == from);
        line.map(|line| line.hear(now, report)).is_some()
    }

    /// Does what is due. False: the box is full, and there is more.
    pub(super) fn poll(
        &mut self,
        now: Time,
        exit: &mut Exit<'_>,
        moves: &mut Moves,
        refused: &mut Refusals,
    ) -> bool {
        for line in self.lines.iter_mut().flatten() {
            if line.trunk.deadline().is_some_and(|due| due <= now) {
                line.trunk.handle(now, crate::core::steer::Input::Tick);
            }
            while exit.has_room() {
                match line.trunk.poll() {
                    None => break,
                    Some(Output::Moved(moved)) => moves.push(line.moved(moved)),
                    Some(Output::SendProbe { number, sequence }) => {
                        if let Err(refusal) = line.probe(exit, number, sequence) {
                            refused.add(refusal);
                        }
                    }
                }
            }
            if !exit.has_room() {
                return false;
            }
        }
        true
    }

    pub(super) fn deadline(&self) -> Option<Time> {
        self.lines.iter().flatten().filter_map(|line| line.trunk.deadline()).min()
    }

    /// Every line.
    pub(super) fn lines_mut(&mut self) -> impl Iterator<Item = &mut Line> {
        self.lines.iter_mut().flatten()
    }

    /// The same, to be looked at.
    pub(super) fn lines(&self) -> impl Iterator<Item = &Line> {
        self.lines.iter().flatten()
    }

    /// The line of a stream.
    pub(super) fn line_of(&self, to: RelayId, stream: StreamId) -> Option<&Line> {
        self.lines[self.streams.get(&(to, stream))?.line].as_ref()
    }

    /// Forgets streams and lines that nobody uses.
    pub(super) fn tidy(&mut self, now: Time) {
        let lines = &mut self.lines;
        self.streams.retain(|_, stream| {
            let keep = now.since(stream.used) < STREAM_IDLE;
            if !keep {
                leave(lines, stream.line, now);
            }
            keep
        });
        for place in lines {
            let Some(line) = place else { continue };
            line.tidy(now, &mut self.numbers);
            if line.streams == 0 && now.since(line.unused) >= LINE_IDLE {
                line.close(&mut self.numbers);
                *place = None;
            }
        }
    }

    /// Lines and streams that it remembers.
    #[cfg(test)]
    pub(super) fn size(&self) -> (usize, usize) {
        (self.lines.iter().flatten().count(), self.streams.len())
    }

    /// The line of a stream, and its next number. A stream that begins is ahead of all that it was before, whoever forgot
    /// it: it starts with the milliseconds of the clock, and no stream has a thousand packets a second.
    fn number(
        &mut self,
        now: Time,
        onward: Onward,
        here: Here<'_>,
        routes: &Routes,
    ) -> Result<(usize, u32), Refusal> {
        let key = (onward.to, onward.stream);
        let known = self.streams.get(&key);
        let fits = known.is_some_and(|known| known.route == onward.route && known.epoch == self.epoch);
        if !fits {
            self.place(now, onward, here, routes)?;
        }
        let stream = self.streams.get_mut(&key).ok_or(Refusal::Unreachable)?;
        stream.used = now;
        let next = &mut stream.next[usize::from(onward.rtcp)];
        let number = *next;
        *next = number.wrapping_add(1);
        Ok((stream.line, number))
    }

    fn place(&mut self, now: Time, onward: Onward, here: Here<'_>, routes: &Routes) -> Result<(), Refusal> {
        let slot = here.table.relay(onward.to).ok_or(Refusal::Unreachable)?;
        let port = slot.port_of(onward.stream).ok_or(Refusal::Port)?;
        let line = self.line(now, End { relay: onward.to, port }, onward.route, here, routes);
        let start = u32::try_from(now.millis() & u64::from(u32::MAX)).unwrap_or(0);
        let fresh = Stream { line, route: onward.route, epoch: self.epoch, next: [start; 2], used: now };
        let before = self.streams.get(&(onward.to, onward.stream));
        let next = before.map_or([start; 2], |before| before.next);
        if let Some(old) = before.map(|before| before.line) {
            leave(&mut self.lines, old, now);
        }
        self.streams.insert((onward.to, onward.stream), Stream { next, ..fresh });
        if let Some(line) = &mut self.lines[line] {
            line.streams += 1;
        }
        Ok(())
    }

    fn line(&mut self, now: Time, end: End, route: RouteKey, here: Here<'_>, routes: &Routes) -> usize {
        let is_it = |line: &Line| line.end == end && line.route == route;
        if let Some(at) = self.lines.iter().position(|line| line.as_ref().is_some_and(is_it)) {
            return at;
        }
        let mut line = Line::new(now, here, end, route);
        let free = self.lines.iter().position(Option::is_none);
        let at = free.unwrap_or_else(|| {
            self.lines.push(None);
            self.lines.len() - 1
        });
        let row = routes.rows.iter().find(|row| row.key == route);
        line.steer(now, here, (at, &mut self.numbers), (routes.made_at, row));
        self.lines[at] = Some(line);
        at
    }
}

impl Line {
    fn probe(&self, exit: &mut Exit<'_>, number: PathNumber, sequence: u32) -> Result<(), Refusal> {
        let hops = self.hops(number.path()).ok_or(Refusal::Unreachable)?;
        exit.send(hops, self.end.port, number.lane(), Body::Probe(Pick { number, sequence }))
    }

    fn moved(&self, moved: Moved) -> Move {
        let hops = moved.to.and_then(|number| self.hops(number.path()));
        Move { to: self.end.relay, port: self.end.port, route: self.route, hops, moved }
    }
}

/// A stream does not use this line any more.
fn leave(lines: &mut [Option<Line>], line: usize, now: Time) {
    if let Some(line) = &mut lines[line] {
        (line.streams, line.unused) = (line.streams.saturating_sub(1), now);
    }
}

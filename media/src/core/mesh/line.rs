//! A trunk, and what its numbers stand for: the relays of each of its paths.

use super::{
    exit::End,
    numbers::Numbers,
    resolve::{key_of, relay_of},
    route::Row,
};
use crate::core::{
    Lane, RelayId,
    relay::RouteKey,
    steer::{Input, PathId, PathNumber, Reaction, Report, Table as Wishes, Trunk, Way},
    tunnel::{Hops, Table},
};
use ringway_router::{LANES_MAX, Path, Protect, Region, Time};
use std::time::Duration;

/// A path that is not listed any more keeps its number for so long, if it may still be in use.
const LINGERS: Duration = Duration::from_secs(60);

/// See the module.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) end: End,
    pub(super) route: RouteKey,
    pub(super) trunk: Trunk,
    /// Changes when the far relay is started anew.
    generation: u64,
    ways: Vec<Known>,
    /// Streams that use it.
    pub(super) streams: u32,
    /// When the last of them went.
    pub(super) unused: Time,
    /// What the far end says of the link between the two of us, by lane.
    direct: [Direct; LANES_MAX],
}

#[derive(Debug, Clone, Copy)]
struct Known {
    path: PathId,
    hops: Hops,
    /// Since when it is not listed.
    unlisted: Option<Time>,
}

/// What got lost on one lane of the direct path.
#[derive(Debug, Clone, Copy, Default)]
struct Direct {
    last: Option<Report>,
    /// Below zero, when what was told lost came after all.
    lost: i64,
    /// In how many gaps.
    gaps: u64,
}

/// What one lane of the direct path showed since the last time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shown {
    pub(super) lane: Lane,
    pub(super) lost: u64,
    pub(super) gaps: u64,
    /// As it is.
    pub(super) rtt: Option<Duration>,
}

/// From where and for whom a line is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Here<'a> {
    pub(super) own: End,
    pub(super) region: &'a Region,
    pub(super) lanes: u8,
    pub(super) table: &'a Table,
}

impl Line {
    pub(super) fn new(now: Time, here: Here<'_>, end: End, route: RouteKey) -> Self {
        Self {
            end,
            route,
            trunk: Trunk::new(now, here.own.relay, here.lanes),
            generation: here.table.relay(end.relay).map_or(0, |slot| slot.generation),
            ways: Vec::new(),
            streams: 0,
            unused: now,
            direct: [Direct::default(); LANES_MAX],
        }
    }

    /// Takes over what the router wishes, with the relays that live now. No row: no path may be taken.
    pub(super) fn steer(
        &mut self,
        now: Time,
        here: Here<'_>,
        at: (usize, &mut Numbers),
        wish: (Time, Option<&Row>),
    ) {
        let (place, numbers) = at;
        if let Some(slot) = here.table.relay(self.end.relay).filter(|slot| slot.generation != self.generation)
        {
            self.ways.drain(..).for_each(|known| numbers.free(known.path));
            (self.generation, self.direct) = (slot.generation, [Direct::default(); LANES_MAX]);
            self.trunk = Trunk::new(now, here.own.relay, here.lanes);
        }
        let before = self.ways.iter().filter(|known| known.unlisted.is_none()).count();
        let mut lister = Lister { line: self, here, numbers, place, listed: Vec::with_capacity(before) };
        let wishes = lister.wishes(wish);
        let listed = std::mem::take(&mut lister.listed);
        for known in &mut self.ways {
            known.unlisted = if listed.contains(&known.path) { None } else { known.unlisted.or(Some(now)) };
        }
        self.trunk.handle(now, Input::Table(wishes));
    }

    /// The relays of a path.
    pub(super) fn hops(&self, path: PathId) -> Option<Hops> {
        self.ways.iter().find(|known| known.path == path).map(|known| known.hops)
    }

    /// The far end reported.
    pub(super) fn hear(&mut self, now: Time, report: Report) {
        let lane = usize::from(report.number.lane().0);
        if self.hops(report.number.path()).is_some_and(|hops| hops.relays().len() == 1) {
            self.direct[lane].hear(report);
        }
        self.trunk.handle(now, Input::Report(report));
    }

    /// What got lost on the way to the far relay, lane by lane.
    pub(super) fn take_direct(&mut self) -> impl Iterator<Item = Shown> {
        let direct =
            self.ways.iter().find(|known| known.unlisted.is_none() && known.hops.relays().len() == 1);
        let direct = direct.map(|known| known.path);
        let trunk = &self.trunk;
        (0..).zip(&mut self.direct).map(move |(lane, tally)| {
            let lost = u64::try_from(tally.lost).unwrap_or(0);
            tally.lost = tally.lost.min(0);
            let gaps = std::mem::take(&mut tally.gaps).min(lost);
            let rtt = direct.and_then(|path| trunk.rtt(PathNumber::new(path, Lane(lane))));
            Shown { lane: Lane(lane), lost, gaps, rtt }
        })
    }

    /// Gives back the numbers of paths that are long gone.
    pub(super) fn tidy(&mut self, now: Time, numbers: &mut Numbers) {
        let used: Vec<PathId> = self.trunk.places().map(|(_, number)| number.path()).collect();
        self.ways.retain(|known| {
            let gone = known.unlisted.is_some_and(|since| now.since(since) >= LINGERS);
            let keep = !gone || used.contains(&known.path);
            if !keep {
                numbers.free(known.path);
            }
            keep
        });
    }

    /// Gives back all.
    pub(super) fn close(&mut self, numbers: &mut Numbers) {
        self.ways.drain(..).for_each(|known| numbers.free(known.path));
    }
}

impl Direct {
    /// As in RFC 8762: what was sent between two reports, and how much of it came.
    fn hear(&mut self, report: Report) {
        let last = self.last.filter(|last| last.number == report.number);
        let Some(last) = last else {
            self.last = Some(report);
            return;
        };
        let sent = report.highest.wrapping_sub(last.highest).cast_signed();
        let came = report.received.wrapping_sub(last.received).cast_signed();
        if sent < 0 || came < 0 {
            return;
        }
        self.lost += i64::from(sent) - i64::from(came);
        self.gaps += u64::from(report.flags.gaps_since(last.flags));
        self.last = Some(report);
    }
}

/// Makes relays of regions, and numbers of relays.
struct Lister<'a, 'b> {
    line: &'a mut Line,
    here: Here<'b>,
    numbers: &'a mut Numbers,
    place: usize,
    listed: Vec<PathId>,
}

impl Lister<'_, '_> {
    fn wishes(&mut self, (made_at, row): (Time, Option<&Row>)) -> Wishes {
        let far = self.here.table.relay(self.line.end.relay).map(|slot| &slot.region);
        if far == Some(self.here.region) {
            // Next door: no table speaks of it.
            let ranked = self.way(&[]).into_iter().collect();
            return Wishes { made_at, ranked, reactions: Vec::new(), protect: Protect::Never };
        }
        let row = row.filter(|row| far == Some(&row.to));
        let Some(row) = row else {
            return Wishes { made_at, ranked: Vec::new(), reactions: Vec::new(), protect: Protect::Never };
        };
        let ranked = row.paths.iter().filter_map(|path| self.way_of(path)).collect();
        let reactions = row.reactions.iter().filter_map(|reaction| {
            let (from, to) = (self.relay(&reaction.from, row)?, self.relay(&reaction.to, row)?);
            Some(Reaction { from, to, way: self.way_of(&reaction.path)? })
        });
        let reactions = reactions.collect();
        Wishes { made_at, ranked, reactions, protect: row.protect }
    }

    /// The relay of a region, for this line.
    fn relay(&self, region: &Region, row: &Row) -> Option<RelayId> {
        if region == self.here.region {
            Some(self.here.own.relay)
        } else if *region == row.to {
            Some(self.line.end.relay)
        } else {
            self.transit(region)
        }
    }

    fn transit(&self, region: &Region) -> Option<RelayId> {
        let (own, end) = (self.here.own, self.line.end);
        let ends = [own.relay.0, u32::from(own.port), end.relay.0, u32::from(end.port), self.line.route.0];
        relay_of(self.here.table, region, key_of(&ends))
    }

    fn way_of(&mut self, path: &Path) -> Option<Way> {
        let transit: Option<Vec<RelayId>> = path.relays().iter().map(|region| self.transit(region)).collect();
        self.way(&transit?)
    }

    /// With the number that it has, if it was listed so far: the trunk forgets others, and their counts.
    fn way(&mut self, transit: &[RelayId]) -> Option<Way> {
        let hops = [transit, &[self.line.end.relay]].concat();
        let list = Hops::new(&hops)?;
        let known = self.line.ways.iter().find(|known| known.unlisted.is_none() && known.hops == list);
        let path = match known {
            Some(known) => known.path,
            None => {
                let path = self.numbers.give(self.place)?;
                self.line.ways.push(Known { path, hops: list, unlisted: None });
                path
            }
        };
        self.listed.push(path);
        Some(Way { path, hops })
    }
}

//! How often each way is probed: fast where calls are, slow where none are, and never more than the budget in all.

use super::packet::BYTES;
use std::time::Duration;

/// A way that carries calls is probed this often, unless the budget forbids it.
pub const CARRYING: Duration = Duration::from_millis(20);
/// A way where something is wrong is probed at this part of that rate.
const SUSPECT_PART: f64 = 0.4;
/// What ways without calls may take of the budget.
const IDLE_PART: f64 = 0.4;
/// However small the budget: a way that is probed less often is not known.
const SLOWEST: Duration = Duration::from_secs(10);
/// A probe as the network counts it: with its headers of IPv4 and UDP.
const BITS: f64 = (8 * (BYTES + 28)) as f64;

/// What may be spent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Questions of this node, all together, kbit/s. The answers that it gives to others come on top: about as much.
    pub kbit_s: u32,
    /// The least pause between two probes of a way that carries no calls.
    pub idle: Duration,
}

/// Ways to be probed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Need {
    /// With calls on them.
    pub carrying: usize,
    /// Without, but something is wrong there.
    pub suspect: usize,
    /// All the others.
    pub idle: usize,
}

/// How a way is probed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// Fast.
    Carrying,
    /// Half as fast.
    Suspect,
    /// Now and then.
    Idle,
}

/// What is on a way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Load {
    /// Calls, by what SIP or tunnels show.
    pub calls: bool,
    /// Tunnels count the packets of calls there.
    pub measured: bool,
    /// Something is wrong.
    pub suspect: bool,
}

impl Load {
    /// Where packets of calls are counted, and all is well, hardly any probe is of use.
    #[must_use]
    pub fn pace(self) -> Pace {
        match (self.calls, self.measured, self.suspect) {
            (true, true, true) | (true, false, _) => Pace::Carrying,
            (false, _, true) => Pace::Suspect,
            (true, true, false) | (false, _, false) => Pace::Idle,
        }
    }
}

impl Need {
    /// One way more.
    pub fn count(&mut self, pace: Pace) {
        match pace {
            Pace::Carrying => self.carrying += 1,
            Pace::Suspect => self.suspect += 1,
            Pace::Idle => self.idle += 1,
        }
    }
}

impl Pauses {
    /// That of a way.
    #[must_use]
    pub fn of(&self, pace: Pace) -> Duration {
        match pace {
            Pace::Carrying => self.carrying,
            Pace::Suspect => self.suspect,
            Pace::Idle => self.idle,
        }
    }
}

/// The mean pauses between two probes of one way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pauses {
    /// With calls.
    pub carrying: Duration,
    /// With trouble.
    pub suspect: Duration,
    /// Else.
    pub idle: Duration,
}

impl Budget {
    /// Shares the budget out.
    #[must_use]
    pub fn plan(&self, need: Need) -> Pauses {
        let per_second = f64::from(self.kbit_s.max(1)) * 1_000.0 / BITS;
        let idle_s = (count(need.idle) / (per_second * IDLE_PART)).max(self.idle.as_secs_f64());
        let idle_s = idle_s.min(SLOWEST.as_secs_f64());
        let rest = (per_second - count(need.idle) / idle_s).max(per_second * (1.0 - IDLE_PART));
        let shares = count(need.carrying) + SUSPECT_PART * count(need.suspect);
        let fast_s = (shares / rest).clamp(CARRYING.as_secs_f64(), SLOWEST.as_secs_f64());
        let suspect_s = (fast_s / SUSPECT_PART).min(SLOWEST.as_secs_f64());
        Pauses {
            carrying: Duration::from_secs_f64(fast_s),
            suspect: Duration::from_secs_f64(suspect_s),
            idle: Duration::from_secs_f64(idle_s.max(fast_s)),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "there are few ways")]
fn count(ways: usize) -> f64 {
    ways as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUDGET: Budget = Budget { kbit_s: 150, idle: Duration::from_millis(250) };

    fn spent_kbit_s(need: Need) -> f64 {
        let Pauses { carrying, suspect, idle } = BUDGET.plan(need);
        let rate = |ways, pause: Duration| count(ways) / pause.as_secs_f64();
        let all = rate(need.carrying, carrying) + rate(need.suspect, suspect) + rate(need.idle, idle);
        all * BITS / 1_000.0
    }

    #[test]
    fn a_small_mesh_is_probed_as_fast_as_is_of_use() {
        let pauses = BUDGET.plan(Need { carrying: 2, suspect: 1, idle: 3 });
        let ms = Duration::from_millis;
        assert_eq!((pauses.carrying, pauses.suspect, pauses.idle), (ms(20), ms(50), ms(250)));
    }

    #[test]
    fn a_way_that_tunnels_measure_needs_hardly_any_probe_while_all_is_well() {
        let pace = |calls, measured, suspect| Load { calls, measured, suspect }.pace();
        assert_eq!(pace(true, false, false), Pace::Carrying, "SIP alone measures little");
        assert_eq!(pace(true, true, false), Pace::Idle);
        assert_eq!(pace(true, true, true), Pace::Carrying, "packets of calls are lost");
        assert_eq!((pace(false, false, true), pace(false, false, false)), (Pace::Suspect, Pace::Idle));
    }

    #[test]
    fn the_budget_holds_whatever_there_is_to_probe() {
        for (carrying, suspect, idle) in
            [(0, 0, 49), (0, 0, 196), (4, 0, 45), (49, 0, 0), (10, 100, 86), (196, 0, 0)]
        {
            let need = Need { carrying, suspect, idle };
            let spent = spent_kbit_s(need);
            assert!(spent <= 150.1, "{need:?}: {spent:.1} kbit/s");
        }
        let idle = spent_kbit_s(Need { idle: 196, ..Need::default() });
        assert!(idle <= 60.1, "idle at 50 regions of 4 nodes: {idle:.1} kbit/s");
    }
}

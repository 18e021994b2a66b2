//! A plan for people.

use std::fmt;

use super::{Plan, Shift, Step};
use crate::Path;

/// The most lines of each sort.
const SHOWN: usize = 40;

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { old_revision, new_revision, pairs, recorded, samples, worst_moments, .. } = self;
        writeln!(f, "revision {old_revision} -> {new_revision}, {pairs} pairs of regions")?;
        writeln!(
            f,
            "looked at: now, {samples} of {recorded} recorded minutes, the worst moments of {worst_moments} hours"
        )?;
        for finding in &self.findings {
            writeln!(f, "{finding}")?;
        }
        for lost in self.unreachable.iter().take(SHOWN) {
            let calls = which(&lost.calls);
            writeln!(
                f,
                "error: {} > {}{calls} could not be reached any more: {}",
                lost.from, lost.to, lost.why
            )?;
        }
        more(f, self.unreachable.len())?;
        if self.shifts.is_empty() {
            return writeln!(f, "no call would take another path");
        }
        let moving = self.shifts.iter().filter(|shift| shift.now.is_some()).count();
        writeln!(f, "{moving} would change path now, {} now or in the recorded day:", self.shifts.len())?;
        for shift in self.shifts.iter().take(SHOWN) {
            writeln!(f, "  {shift}")?;
        }
        more(f, self.shifts.len())
    }
}

fn more(f: &mut fmt::Formatter<'_>, count: usize) -> fmt::Result {
    if count > SHOWN { writeln!(f, "  and {} more", count - SHOWN) } else { Ok(()) }
}

impl fmt::Display for Shift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { from, to, calls, now, share, lost_share, delta_r_mean, delta_r_worst, delta_usd_per_gb } =
            self;
        write!(f, "{from} > {to}{}: ", which(calls))?;
        match now {
            Some(step) => write!(f, "{step}")?,
            None => f.write_str("no change now")?,
        }
        write!(f, "; {:.0} % of the day, R {delta_r_mean:+.1}, at worst {delta_r_worst:+.1}", share * 100.0)?;
        if *delta_usd_per_gb != 0.0 {
            write!(f, ", {delta_usd_per_gb:+.3} USD/GB")?;
        }
        if *lost_share > 0.0 {
            write!(f, ", no path in {:.1} % of the day", lost_share * 100.0)?;
        }
        Ok(())
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named =
            |path: &Option<Path>| path.as_ref().map_or("no path".to_owned(), |p| p.detour().to_string());
        write!(f, "{} -> {}", named(&self.old), named(&self.new))
    }
}

fn which(calls: &str) -> String {
    if calls.is_empty() { String::new() } else { format!(" ({calls})") }
}

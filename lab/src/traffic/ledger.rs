//! The book of all calls of a run: what the phones reported, put together by Call-ID.

use std::{
    collections::{BTreeMap, HashMap, HashSet, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use serde::Serialize;
use tokio::sync::watch;

use crate::{
    address::{AddressPlan, FIRST_PHONE},
    pair::Pair,
    phone::{CallReport, PhoneEvent},
};

const RECENT: usize = 4;

/// How many calls there were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CallCounts {
    /// INVITE sent.
    pub placed: u64,
    /// 2xx received.
    pub answered: u64,
    /// Ended otherwise than by BYE and 200: refused, timed out, or not over when the lab ended.
    pub failed: u64,
    /// Requests that phones got within their dialogs, ACK and BYE aside: a call that moves to another path needs none.
    pub asked: u64,
}

/// Set-up times over a run, first INVITE to first 18x, in milliseconds; 0 before the first call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct SetupTimes {
    /// Half of the calls were faster.
    pub p50: f64,
    /// 99 in 100 were faster.
    pub p99: f64,
}

/// A call whose way was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Observation {
    pub(crate) pair: Pair,
    pub(crate) placed_at: Instant,
    /// The regions that it crossed, as its Via stack shows them to the callee.
    pub(crate) path: Vec<String>,
    /// The nodes that it crossed, region and number.
    pub(crate) nodes: Vec<(String, u8)>,
}

/// A call that was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Talk {
    pub(crate) pair: Pair,
    /// One of those that are kept up through the whole run.
    pub(crate) long: bool,
    pub(crate) answered_at: Instant,
    /// None as long as it lasts.
    pub(crate) ended_at: Option<Instant>,
}

pub(crate) struct Ledger {
    plan: AddressPlan,
    /// Number prefix → region.
    prefixes: Vec<(String, String)>,
    book: Mutex<Book>,
    version: watch::Sender<u64>,
}

#[derive(Default)]
struct Book {
    open: HashMap<String, (Pair, Instant)>,
    counts: CallCounts,
    setup_ms: Vec<f64>,
    observations: Vec<Observation>,
    recent: VecDeque<Observation>,
    /// By Call-ID.
    talks: BTreeMap<String, Talk>,
    long: HashSet<String>,
    failures: Vec<String>,
}

impl Ledger {
    pub(crate) fn new(plan: AddressPlan, prefixes: Vec<(String, String)>) -> Self {
        Self { plan, prefixes, book: Mutex::default(), version: watch::Sender::new(0) }
    }

    /// Enters what a phone reports; gives the words for a failure. [`Self::wake`] then tells those who wait.
    pub(crate) fn record(&self, event: PhoneEvent) -> Option<String> {
        match event {
            PhoneEvent::Placed { call_id, from, to, at } => {
                self.placed(call_id, &from, &to, at);
                None
            }
            PhoneEvent::Arrived { call_id, hops } => {
                self.arrived(&call_id, &hops);
                None
            }
            PhoneEvent::Answered { call_id, setup, at } => {
                let mut book = self.book();
                book.counts.answered += 1;
                book.setup_ms.push(setup.as_secs_f64() * 1_000.0);
                if let Some((pair, _)) = book.open.get(&call_id).cloned() {
                    let talk = Talk { pair, long: false, answered_at: at, ended_at: None };
                    book.talks.insert(call_id, talk);
                }
                None
            }
            PhoneEvent::Asked { call_id, method } => {
                let mut book = self.book();
                book.counts.asked += 1;
                let failure = format!("call {call_id}: a phone was sent {method} within its dialog");
                book.failures.push(failure.clone());
                Some(failure)
            }
            PhoneEvent::Ended(report) => self.ended(&report),
        }
    }

    /// Wakes those who wait for entries.
    pub(crate) fn wake(&self) {
        self.version.send_modify(|version| *version += 1);
    }

    pub(crate) fn counts(&self) -> CallCounts {
        self.book().counts
    }

    pub(crate) fn in_progress(&self) -> usize {
        self.book().open.len()
    }

    pub(crate) fn setup_times(&self) -> SetupTimes {
        let mut sorted = self.book().setup_ms.clone();
        sorted.sort_by(f64::total_cmp);
        SetupTimes { p50: quantile(&sorted, 50), p99: quantile(&sorted, 99) }
    }

    /// What was observed after the first `seen` observations.
    pub(crate) fn observations_after(&self, seen: usize) -> Vec<Observation> {
        self.book().observations.get(seen..).unwrap_or_default().to_vec()
    }

    pub(crate) fn recent(&self) -> Vec<Observation> {
        self.book().recent.iter().cloned().collect()
    }

    /// Says of a call that it is kept up through the whole run.
    pub(crate) fn mark_long(&self, call_id: String) {
        self.book().long.insert(call_id);
    }

    /// All calls that were answered, by Call-ID.
    pub(crate) fn talks(&self) -> BTreeMap<String, Talk> {
        let book = self.book();
        let talk = |(call_id, talk): (&String, &Talk)| {
            (call_id.clone(), Talk { long: book.long.contains(call_id), ..talk.clone() })
        };
        book.talks.iter().map(talk).collect()
    }

    pub(crate) fn failures(&self) -> Vec<String> {
        self.book().failures.clone()
    }

    /// A receiver that wakes at every entry.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.version.subscribe()
    }

    /// Counts the calls that are not over as failed: nothing may be left in the air.
    pub(crate) fn close(&self) {
        let mut book = self.book();
        let open = book.open.drain().count();
        if open > 0 {
            book.counts.failed += open as u64;
            book.failures.push(format!("{open} calls were not over when the lab ended"));
        }
    }

    fn placed(&self, call_id: String, from: &str, to: &str, at: Instant) {
        let Some(pair) = self.region_of(from).zip(self.region_of(to)).map(|(from, to)| Pair::new(from, to))
        else {
            return;
        };
        let mut book = self.book();
        book.counts.placed += 1;
        book.open.insert(call_id, (pair, at));
    }

    fn arrived(&self, call_id: &str, hops: &[String]) {
        let mut book = self.book();
        let Some((pair, placed_at)) = book.open.get(call_id).cloned() else { return };
        let places: Vec<_> = hops
            .iter()
            .map(|hop| match hop.parse().ok().and_then(|address| self.plan.locate(address)) {
                Some(place) => (place.region.to_owned(), place.host),
                // A sent-by that is no address of this world: show it as it is.
                None => (hop.clone(), 0),
            })
            .collect();
        let mut path: Vec<String> = places.iter().map(|(region, _)| region.clone()).collect();
        path.dedup();
        let nodes = places.into_iter().filter(|(_, host)| (1..FIRST_PHONE).contains(host)).collect();
        let observation = Observation { pair, placed_at, path, nodes };
        if book.recent.len() == RECENT {
            book.recent.pop_front();
        }
        book.recent.push_back(observation.clone());
        book.observations.push(observation);
    }

    fn ended(&self, report: &CallReport) -> Option<String> {
        let mut book = self.book();
        let (pair, _) = book.open.remove(&report.call_id)?;
        if let Some(talk) = book.talks.get_mut(&report.call_id) {
            talk.ended_at = Some(report.ended_at);
        }
        if report.is_good() {
            return None;
        }
        book.counts.failed += 1;
        let failure = format!("call {pair} ({}): {}", report.call_id, report.end);
        book.failures.push(failure.clone());
        Some(failure)
    }

    fn region_of(&self, number: &str) -> Option<&str> {
        let longest = self.prefixes.iter().filter(|(prefix, _)| number.starts_with(prefix.as_str()));
        longest.max_by_key(|(prefix, _)| prefix.len()).map(|(_, region)| region.as_str())
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The nearest-rank quantile, rounded to a tenth.
fn quantile(sorted: &[f64], percent: usize) -> f64 {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).map_or(0.0, |ms| (ms * 10.0).round() / 10.0)
}

/// For the story: how long a set-up took.
pub(crate) fn ms(duration: Duration) -> String {
    format!("{:.0} ms", duration.as_secs_f64() * 1_000.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        address::{real, seen_from},
        clock,
        phone::CallEnd,
    };

    fn ledger() -> (Ledger, [u8; 3]) {
        let regions = ["w2", "e2", "e1"].map(|name| (name.to_owned(), 1)).to_vec();
        let plan = AddressPlan::claim(regions).unwrap();
        let octets = ["w2", "e2", "e1"].map(|name| plan.octet(name).unwrap());
        let prefixes = vec![("+1503".into(), "w2".into()), ("+1703".into(), "e1".into())];
        (Ledger::new(plan, prefixes), octets)
    }

    fn placed(call_id: &str) -> PhoneEvent {
        let (from, to) = ("+15035550100".into(), "+17035550100".into());
        PhoneEvent::Placed { call_id: call_id.into(), from, to, at: clock::now() }
    }

    fn ended(call_id: &str, end: CallEnd) -> PhoneEvent {
        let call_id = call_id.into();
        let (placed_at, ended_at) = (clock::now(), clock::now());
        PhoneEvent::Ended(CallReport { call_id, placed_at, setup: None, answered: true, ended_at, end })
    }

    #[test]
    fn a_via_stack_becomes_the_path_and_the_nodes() {
        let (ledger, [w2, e2, e1]) = ledger();
        ledger.record(placed("a"));
        let hops = [real(w2, 100), real(w2, 1), real(e2, 1), real(e1, 1)].map(|hop| hop.to_string()).to_vec();
        ledger.record(PhoneEvent::Arrived { call_id: "a".into(), hops });
        let seen = ledger.observations_after(0);
        assert_eq!(seen[0].pair, Pair::new("w2", "e1"));
        assert_eq!(seen[0].path, ["w2", "e2", "e1"]);
        assert_eq!(seen[0].nodes, [("w2".into(), 1), ("e2".into(), 1), ("e1".into(), 1)]);
        assert!(ledger.observations_after(1).is_empty());
    }

    #[test]
    fn a_node_that_shows_its_stand_in_is_known_all_the_same() {
        let (ledger, [w2, e2, _]) = ledger();
        ledger.record(placed("a"));
        ledger.record(PhoneEvent::Arrived {
            call_id: "a".into(),
            hops: vec![seen_from(w2, e2, 1).to_string()],
        });
        assert_eq!(ledger.observations_after(0)[0].path, ["e2"]);
    }

    #[test]
    fn every_call_is_counted_once_and_none_is_left_in_the_air() {
        let (ledger, _) = ledger();
        for call_id in ["good", "bad", "open"] {
            ledger.record(placed(call_id));
        }
        let setup = Duration::from_millis(66);
        ledger.record(PhoneEvent::Answered { call_id: "good".into(), setup, at: clock::now() });
        ledger.mark_long("good".into());
        let (call_id, method) = ("good".into(), "UPDATE".into());
        let asked = ledger.record(PhoneEvent::Asked { call_id, method }).unwrap();
        assert_eq!(asked, "call good: a phone was sent UPDATE within its dialog");
        assert_eq!(ledger.record(ended("good", CallEnd::HungUp)), None);
        let failure = ledger.record(ended("bad", CallEnd::ByeTimeout)).unwrap();
        assert_eq!(failure, "call w2 > e1 (bad): BYE got no answer (timer F)");
        assert_eq!(ledger.in_progress(), 1);
        let talks = ledger.talks();
        assert_eq!(talks.keys().collect::<Vec<_>>(), ["good"], "only one was answered");
        assert!(talks["good"].long && talks["good"].ended_at.is_some());
        ledger.close();
        assert_eq!(ledger.counts(), CallCounts { placed: 3, answered: 1, failed: 2, asked: 1 });
        assert_eq!(ledger.failures(), [asked, failure, "1 calls were not over when the lab ended".into()]);
        assert_eq!(ledger.setup_times(), SetupTimes { p50: 66.0, p99: 66.0 });
    }

    #[test]
    fn quantiles_are_calls_that_were_made() {
        let sorted: Vec<f64> = (1..=200).map(f64::from).collect();
        assert_eq!((quantile(&sorted, 50), quantile(&sorted, 99)), (100.0, 198.0));
        assert_eq!(quantile(&[], 50), 0.0);
    }
}

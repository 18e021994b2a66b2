//! The hedge of DESIGN §4, by the thousand: set-ups through loss and into a black hole, beside the same ones in fair
//! weather. Every world prints its seed when it fails.

#![expect(clippy::unwrap_used, reason = "the simulated world is test code, though it is no test")]

mod world;

use ringway_proxy::core::view::View;
use std::{sync::Arc, time::Duration};
use world::{
    Manner, Survey, World,
    place::{
        Place::{Oregon, Virginia},
        views,
    },
};

const CALLS_A_WORLD: u64 = 250;
/// Oregon to Virginia and back.
const RTT: Duration = Duration::from_millis(64);
/// Direct comes first whatever it loses, so that nothing but the hedge helps.
const DIRECT_FIRST: &str = "revision = 1\n[[rule]]\nprefer = [\"direct\"]\nprefer_r = 100\n";

/// What became of many calls.
struct Setups {
    placed: usize,
    /// From INVITE to 200, sorted.
    took: Vec<Duration>,
    /// INVITEs that set out from the ingress, for one call.
    invites: f64,
}

impl Setups {
    fn percentile(&self, percent: usize) -> Duration {
        self.took[(self.took.len() * percent).div_ceil(100) - 1]
    }

    fn share(&self) -> f64 {
        self.took.len() as f64 / self.placed as f64
    }

    fn print(&self, title: &str) {
        let [p50, p99] = [50, 99].map(|percent| self.percentile(percent).as_millis());
        let (share, invites) = (100.0 * self.share(), self.invites);
        println!(
            "{title}: {share:.3} % of {} set up, p50 {p50} ms, p99 {p99} ms, {invites:.2} INVITEs a call",
            self.placed
        );
    }
}

/// Calls from Oregon to Virginia while that link is as `spoil` makes it; fifty a second.
fn set_up(worlds: u64, views: &[Arc<View>; 4], spoil: impl Fn(&mut World)) -> Setups {
    let (mut took, mut placed, mut invites) = (Vec::new(), 0, 0);
    for seed in 1..=worlds {
        let mut world = World::with_views(seed, views.clone()).with_phones(Manner::default());
        spoil(&mut world);
        for n in 0..CALLS_A_WORLD {
            world.call(&format!("c{n}"));
            world.run_ms(20);
        }
        world.settle();
        let rung = world.callees[0].rung.values();
        let mut rung: Vec<&str> = rung.map(|rung| rung.invite.one("Call-ID")).collect();
        rung.sort_unstable();
        assert!(
            rung.windows(2).all(|pair| pair[0] != pair[1]),
            "seed {seed}: a callee rang twice for one call"
        );
        let calls = world.callers[0].calls.values();
        let answered = calls.filter(|call| call.finals.first() == Some(&200));
        took.extend(answered.map(|call| call.answered_at.unwrap() - call.placed_at));
        placed += world.callers[0].calls.len();
        invites += world.paths().len();
        world.assert_drained();
    }
    took.sort_unstable();
    Setups { placed, took, invites: invites as f64 / placed as f64 }
}

fn lose_three_in_ten(world: &mut World) {
    world.weather(Oregon, Virginia, |way| way.loss = 0.3);
}

#[test]
fn thirty_percent_loss_each_way_costs_no_call_and_hardly_any_time() {
    let fair = set_up(4, &views(&Survey::fair(), &[]), |_| ());
    fair.print("fair weather");
    let survey = Survey::fair().lossy(Oregon, Virginia).policy(DIRECT_FIRST);
    let lossy = set_up(80, &views(&survey, &[]), lose_three_in_ten);
    lossy.print("30 % lost each way, and measured");
    assert!(lossy.placed >= 20_000 && lossy.share() >= 0.999_9);
    let added = lossy.percentile(99).saturating_sub(fair.percentile(99));
    assert!(added <= RTT + Duration::from_millis(150), "p99 grew by {added:?}");
    assert!(lossy.invites <= 2.1, "one copy each");
}

/// The first seconds, in which the mesh does not know of the loss yet: no call is lost, but a 200 that is lost on the
/// only path it had comes again after T1.
#[test]
fn loss_that_nobody_has_measured_yet_costs_no_call_either() {
    let unknown = set_up(20, &views(&Survey::fair(), &[]), lose_three_in_ten);
    unknown.print("30 % lost each way, not measured");
    assert!(unknown.share() >= 0.999_9);
}

#[test]
fn into_a_black_hole_calls_are_set_up_within_a_second() {
    let hole = set_up(8, &views(&Survey::fair(), &[]), |world| world.cut(Oregon, Virginia));
    hole.print("direct is a black hole");
    assert_eq!(hole.took.len(), hole.placed);
    assert!(hole.percentile(99) <= Duration::from_secs(1));
}

#[test]
fn in_fair_weather_nothing_is_sent_twice() {
    let fair = set_up(4, &views(&Survey::fair(), &[]), |_| ());
    assert!((fair.invites - 1.0).abs() < f64::EPSILON, "{} INVITEs a call", fair.invites);
}

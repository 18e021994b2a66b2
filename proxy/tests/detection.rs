//! How soon trouble on a link is known where calls set out, and how often there is none: sessions, reflectors and a
//! modeled network in virtual time. Every test prints its seed and the quantiles.
//!
//! Time is counted from the moment at which the first answer that is missing should have been here, because nobody can
//! know earlier: that is one round trip after the cut, and up to one pause more. `RINGWAY_LINK_DAYS` sets how many days
//! the quiet links are watched (one unless told otherwise).

mod network;

use network::{Network, Weather};
use ringway_router::{
    Cause, HopCounts,
    measure::{Evidence, Passive},
};
use std::time::Duration;

const SEED: u64 = 0x5eed_0004;
const CARRYING: Duration = Duration::from_millis(20);
/// What a detector that learns how many misses are usual has seen before it is put to the test.
const HISTORY: Duration = Duration::from_secs(600);
const IDLE: Duration = Duration::from_millis(250);

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}

fn quantile(sorted: &[f64], percent: usize) -> f64 {
    sorted[(sorted.len() * percent).div_ceil(100).saturating_sub(1)]
}

/// Prints p50, p95, p99 and the greatest; gives p50 and p99.
fn show(what: &str, mut times: Vec<f64>) -> (f64, f64) {
    times.sort_unstable_by(f64::total_cmp);
    let [p50, p95, p99] = [50, 95, 99].map(|percent| quantile(&times, percent));
    println!(
        "{what}: {} runs, seed {SEED:#x}: p50 {p50:.1} ms, p95 {p95:.1} ms, p99 {p99:.1} ms, max {:.1} ms",
        times.len(),
        quantile(&times, 100)
    );
    (p50, p99)
}

/// A way that was watched for a while.
fn quiet(seed: u64, pause: Duration, weather: Weather) -> Network {
    let mut network = Network::new(seed, pause, weather);
    network.run(Duration::from_secs(60));
    network
}

/// Where losses come in spells of 30 ms on average, a cut of 60 ms happens every few minutes by itself: who is not to
/// cry wolf once a day has to wait longer there.
#[test]
fn a_hard_cut_is_known_within_80_ms_of_the_first_missing_answer() {
    for (what, background, limit_p50, limit_p99) in [
        ("hard cut, independent loss of 0.1 %", Weather::fair().with_loss(0.001), 80.0, 150.0),
        ("hard cut, loss of 0.1 % in bursts of 30 ms", Weather::fair().with_bursts(0.001), 280.0, 400.0),
    ] {
        let mut times = Vec::new();
        let mut from_cut = Vec::new();
        for run in 0..150 {
            let mut network = quiet(SEED + run, CARRYING, background);
            network.run(HISTORY);
            if !network.is_up() {
                continue;
            }
            let cut = network.now();
            network.weather_there(Weather { cut: true, ..background });
            network.weather_back(Weather { cut: true, ..background });
            network.run_while(Duration::from_secs(5), Network::is_up);
            let first_due = network.first_missing(cut).unwrap();
            times.push(ms(network.now().since(first_due)));
            from_cut.push(ms(network.now().since(cut)));
        }
        show(&format!("{what}, from the cut itself"), from_cut);
        let (p50, p99) = show(what, times);
        assert!(p50 <= limit_p50 && p99 <= limit_p99);
    }
}

#[test]
fn a_cut_of_one_direction_takes_the_link_down_at_both_ends() {
    let fair = Weather::fair();
    // The same cut, seen from one end as the way there and from the other as the way back.
    let mut here = quiet(SEED, CARRYING, fair);
    let mut there = quiet(SEED + 1, CARRYING, fair);
    here.weather_there(Weather { cut: true, ..fair });
    there.weather_back(Weather { cut: true, ..fair });
    for network in [&mut here, &mut there] {
        network.run(Duration::from_millis(400));
        assert!(!network.is_up());
    }
}

#[test]
fn on_an_idle_link_a_burst_confirms_a_cut() {
    let mut times = Vec::new();
    for run in 0..200 {
        let fair = Weather::fair().with_loss(0.001);
        let mut network = quiet(SEED + run, IDLE, fair);
        let cut = network.now();
        network.weather_there(Weather { cut: true, ..fair });
        network.run_while(Duration::from_secs(5), Network::is_up);
        let first_due = network.first_missing(cut).unwrap();
        times.push(ms(network.now().since(first_due)));
    }
    let (_, p99) = show("hard cut of an idle link", times);
    assert!(p99 <= 400.0);
}

#[test]
fn a_brownout_of_5_percent_is_known_within_2_5_s_by_one_call_and_half_a_second_by_ten() {
    let fair = Weather::fair().with_loss(0.001);
    let brownout = Weather::fair().with_loss(0.05);
    let mut by_probes = Vec::new();
    for run in 0..300 {
        let mut network = quiet(SEED + run, CARRYING, fair);
        let began = network.now();
        network.weather_there(brownout);
        network.run_while(Duration::from_secs(60), |network| !network.estimate().brownout);
        by_probes.push(ms(network.now().since(began)));
    }
    let (p50, _) = show("5 % brownout, probes of 50 a second", by_probes);
    assert!(p50 <= 2_500.0);

    for (calls, limit) in [(1, 2_500.0), (10, 500.0)] {
        let mut times = Vec::new();
        for run in 0..300 {
            let mut network = quiet(SEED + run, CARRYING, fair);
            let began = network.now();
            network.weather_there(brownout);
            network.carry(50 * calls);
            network.run_while(Duration::from_secs(60), |network| !network.estimate().brownout);
            times.push(ms(network.now().since(began)));
        }
        let (p50, _) = show(&format!("5 % brownout, tunnels of {calls} calls and probes"), times);
        assert!(p50 <= limit);
    }
}

#[test]
fn a_quiet_link_cries_wolf_once_a_day_at_most() {
    let days: u64 = std::env::var("RINGWAY_LINK_DAYS").ok().and_then(|days| days.parse().ok()).unwrap_or(1);
    for (what, weather) in [
        ("independent loss of 0.1 %", Weather::fair().with_loss(0.001)),
        ("loss of 0.1 % in bursts of 30 ms", Weather::fair().with_bursts(0.001)),
    ] {
        let (mut falls, mut steps, mut moves, mut enough) = (0, 0, 0, 0);
        for day in 0..days {
            let mut network = quiet(SEED + day, CARRYING, weather);
            let (a, b, c) = network.count_alarms(Duration::from_secs(86_400));
            (falls, steps, moves) = (falls + a, steps + b, moves + c);
            enough = network.misses_enough();
        }
        println!(
            "{what}: {days} days of a link, seed {SEED:#x}: {falls} falls, {steps} brownouts, {moves} moves of the lane; \
             {enough} misses take it down in the end"
        );
        assert!(falls + steps <= days, "{what}");
    }
}

#[test]
fn a_black_lane_moves_the_traffic_and_the_link_stays_up() {
    let mut times = Vec::new();
    for run in 0..200 {
        let mut network = quiet(SEED + run, CARRYING, Weather::fair().with_loss(0.001));
        let lane = network.lane();
        let began = network.now();
        network.black_lane(lane);
        let up = network.run_while(Duration::from_secs(5), |network| {
            assert!(network.is_up(), "the link is up");
            network.lane() == lane
        });
        assert!(up, "it moves");
        let first_due = network.first_missing_on(lane, began).unwrap();
        times.push(ms(network.now().since(first_due)));
        network.run(Duration::from_secs(5));
        assert!(network.is_up() && network.lane() != lane);
        assert!(network.estimate().loss < 0.02, "the loss of a lane nobody takes is not the link's");
    }
    let (_, p99) = show("one lane black, traffic moved", times);
    assert!(p99 <= 150.0);
}

#[test]
fn a_step_in_delay_shows_at_once_and_a_late_answer_is_no_loss() {
    let mut times = Vec::new();
    for run in 0..200 {
        let fair = Weather::fair();
        let mut network = quiet(SEED + run, CARRYING, fair);
        let began = network.now();
        network.weather_there(Weather { delay: fair.delay + Duration::from_millis(80), ..fair });
        network.run_while(Duration::from_secs(5), |network| network.estimate().rtt_ms < 130.0);
        times.push(ms(network.now().since(began)));
        network.run(Duration::from_secs(5));
        let estimate = network.estimate();
        assert!(estimate.up && estimate.loss == 0.0 && estimate.loss_back == 0.0, "{estimate:?}");
        // A spike of one packet, or of three, is no news.
        let before = estimate.rtt_p95_ms;
        network.delay_next(3, Duration::from_millis(400));
        network.run(Duration::from_secs(1));
        let after = network.estimate();
        assert!(after.up && after.loss == 0.0 && after.rtt_p95_ms < before + 12.0, "{before}: {after:?}");
    }
    let (_, p99) = show("80 ms more delay, from the step itself", times);
    assert!(p99 <= 800.0);
}

#[test]
fn a_slow_server_on_a_clean_network_is_the_servers_fault() {
    let network = quiet(SEED, CARRYING, Weather::fair());
    let way = network.estimate();
    let evidence = |sip| Evidence {
        up: way.up,
        loss: way.loss,
        brownout: way.brownout,
        rtt_ms: way.rtt_ms,
        slower_ms: way.slower_ms,
        tunnel_loss: way.tunnel_loss,
        sip,
    };
    let well = HopCounts { requests: 40, answers: 40, first_answer_ms: 70.0, ..HopCounts::default() };
    assert_eq!(evidence(well).cause(), Cause::None);
    let slow = HopCounts { first_answer_ms: 800.0, retransmissions: 30, answers: 20, timeouts: 9, ..well };
    assert_eq!((evidence(slow).cause(), way.loss), (Cause::Server, 0.0));
    assert_eq!(evidence(HopCounts { unavailable: 10, ..well }).cause(), Cause::Server);
}

#[test]
fn tunnels_outweigh_probes() {
    let mut network = quiet(SEED, CARRYING, Weather::fair());
    for _ in 0..20 {
        network.run(Duration::from_millis(100));
        network.on_passive(Passive { sent: 50, lost: 5, gaps: 5 });
    }
    let estimate = network.estimate();
    assert!((0.08..=0.11).contains(&estimate.loss), "10 % of the traffic, whatever probes say: {estimate:?}");
}

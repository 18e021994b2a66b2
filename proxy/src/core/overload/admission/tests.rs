use super::*;
use proptest::prelude::*;

#[expect(clippy::disallowed_methods, reason = "some origin; only differences to it matter")]
fn origin() -> Instant {
    Instant::now()
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn shedding(share: f64, before: Duration) -> Admission {
    Admission { share, before, ..Admission::new(ms(20)) }
}

#[test]
fn every_pair_of_state_and_input() {
    // The share, the wait of the interval before and of this one, and the share after it.
    let rows = [
        (0.0, 0, 20, 0.0),
        (0.0, 0, 21, 0.3 * 21.0 / 80.0),
        (0.0, 0, 500, 0.3),
        (0.5, 100, 120, 0.65),
        (0.5, 100, 80, 0.5),
        (0.5, 100, 20, 0.45),
        (0.5, 0, 0, 0.45),
        (0.011, 0, 0, 0.0),
        (0.98, 100, 900, 0.98),
    ];
    for (row, (share, before, least, want)) in rows.into_iter().enumerate() {
        let mut admission = shedding(share, ms(before));
        admission.turn(ms(least));
        assert!((admission.share() - want).abs() < 1e-9, "row {row}: {}", admission.share());
    }
}

#[test]
fn a_queue_that_empties_at_times_is_no_overload() {
    let (now, mut admission) = (origin(), Admission::new(ms(20)));
    for n in 0..1_000 {
        admission.note(now + ms(10 * n), if n % 15 == 0 { ms(1) } else { ms(300) });
    }
    assert!(admission.share() == 0.0);
}

#[test]
fn only_what_is_new_is_refused_and_those_who_were_told_last() {
    let refused = |priority, told, waited| {
        let mut admission = shedding(0.5, ms(waited));
        (0..100).filter(|_| admission.refuses(priority, told)).count()
    };
    assert_eq!(refused(Priority::New, false, 50), 50);
    assert_eq!(refused(Priority::New, true, 50), 0);
    assert_eq!(refused(Priority::New, true, 200), 50, "they do not do what they were told");
    assert_eq!(refused(Priority::Begun, false, 5_000), 0);
    assert_eq!(refused(Priority::Emergency, false, 5_000), 0);
}

/// A server that can treat 1,000 new requests a second is offered `offered`, for `seconds`: the share at the end, the
/// longest and the last wait, in ms, and how much of its time it was busy.
fn serve(admission: &mut Admission, now: &mut Instant, offered: f64, seconds: u64) -> (f64, f64, f64, f64) {
    let (mut queue, mut longest, mut done, mut arrived): (f64, f64, f64, f64) = (0.0, 0.0, 0.0, 0.0);
    for _ in 0..seconds * 1_000 {
        *now += ms(1);
        admission.note(*now, Duration::from_secs_f64(queue / 1_000.0));
        arrived += offered / 1_000.0;
        while arrived >= 1.0 {
            arrived -= 1.0;
            // A refusal costs a tenth.
            queue += if admission.refuses(Priority::New, false) { 0.1 } else { 1.0 };
        }
        done += queue.min(1.0);
        queue = (queue - 1.0).max(0.0);
        longest = longest.max(queue);
    }
    (admission.share(), longest, queue, done / (seconds as f64 * 1_000.0))
}

#[test]
fn three_times_the_load_waits_for_a_moment_and_then_no_longer() {
    let (mut now, mut admission) = (origin(), Admission::new(ms(20)));
    let (share, longest, _, _) = serve(&mut admission, &mut now, 3_000.0, 5);
    println!("onset: share {share:.2}, longest wait {longest:.0} ms");
    assert!(longest < 2_000.0);
    let (share, longest, last, busy) = serve(&mut admission, &mut now, 3_000.0, 20);
    println!("steady: share {share:.2}, longest wait {longest:.0} ms, last {last:.0} ms, busy {busy:.3}");
    assert!(longest < 400.0 && busy > 0.95);
    let (share, ..) = serve(&mut admission, &mut now, 500.0, 10);
    assert!(share == 0.0, "it ends with the load: {share}");
}

#[test]
fn below_capacity_nothing_is_refused() {
    let (mut now, mut admission) = (origin(), Admission::new(ms(20)));
    let (share, ..) = serve(&mut admission, &mut now, 900.0, 30);
    assert!(share == 0.0);
}

proptest! {
    #[test]
    fn the_share_is_between_nothing_and_all(waits in prop::collection::vec((0_u64..3_000, 0_u64..100_000), 0..300)) {
        let (mut now, mut admission) = (origin(), Admission::new(ms(20)));
        for (pause, waited) in waits {
            now += ms(pause);
            admission.note(now, ms(waited));
            prop_assert!((0.0..=SHARE_MAX).contains(&admission.share()));
        }
    }
}

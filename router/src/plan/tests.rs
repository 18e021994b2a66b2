//! Plans over a recorded day of four regions: what moves, how often, what it costs, and who is cut off.

use super::*;
use crate::Reading;

const REGIONS: [&str; 4] = ["us-east-1", "us-east-2", "us-west-1", "us-west-2"];
/// 24 November 2026, 10:00 UTC, a Tuesday.
const TUESDAY_US: u64 = 1_795_514_400_000_000;

fn region(name: &str) -> Region {
    name.parse().unwrap()
}

/// One-way delays of the four regions of the AWS whitepaper, ms.
fn delay_ms(a: &str, b: &str) -> f32 {
    match (a.min(b), a.max(b)) {
        ("us-east-1", "us-east-2") => 8.0,
        ("us-east-1", "us-west-1" | "us-west-2") => 32.0,
        ("us-east-2", "us-west-1") => 26.0,
        ("us-east-2", "us-west-2") => 25.0,
        _ => 11.0,
    }
}

/// All links, and this share lost from us-west-2 to us-east-1.
fn links(loss: f32) -> Vec<(Region, Region, Reading)> {
    let pairs = REGIONS.iter().flat_map(|a| REGIONS.iter().map(move |b| (*a, *b))).filter(|(a, b)| a != b);
    pairs
        .map(|(a, b)| {
            let loss = if (a, b) == ("us-west-2", "us-east-1") { loss } else { 0.0 };
            (region(a), region(b), Reading { up: true, delay_ms: delay_ms(a, b), jitter_ms: 1.0, loss })
        })
        .collect()
}

/// A day that ends on Tuesday at 10:00, with six lossy hours that end at 06:00.
fn basis(policy: &str, loss_now: f32) -> Basis {
    let mut history = History::default();
    for minute in 0..1_440_u64 {
        let at = Time::from_micros(TUESDAY_US - (1_440 - minute) * 60_000_000);
        let loss = if (840..1_200).contains(&minute) { 0.2 } else { 0.0 };
        let links = links(loss);
        history.note(at, links.iter().map(|(from, to, reading)| (from, to, *reading)));
    }
    let policy = if policy.is_empty() { Policy::empty() } else { Policy::parse(policy).unwrap() };
    Basis {
        policy: Arc::new(policy),
        overrides: Vec::new(),
        settings: Settings::default(),
        regions: REGIONS.iter().map(|name| region(name)).collect(),
        now: Sample { at: Time::from_micros(TUESDAY_US), links: links(loss_now) },
        history: Arc::new(history),
    }
}

fn plan(basis: &Basis, rules: &str) -> Plan {
    basis.plan(&Policy::parse(&format!("revision = 2\n{rules}")).unwrap())
}

#[test]
fn a_policy_that_says_the_same_changes_nothing() {
    let old = "revision = 1\n[[rule]]\nforbid = [\"us-east-2\"]";
    let plan = plan(&basis(old, 0.2), "[[rule]]\nname = \"another name\"\nforbid = [\"us-east-2\"]");
    assert_eq!((plan.shifts.len(), plan.has_errors()), (0, false));
    assert!(plan.to_string().ends_with("no call would take another path\n"), "{plan}");
}

#[test]
fn what_moves_is_counted_over_the_day_and_now() {
    let keep_out = "[[rule]]\nname = \"keep out of Ohio\"\navoid = [\"us-east-2\"]";
    let plan = plan(&basis("", 0.0), keep_out);
    assert_eq!((plan.recorded, plan.pairs), (1_440, 12));
    assert_eq!(plan.samples, 1_440, "four regions are cheap: every minute is looked at");
    let [shift] = &plan.shifts[..] else { panic!("{plan}") };
    assert_eq!((shift.from.as_str(), shift.to.as_str()), ("us-west-2", "us-east-1"));
    assert_eq!((&shift.now, shift.share), (&None, 0.25), "only in the six lossy hours");
    // Over California it is 10 ms longer: no difference that anyone hears.
    assert!(shift.delta_r_mean > -0.5 && shift.delta_r_worst < 0.0, "{shift:?}");
    let lossy = self::plan(&basis("", 0.2), keep_out);
    let step = lossy.shifts[0].now.as_ref().unwrap();
    assert_eq!(step.to_string(), "via us-east-2 -> via us-west-1");
}

#[test]
fn a_plan_reads_like_this() {
    let plan = plan(
        &basis("", 0.2),
        "[[cost]]\nusd_per_gb = 0.02\n[[rule]]\nname = \"direct\"\nmatch = { from = \"us-west-2\", tenant = \"acme\" }\n\
         max_relays = 0",
    );
    assert_eq!(
        plan.to_string(),
        "revision 0 -> 2, 12 pairs of regions\n\
         looked at: now, 1440 of 1440 recorded minutes, the worst moments of 6 hours\n\
         1 would change path now, 1 now or in the recorded day:\n  \
         us-west-2 > us-east-1 (tenant acme): via us-east-2 -> direct; 25 % of the day, R -42.1, at worst -42.1, \
         -0.020 USD/GB\n"
    );
}

#[test]
fn who_could_not_be_reached_any_more_is_an_error_that_names_the_rule() {
    let plan = plan(
        &basis("", 0.0),
        "[[rule]]\nname = \"cut\"\nmatch = { to = \"us-east-1\" }\nforbid = [\"direct\", \"*\"]",
    );
    let lost: Vec<String> =
        plan.unreachable.iter().map(|lost| format!("{} {}", lost.from, lost.why)).collect();
    assert_eq!(plan.unreachable.len(), 3);
    assert!(plan.has_errors() && lost.iter().all(|lost| lost.contains("\"cut\"")), "{lost:?}");
    assert!(
        plan.to_string().contains("error: us-west-2 > us-east-1 could not be reached any more: "),
        "{plan}"
    );
    assert!(plan.shifts.iter().all(|shift| shift.lost_share == 1.0), "{plan}");
    // Who was cut off before is no news.
    let old = "revision = 1\n[[rule]]\nmatch = { to = \"us-east-1\" }\nforbid = [\"direct\", \"*\"]";
    assert!(
        !self::plan(
            &basis(old, 0.0),
            "[[rule]]\nmatch = { to = \"us-east-1\" }\nforbid = [\"direct\", \"*\"]\nmax_relays = 1"
        )
        .has_errors()
    );
}

#[test]
fn a_pair_that_only_the_network_of_this_moment_needs_a_detour_for_is_not_forgotten() {
    let mut basis = basis("", 0.0);
    for (from, to, reading) in &mut basis.now.links {
        reading.up = (from.as_str(), to.as_str()) != ("us-west-2", "us-east-1");
    }
    let plan = plan(&basis, "[[rule]]\nname = \"straight\"\nmax_relays = 0");
    let [lost] = &plan.unreachable[..] else { panic!("{plan}") };
    assert_eq!(lost.why, "policy allows 0 relays at most (\"straight\")");
}

#[test]
fn rules_are_tried_at_the_hours_at_which_they_would_hold() {
    // The lossy hours are 00:00 to 06:00; half of them are meant.
    let night = "[[rule]]\nmatch = { when = { from = \"03:00\", to = \"09:00\" } }\nforbid = [\"us-east-2\"]";
    let plan = plan(&basis("", 0.0), night);
    let [shift] = &plan.shifts[..] else { panic!("{plan}") };
    assert_eq!(shift.share, 0.125);
    // What begins tomorrow has no part in today, but in the day to come.
    let tomorrow = "[[rule]]\nmatch = { when = { after = 2026-11-25T03:00:00Z } }\nforbid = [\"us-east-2\"]";
    assert_eq!(self::plan(&basis("", 0.0), tomorrow).shifts[0].share, 0.125);
}

#[test]
fn doubts_about_the_document_stand_in_its_plan() {
    let plan = plan(
        &basis("", 0.0),
        "[[rule]]\nname = \"p\"\nmatch = { from = \"us-west-2\" }\npin = [\"us-mars-1\"]",
    );
    assert!(plan.has_errors());
    assert!(plan.to_string().contains("error: \"p\": pin \"us-mars-1\" fits no known region"), "{plan}");
}

#[test]
fn without_a_record_there_is_still_a_plan_for_now() {
    let basis = Basis { history: Arc::default(), ..basis("", 0.2) };
    let plan = plan(&basis, "[[rule]]\nforbid = [\"us-east-2\"]");
    assert_eq!((plan.recorded, plan.samples, plan.shifts.len()), (0, 0, 1));
    assert_eq!(plan.shifts[0].share, 0.0);
}

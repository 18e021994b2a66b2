//! Several nodes and their streams in virtual time, with real certificates and signatures.

mod world;

use super::*;
use crate::location::{Change, Contacts, Wish};
use world::World;

const HOUR_S: u32 = 3_600;

fn change(aor: &str, contact: &str, cseq: u32, expires_s: u32) -> Change {
    let wish = Wish { contact: contact.into(), instance: None, reg_id: None, q: 1000, expires_s };
    let contacts = Contacts::Set(vec![wish]);
    Change { aor: aor.into(), call_id: "c".into(), cseq, path: Vec::new(), contacts }
}

#[test]
fn an_announcement_reaches_everybody_once_and_then_all_is_quiet() {
    let mut world = World::new("quiet", &["east/1", "east/2", "west/1", "north/1"]);
    world.connect_all();
    world.register(0, &change("sip:a@h", "sip:a@1", 1, HOUR_S));
    world.settle();
    assert_eq!(world.contacts("sip:a@h"), [["sip:a@1"]; 4]);
    // From the origin to each of three, and from each of these to the two others that may not have it.
    assert_eq!(world.carried, 3 + 3 * 2);
    world.wait(DIGEST_EVERY);
    let digests = 2 * 12;
    assert_eq!(world.carried, 9 + digests, "who agrees says no more than that");
}

#[test]
fn a_third_node_passes_on_what_it_cannot_change() {
    let mut world = World::new("line", &["east/1", "west/1", "north/1", "south/1"]);
    (0..3).for_each(|n| world.connect(n, n + 1));
    world.register(0, &change("sip:a@h", "sip:a@1", 1, HOUR_S));
    world.settle();
    assert_eq!(world.contacts("sip:a@h"), [["sip:a@1"]; 4]);
    world.register(0, &change("sip:a@h", "sip:a@1", 2, 0));
    world.settle();
    assert_eq!(world.contacts("sip:a@h"), [[""; 0]; 4]);
    assert_eq!(world.refused, [""; 0]);
}

#[test]
fn what_was_lost_is_found_by_the_digests() {
    for seed in 0..12 {
        let mut world = World::new("loss", &["east/1", "east/2", "west/1", "north/1"]);
        world.connect_all();
        world.lose_half(seed);
        for n in 0..60_u32 {
            let who = world.chance.usize(..4);
            let aor = format!("sip:{}@h", world.chance.u32(..8));
            let contact = format!("sip:a@{}.h", world.chance.u32(..3));
            let expires_s = [0, 60, HOUR_S][world.chance.usize(..3)];
            world.register(who, &change(&aor, &contact, n + 1, expires_s));
            world.settle();
        }
        world.lose_nothing();
        world.wait(DIGEST_EVERY * 3);
        let digests: Vec<_> = world.nodes.iter().map(|node| node.directory.digest()).collect();
        assert!(digests.iter().all(|digest| *digest == digests[0]), "seed {seed}: the nodes differ");
        assert_ne!(digests[0], [0; 256], "seed {seed}: they agree on nothing");
        assert_eq!(world.refused, [""; 0], "seed {seed}");
    }
}

#[test]
fn who_comes_back_empty_gets_everything_back_and_its_own_as_well() {
    let mut world = World::new("restart", &["east/1", "east/2", "west/1"]);
    world.connect_all();
    for n in 0..1_500 {
        world.register(n % 3, &change(&format!("sip:{n}@h"), "sip:a@1", 5, HOUR_S));
    }
    world.settle();
    let before = world.nodes[0].directory.digest();
    world.restart(0);
    assert!(world.nodes[0].directory.is_empty());
    world.connect(0, 1);
    world.connect(0, 2);
    world.wait(Duration::from_secs(1));
    assert_eq!(world.nodes[0].directory.digest(), before);
    assert!(world.records_max <= RECORDS_MAX && world.questions_max == 1, "{}", world.records_max);
    // It knows the order of what its clients said before: an overtaken REGISTER changes nothing.
    let late = world.nodes[0].directory.register(&change("sip:0@h", "sip:a@1", 4, 0), world.unix_us());
    assert_eq!(late, Err(crate::location::Refused::OutOfOrder));
    world.register(0, &change("sip:0@h", "sip:a@1", 6, 0));
    world.settle();
    assert_eq!(world.contacts("sip:0@h"), [[""; 0]; 3]);
    assert_eq!(world.refused, [""; 0]);
}

#[test]
fn frames_stay_small_whatever_is_in_them() {
    let mut world = World::new("large", &["east/1", "west/1"]);
    let contact = format!("sip:{}@h", "a".repeat(crate::location::BINDING_BYTES_MAX - 20));
    // More than a frame holds, first of one bucket and as an answer, then of any and announced at once.
    let of_one_bucket: Vec<Change> =
        world.aors_of_a_bucket(60).iter().map(|aor| change(aor, &contact, 1, HOUR_S)).collect();
    world.register_all(0, &of_one_bucket);
    world.settle();
    world.connect(0, 1);
    world.wait(Duration::from_secs(1));
    let any: Vec<Change> = (0..100).map(|n| change(&format!("sip:any{n}@h"), &contact, 1, HOUR_S)).collect();
    world.register_all(0, &any);
    world.settle();
    assert_eq!(world.nodes[1].directory.digest(), world.nodes[0].directory.digest());
    let limits = BYTES_MAX / 2..=BYTES_MAX + 8_192;
    assert!(limits.contains(&world.bytes_max), "{}", world.bytes_max);
}

#[test]
fn who_speaks_for_others_is_refused_and_not_passed_on() {
    let mut world = World::new("hostile", &["east/1", "west/1", "north/1"]);
    world.connect(0, 1);
    world.connect(1, 2);
    let at = world.moment();
    let good = world.binding(0, "sip:a@h", "sip:a@1");
    let west = world.nodes[1].own.clone();
    let signed_by =
        |world: &World, n: usize, binding: &Binding| seal(binding, &world.nodes[n].identity).unwrap();
    let as_west = Binding { region: west.region.clone(), node: west, ..good.clone() };
    let mut changed = signed_by(&world, 0, &good);
    changed.binding = convert::binding::encode(&Binding { cseq: 9, ..good.clone() });
    let bare = convert::binding::encode(&good);
    let bare = Sealed { signature: world.nodes[0].identity.sign(&bare).unwrap(), binding: bare };
    let stranger = NodeId { node: "9".parse().unwrap(), ..good.node.clone() };
    let harmful = Binding { contact: "sip:a@1\r\nRoute: <sip:x>".into(), ..good.clone() };
    let eternal = Binding { expires_unix_ms: at.unix_ms + 100_000_000_000, ..good.clone() };
    for (sealed, label) in [
        (signed_by(&world, 0, &as_west), "forged"),
        (changed, "forged"),
        (bare, "forged"),
        (signed_by(&world, 0, &Binding { node: stranger, ..good.clone() }), "not_introduced"),
        (signed_by(&world, 0, &harmful), "unfit_binding"),
        (signed_by(&world, 0, &eternal), "unfit_binding"),
        (Sealed { binding: vec![0xff], signature: Vec::new() }, "unreadable"),
    ] {
        world.say(0, 1, Word::Records { records: vec![Arc::new(sealed)], answer: None });
        world.settle();
        assert_eq!(std::mem::take(&mut world.refused), [label]);
    }
    assert!(world.nodes.iter().all(|node| node.directory.is_empty()));
    let sealed = Arc::new(signed_by(&world, 0, &good));
    let many = vec![Arc::clone(&sealed); RECORDS_MAX + 1];
    world.say(0, 1, Word::Records { records: many, answer: None });
    world.settle();
    assert_eq!(std::mem::take(&mut world.refused), ["too_many"]);
    assert!(world.nodes.iter().all(|node| node.directory.is_empty()));
    world.say(0, 1, Word::Records { records: vec![sealed], answer: None });
    world.settle();
    assert!(!world.nodes[2].directory.is_empty(), "what is right is passed on");
}

#[test]
fn a_full_directory_does_not_ask_for_more() {
    let mut world = World::new("full", &["east/1", "west/1"]);
    for n in 0..20 {
        world.register(0, &change(&format!("sip:{n}@h"), "sip:a@1", 1, HOUR_S));
    }
    world.settle();
    world.nodes[1].shrink(5);
    world.connect(0, 1);
    world.wait(DIGEST_EVERY);
    let carried = world.carried;
    assert!(world.refused.iter().all(|label| label == "directory_full"), "{:?}", world.refused);
    world.wait(DIGEST_EVERY);
    assert_eq!(world.carried, carried + 2, "a digest each way, and no question");
}

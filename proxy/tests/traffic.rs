//! Whose call it is, and of which class: said by the SBC or the configuration, carried from edge to edge, recorded for the
//! dialog.

#![expect(clippy::unwrap_used, reason = "the simulated world is test code, though it is no test")]

mod world;

use ringway_proxy::core::site::Usual;
use world::{
    CALLEE, CALLER, Manner, Survey, World,
    place::{
        Place::{Oregon, Virginia},
        views,
    },
};

const MARKS: &str = "class=video;tenant=acme";

fn home(marks: &str) -> String {
    format!("sip:us-west-2.mesh.example;lr{marks}")
}

/// What is recorded, and what the Routes toward the other region are, of a call and of its BYE.
fn check(world: &World) {
    let invite = world.request(Oregon.proxy(), Virginia.proxy(), "INVITE");
    assert_eq!(invite.one("Route"), format!("<sip:us-east-1.mesh.example;lr;{MARKS}>"));
    let delivered = world.request(Virginia.proxy(), CALLEE.edge(1), "INVITE");
    assert!(!delivered.has("Route"), "nothing of it leaves as a Route");
    let recorded = ["us-east-1", "us-west-2"].map(|region| format!("<sip:{region}.mesh.example;lr;{MARKS}>"));
    assert_eq!(delivered.all("Record-Route"), recorded);
    let bye = world.request(Oregon.proxy(), Virginia.proxy(), "BYE");
    assert_eq!(bye.all("Route"), [format!("<sip:us-east-1.mesh.example;lr;{MARKS}>")]);
    assert!(!world.request(Virginia.proxy(), CALLEE.edge(1), "BYE").has("Route"));
}

#[test]
fn what_the_sbc_says_on_its_route_travels_to_the_other_edge_and_stays_in_the_dialog() {
    let mut world = World::new(&Survey::fair()).with_phones(Manner::default());
    world.place(world.invite("c1").route(&home(&format!(";{MARKS}"))));
    world.settle();
    assert_eq!(world.placed("c1").bye, Some(200));
    check(&world);
    world.assert_drained();
}

#[test]
fn what_calls_from_a_network_usually_are_is_known_without_a_word() {
    let usual = |from: &str, class: &str, tenant: &str| Usual {
        from: from.parse().unwrap(),
        class: class.parse().unwrap(),
        tenant: Some(tenant.parse().unwrap()),
    };
    let network = CALLER.edge(1).ip();
    let all = [usual("10.0.0.0/8", "voice", "everybody"), usual(&format!("{network}/32"), "video", "acme")];
    let mut world = World::with_sites(1, views(&Survey::fair(), &[]), |site| site.usual = all.to_vec())
        .with_phones(Manner::default());
    world.call("c1");
    world.settle();
    check(&world);
}

#[test]
fn a_plain_call_carries_no_marks() {
    let mut world = World::new(&Survey::fair()).with_phones(Manner::default());
    world.call("c1");
    world.settle();
    let invite = world.request(Oregon.proxy(), Virginia.proxy(), "INVITE");
    assert_eq!(invite.one("Route"), Virginia.route());
    assert_eq!(invite.one("Record-Route"), Oregon.route());
}

/// A rule might speak of just this call: what cannot be read is not taken for nobody's.
#[test]
fn marks_that_cannot_be_are_refused() {
    for marks in [";tenant=A%20B", ";class=VIDEO", ";tenant=", ";class=_"] {
        let mut world = World::new(&Survey::fair()).with_phones(Manner::default());
        world.place(world.invite("c1").route(&home(marks)));
        world.settle();
        assert_eq!(world.placed("c1").finals, [400], "{marks}");
        assert!(world.between(Oregon.proxy(), Virginia.proxy()).is_empty(), "{marks}");
    }
}

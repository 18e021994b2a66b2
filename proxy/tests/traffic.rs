//! Whose call it is, and of which class: said by the SBC or the configuration, carried from edge to edge, recorded for the
//! dialog.

#![expect(clippy::unwrap_used, reason = "the simulated world is test code, though it is no test")]

mod world;

use ringway_proxy::core::site::Usual;
use world::{
    CALLEE, CALLER, Draft, Manner, Survey, World,
    place::{
        Place::{California, Ohio, Oregon, Virginia},
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

const RULES: &str = r#"
revision = 1
[[rule]]
name = "Fairfax over California"
match = { called = "+1703555" }
pin = ["us-west-1"]
[[rule]]
name = "acme over Ohio"
match = { tenant = "acme" }
pin = ["us-east-2"]
"#;

#[test]
fn a_rule_about_a_tenant_or_a_number_moves_its_calls_and_their_dialogs_alone() {
    let mut world = World::new(&Survey::fair().policy(RULES)).with_phones(Manner::default());
    world.call("plain");
    world.settle();
    world.place(world.invite("acme").route(&home(";tenant=acme")));
    world.settle();
    world.place(Draft { uri: "sip:+17039990100@mesh.example".to_owned(), ..world.invite("elsewhere") });
    world.settle();
    assert_eq!(world.paths(), ["via us-west-1", "via us-east-2", "direct"]);
    // The number travels with the call, because a rule asks for it.
    let bye = world.request(Oregon.proxy(), California.proxy(), "BYE");
    assert_eq!(bye.all("Route")[1], "<sip:us-east-1.mesh.example;lr;called=+17035550100>");
    let bye = world.request(Oregon.proxy(), Ohio.proxy(), "BYE");
    assert!(bye.all("Route")[1].ends_with(";lr;tenant=acme;called=+17035550100>"), "{:?}", bye.all("Route"));
}

/// Every INVITE of a tenant over two paths from the first packet on, another's never: whatever is late.
#[test]
fn protection_is_what_the_rules_say() {
    const RULES: &str = r#"
revision = 1
[[rule]]
name = "acme twice"
match = { tenant = "acme" }
protect = "always"
[[rule]]
name = "never two of these"
match = { tenant = "thrift" }
protect = "never"
"#;
    let mut world = World::new(&Survey::fair().policy(RULES)).with_phones(Manner::default());
    let first_hops = |world: &World, call: &str| {
        let from = world.wire.iter().filter(|packet| packet.from == Oregon.proxy());
        let invites =
            from.filter(|packet| packet.sip.is_request("INVITE") && packet.sip.one("Call-ID") == call);
        invites.map(|packet| packet.to).collect::<std::collections::BTreeSet<_>>().len()
    };
    for (call, marks, paths) in [("a", ";tenant=acme", 2), ("p", "", 1)] {
        world.place(world.invite(call).route(&home(marks)));
        world.settle();
        let rung = world.between(Virginia.proxy(), CALLEE.edge(1));
        let rung = rung.iter().filter(|sip| sip.is_request("INVITE") && sip.one("Call-ID") == call).count();
        assert_eq!((first_hops(&world, call), rung), (paths, 1), "{call}");
    }
    // Silence on the direct way: the plain call has a copy long before the first timeout, the other one only then.
    world.cut(Oregon, Virginia);
    for (call, marks, paths) in [("late", "", 2), ("thrifty", ";tenant=thrift", 1)] {
        world.place(world.invite(call).route(&home(marks)));
        world.run_ms(250);
        assert_eq!(first_hops(&world, call), paths, "{call}");
        world.settle();
    }
}

/// Oregon's table has no way to a drained region, but the dialogs that stand there have one.
#[test]
fn a_dialog_with_a_drained_region_goes_on_and_a_new_call_does_not() {
    let mut world = World::new(&Survey::fair()).with_phones(Manner::default());
    world.call("before");
    world.run_ms(1_000);
    let none = Survey::fair().dead(Virginia).table(Oregon);
    world.look(Oregon, |view| view.undrained = Some(std::mem::replace(&mut view.table, none)));
    world.settle();
    assert_eq!(world.placed("before").bye, Some(200), "the call that stands ends as it should");
    world.call("after");
    world.settle();
    assert_eq!(world.placed("after").finals, [503]);
}

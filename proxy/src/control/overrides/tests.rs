use super::*;

fn node(name: &str) -> NodeId {
    NodeId { region: "us-west-2".try_into().unwrap(), node: name.try_into().unwrap() }
}

fn drain(given: u64, until: Option<u64>, revoked: bool) -> Instruction {
    Instruction {
        order: Order::DrainRegion("eu-west-1".try_into().unwrap()),
        given: Time::from_micros(given),
        until: until.map(Time::from_micros),
        by: "ann".into(),
        why: String::new(),
        revoked,
    }
}

fn statement(origin: &str, overrides: Vec<Instruction>) -> Statement {
    Statement { overrides, ..Statement::bare(node(origin)) }
}

fn in_force(orders: &Orders, now: u64) -> usize {
    orders.in_force(Time::from_micros(now), &node("own")).len()
}

#[test]
fn the_last_word_counts_whichever_node_holds_it() {
    let mut orders = Orders::load(None).unwrap();
    orders.hear(&statement("a", vec![drain(10, None, false)]), &node("own"));
    assert_eq!(in_force(&orders, 20), 1);
    orders.hear(&statement("b", vec![drain(15, None, true)]), &node("own"));
    assert_eq!(in_force(&orders, 20), 0, "taken back at another node");
    orders.hold(drain(18, Some(30), false)).unwrap();
    assert_eq!(in_force(&orders, 20), 1, "ordered anew here");
    assert_eq!(in_force(&orders, 30), 0, "ended by itself, and what it replaced does not come back");
}

#[test]
fn what_a_node_ordered_holds_on_when_it_is_gone_until_it_says_otherwise() {
    let mut orders = Orders::load(None).unwrap();
    orders.hear(&statement("a", vec![drain(10, None, false)]), &node("own"));
    orders.lose(&node("a"), Time::from_micros(20));
    orders.prune(Time::from_micros(30));
    assert_eq!(in_force(&orders, 30), 1);
    orders.hear(&statement("a", Vec::new()), &node("own"));
    assert_eq!(in_force(&orders, 40), 0, "it came back without");

    orders.hear(&statement("a", vec![drain(10, None, false)]), &node("own"));
    orders.lose(&node("a"), Time::from_micros(20));
    orders.prune(Time::from_micros(20) + GONE_FOR);
    assert_eq!(in_force(&orders, 86_400_000_100), 0, "a day is enough");
}

#[test]
fn nobody_speaks_from_far_ahead() {
    let mut orders = Orders::load(None).unwrap();
    orders.hear(&statement("a", vec![drain(AHEAD_MAX.as_secs() * 1_000_000 + 2, None, false)]), &node("own"));
    assert_eq!(in_force(&orders, 1), 0);
}

#[test]
fn a_node_holds_no_more_than_it_may() {
    let mut orders = Orders::load(None).unwrap();
    for n in 0..INSTRUCTIONS_MAX {
        let order = Order::DrainRegion(format!("r-{n}").as_str().try_into().unwrap());
        orders.hold(Instruction { order, ..drain(1, Some(100), false) }).unwrap();
    }
    assert!(matches!(orders.hold(drain(2, None, false)), Err(NotOrdered::Full)));
    let order = Order::DrainRegion("r-7".try_into().unwrap());
    orders.hold(Instruction { order, ..drain(2, None, true) }).expect("in place of another word");
    orders.prune(Time::from_micros(100));
    assert_eq!(orders.own().len(), 1, "those that ended make room");
}

#[test]
fn orders_survive_a_restart_in_a_file_and_a_bad_file_is_an_error() {
    let file = std::env::temp_dir().join(format!("ringway-overrides-{}.json", std::process::id()));
    let mut orders = Orders::load(Some(file.clone())).unwrap();
    orders.hold(drain(10, Some(100), false)).unwrap();
    let again = Orders::load(Some(file.clone())).unwrap();
    assert_eq!(again.own(), orders.own());
    fs::write(&file, "[{\"order\":").unwrap();
    assert!(Orders::load(Some(file.clone())).is_err());
    fs::remove_file(file).unwrap();
}

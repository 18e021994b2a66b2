//! How soon the mesh reacts, with real processes and calls under way. The figures are printed, for docs/performance.md;
//! what is asserted is that it reacts at all, before anybody would hang up. `RINGWAY_ROUNDS` gives more rounds.

mod support;

use ringway_lab::world::{Node, RouteNews, World, WorldSpec};
use std::{
    env,
    pin::Pin,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};
use support::{binary, call::Phones, pin, world, world_of};
use tokio::{
    sync::Mutex,
    time::{sleep, timeout},
};
use tokio_stream::{Stream, StreamExt as _};

/// One world at a time: two on two cores would take the time from each other that is measured here.
static ALONE: Mutex<()> = Mutex::const_new(());
/// Nobody waits longer for a word.
const LIMIT: Duration = Duration::from_secs(30);
/// Beyond the holds of a link and of a path that have to pass before direct is trusted again, and their back-off.
const CALM: Duration = Duration::from_secs(240);

type News = Pin<Box<dyn Stream<Item = Result<RouteNews, tonic::Status>> + Send>>;

fn rounds() -> usize {
    env::var("RINGWAY_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(2)
}

#[expect(clippy::disallowed_methods, reason = "how long something took is what this test tells")]
fn now() -> Instant {
    Instant::now()
}

/// Waits until Oregon's calls to Virginia go directly, or not.
async fn until(news: &mut News, direct: bool) -> Instant {
    loop {
        let next = news.next().await.expect("the node runs").expect("the watch keeps up");
        let (RouteNews::Present(route) | RouteNews::Changed { route, .. }) = next else { continue };
        if route.to == "us-east-1" && (route.path.len() == 2) == direct {
            return now();
        }
    }
}

/// Breaks the direct link in each round, both ways, and heals it again. How long it took until another path was chosen.
async fn reactions(world: &World, what: &str, harm: impl Fn(&mut ringway_lab::wan::LinkModel)) -> Vec<u128> {
    let oregon = world.node("us-west-2", 1).expect("the whitepaper has it");
    let mut news: News = Box::pin(oregon.admin().watch_routes().await.expect("the node runs"));
    timeout(CALM, until(&mut news, true)).await.expect("direct is best at first");
    let mut took = Vec::new();
    for round in 1..=rounds() {
        let at = now();
        for (from, to) in [("us-west-2", "us-east-1"), ("us-east-1", "us-west-2")] {
            world.wan().change(from, to, &harm).expect("the link is there");
        }
        let left = timeout(LIMIT, until(&mut news, false)).await;
        took.push(
            left.unwrap_or_else(|_| panic!("round {round}: {what}, and calls stay"))
                .duration_since(at)
                .as_millis(),
        );
        // Long enough for both ends to know that it is an outage and no loss.
        sleep(Duration::from_secs(2)).await;
        let links = told(oregon);
        let blamed = links.lines().find(|line| line.starts_with("us-west-2 > us-east-1, path: "));
        assert!(
            blamed.is_some_and(|line| line.contains("prob")),
            "round {round}: {what}, and nobody says why\n{links}"
        );
        world.wan().heal();
        let again = timeout(CALM, until(&mut news, true)).await;
        assert!(
            again.is_ok(),
            "round {round}: {what}, healed, and direct is not taken again\n{}",
            told(oregon)
        );
        // The probes slow down to the pace of a link that carries calls in peace.
        sleep(Duration::from_secs(2)).await;
    }
    took.sort_unstable();
    println!("{what}: another path after {took:?} ms");
    took
}

/// What an operator would look at.
fn told(node: &Node) -> String {
    let address = format!("http://{}", node.admin_address());
    let ask = |verb: &[&str]| {
        let output =
            Command::new(binary()).args(verb).args(["--address", &address]).output().expect("it runs");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    ask(&["link", "list"]) + &ask(&["route", "explain", "us-west-2", "us-east-1"])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cut_and_a_brownout_are_seen_while_calls_go_on() {
    let _alone = ALONE.lock().await;
    // Detection is measured, not patience: a link that was broken before is trusted again soon.
    let tuning = "[router]\nhold_ms = 300".parse().expect("TOML");
    let world = world_of(&WorldSpec { tuning, ..WorldSpec::whitepaper() }, 1).await;
    let stop = Arc::new(AtomicBool::new(false));
    let talking = Phones::plug_in(&world).await.talk(Arc::clone(&stop));
    reactions(&world, "cut", |link| link.cut = true).await;
    reactions(&world, "brownout of 20 % and 80 ms", |link| {
        link.loss = 0.2;
        link.delay_ms += 80.0;
    })
    .await;
    reactions(&world, "brownout of 5 %", |link| link.loss = 0.05).await;
    stop.store(true, Ordering::Relaxed);
    let (placed, failed) = talking.await.expect("the caller does not panic");
    println!("{placed} calls meanwhile, {failed} failed");
    assert!(placed > 10 && failed == 0, "{failed} of {placed} calls failed");
    world.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_policy_is_active_everywhere_and_a_bad_one_nowhere() {
    let _alone = ALONE.lock().await;
    let world = world(2).await;
    let mut took = Vec::new();
    for round in 0..rounds() as u64 {
        let relay = if round % 2 == 0 { "us-west-1" } else { "us-east-2" };
        let at = now();
        world.apply_policy(&pin(round + 1, relay)).await.expect("the policy is good");
        let everywhere = async {
            for node in world.live_nodes() {
                while node.admin().status().await.expect("the node runs").policy_revision != round + 1 {
                    sleep(Duration::from_millis(5)).await;
                }
            }
        };
        timeout(LIMIT, everywhere).await.expect("it arrives");
        took.push(at.elapsed().as_millis());
    }
    println!("a policy was active on all nodes after {took:?} ms");
    let revision = rounds() as u64;
    let bad =
        format!("revision = {}\n[[rule]]\nforbid = [\"us-west-1\"]\npin = [\"us-west-1\"]\n", revision + 1);
    for node in world.live_nodes() {
        let refused = node.admin().apply_policy(&bad).await.expect_err("it contradicts itself");
        assert!(refused.message().contains("line 4, column 8, pin: "), "{}", refused.message());
        assert_eq!(node.admin().status().await.expect("the node runs").policy_revision, revision);
    }
    world.shutdown().await;
}

//! Any sequence of operations: no panic, no missed timer, and in the end nothing is left.

use proptest::prelude::*;

use super::*;

/// One thing that the world or the user does. Numbers pick among a few branches or among the ids seen so far.
#[derive(Clone, Debug)]
enum Step {
    Receive { method: usize, branch: u8 },
    ReceiveResponse { method: usize, branch: u8, code: u16 },
    Request { method: usize, branch: u8 },
    Respond { server: usize, code: u16 },
    Cancel { client: usize },
    Fail,
    Abandon { client: usize, server: usize },
    Wait { ms: u64 },
}

const METHODS: [&str; 4] = ["INVITE", "ACK", "CANCEL", "OPTIONS"];

fn step() -> impl Strategy<Value = Step> {
    let code = prop::sample::select(vec![100_u16, 180, 200, 302, 408, 486, 503, 603]);
    let started = prop::sample::select(vec![0_usize, 3]);
    let (method, branch) = (0..METHODS.len(), 0_u8..3);
    prop_oneof![
        4 => (method.clone(), branch.clone()).prop_map(|(method, branch)| Step::Receive { method, branch }),
        4 => (method, branch.clone(), code.clone())
            .prop_map(|(method, branch, code)| Step::ReceiveResponse { method, branch, code }),
        2 => (started, branch).prop_map(|(method, branch)| Step::Request { method, branch }),
        4 => (any::<usize>(), code).prop_map(|(server, code)| Step::Respond { server, code }),
        1 => any::<usize>().prop_map(|client| Step::Cancel { client }),
        1 => Just(Step::Fail),
        1 => (any::<usize>(), any::<usize>()).prop_map(|(client, server)| Step::Abandon { client, server }),
        3 => (0_u64..6_000).prop_map(|ms| Step::Wait { ms }),
    ]
}

/// The layer under test and what its user remembers.
struct World {
    layer: Layer,
    now: Instant,
    clients: Vec<ClientId>,
    servers: Vec<ServerId>,
}

impl World {
    fn new() -> World {
        World { layer: Layer::new(Timing::default()), now: epoch(), clients: Vec::new(), servers: Vec::new() }
    }

    fn take(&mut self, step: &Step) {
        let (layer, now) = (&mut self.layer, self.now);
        match *step {
            Step::Receive { method, branch } => {
                layer.receive(now, addr(NEAR), request(METHODS[method], &branch_name(branch)));
            }
            Step::ReceiveResponse { method, branch, code } => {
                layer.receive(
                    now,
                    addr(FAR),
                    response(&request(METHODS[method], &branch_name(branch)), code),
                );
            }
            Step::Request { method, branch } => {
                let message = request(METHODS[method], &branch_name(branch));
                let bytes = message.raw().clone();
                self.clients.push(layer.request(
                    now,
                    addr(FAR),
                    &branch_name(branch),
                    message.method(),
                    bytes,
                ));
            }
            Step::Respond { server, code } => {
                if let Some(id) = pick(&self.servers, server) {
                    layer.respond(now, id, code, Bytes::from_static(b"SIP/2.0 ..."));
                }
            }
            Step::Cancel { client } => {
                if let Some(id) = pick(&self.clients, client) {
                    layer.cancel(now, id);
                }
            }
            Step::Fail => layer.transport_failed(now, addr(FAR)),
            Step::Abandon { client, server } => {
                pick(&self.clients, client).into_iter().for_each(|id| layer.abandon_client(id));
                pick(&self.servers, server).into_iter().for_each(|id| layer.abandon_server(id));
            }
            Step::Wait { ms } => {
                self.now += Duration::from_millis(ms);
                layer.tick(self.now);
            }
        }
        while let Some(output) = self.layer.poll() {
            if let Output::Request { id, .. } | Output::Cancel { id, .. } = output {
                self.servers.push(id);
            }
        }
    }

    /// The user answers what is open and cancels what rings; then only time passes. Gives how long it took.
    fn wind_down(&mut self) -> Duration {
        for &id in &self.servers {
            self.layer.respond(self.now, id, 500, Bytes::from_static(b"SIP/2.0 ..."));
        }
        for &id in &self.clients {
            self.layer.cancel(self.now, id);
        }
        let mut last = self.now;
        while let Some(at) = self.layer.deadline() {
            last = at;
            self.layer.tick(at);
        }
        last - self.now
    }
}

fn branch_name(branch: u8) -> String {
    format!("z9hG4bK-{branch}")
}

fn pick<T: Copy>(among: &[T], number: usize) -> Option<T> {
    among.get(number.checked_rem(among.len())?).copied()
}

proptest! {
    #[test]
    fn any_sequence_drains(steps in prop::collection::vec(step(), 0..120)) {
        let mut world = World::new();
        for step in &steps {
            world.take(step);
            let (layer, now) = (&world.layer, world.now);
            prop_assert!(layer.agenda.len() <= 2 * (layer.clients() + layer.servers()) + 64);
            if matches!(step, Step::Wait { .. }) {
                prop_assert!(layer.deadline().is_none_or(|at| at > now), "what was due has been done");
            }
        }
        prop_assert!(world.wind_down() <= Duration::from_secs(32), "64 T1 end everything");
        let layer = &world.layer;
        prop_assert_eq!((layer.clients(), layer.servers(), layer.agenda.len()), (0, 0, 0));
        prop_assert_eq!((layer.client_keys.len(), layer.server_keys.len()), (0, 0));
    }
}

//! Whatever is lost, doubled or late between the stores of a mesh: once they compare what they have, they agree, and on
//! what was written last.

use super::{BUCKETS, Binding, Change, Contacts, Limits, Sealed, Store, Wish};
use proptest::prelude::*;
use ringway_router::NodeId;
use std::{collections::BTreeMap, sync::Arc};

const NOW_US: u64 = 1_000_000_000;

/// One thing that happens in the mesh.
#[derive(Clone, Debug)]
enum Step {
    /// A client registers at a node: with 0 s it removes, with `None` everything.
    Register { at: usize, aor: u8, contact: u8, expires_s: Option<u32> },
    /// An announcement reaches another node, perhaps not for the first time; those that are never drawn are lost.
    Deliver { which: prop::sample::Index, to: usize },
    /// Time goes by.
    Wait { ms: u64 },
}

fn step() -> impl Strategy<Value = Step> {
    let expires_s = prop::sample::select(vec![None, Some(0), Some(60), Some(90), Some(3_600)]);
    prop_oneof![
        3 => (0..3_usize, 0..3_u8, 0..3_u8, expires_s)
            .prop_map(|(at, aor, contact, expires_s)| Step::Register { at, aor, contact, expires_s }),
        3 => (any::<prop::sample::Index>(), 0..3_usize).prop_map(|(which, to)| Step::Deliver { which, to }),
        1 => (1..5_000_u64).prop_map(|ms| Step::Wait { ms }),
    ]
}

struct Mesh {
    stores: [Store; 3],
    /// Everything that was ever written.
    written: Vec<Binding>,
    now_us: u64,
    cseq: u32,
}

impl Mesh {
    /// Two nodes of one region, and one of another.
    fn new() -> Self {
        let stores = [("east", "n1"), ("east", "n2"), ("west", "n1")].map(|(region, node)| {
            let own = NodeId { region: region.parse().unwrap(), node: node.parse().unwrap() };
            Store::new(own, Limits { contacts_max: 9, aors_max: 9 })
        });
        Self { stores, written: Vec::new(), now_us: NOW_US, cseq: 0 }
    }

    fn now_ms(&self) -> u64 {
        self.now_us / 1000
    }

    fn take(&mut self, step: &Step) {
        match *step {
            Step::Register { at, aor, contact, expires_s } => {
                self.cseq += 1;
                let contact = format!("sip:c@{contact}.h");
                let wish = |expires_s| Wish { contact, instance: None, reg_id: None, q: 1000, expires_s };
                let contacts =
                    expires_s.map_or(Contacts::Clear, |expires_s| Contacts::Set(vec![wish(expires_s)]));
                let (aor, call_id) = (format!("sip:{aor}@h"), "c".to_owned());
                let change = Change { aor, call_id, cseq: self.cseq, path: Vec::new(), contacts };
                self.now_us += 1;
                self.stores[at].apply(&change, self.now_us).unwrap();
                self.announce(at);
            }
            Step::Deliver { ref which, to } if !self.written.is_empty() => {
                let binding = which.get(&self.written).clone();
                self.merge(to, binding);
            }
            Step::Deliver { .. } => {}
            Step::Wait { ms } => {
                self.now_us += ms * 1000;
                let now_ms = self.now_ms();
                self.stores.iter_mut().for_each(|store| {
                    store.expire(now_ms, 99);
                });
            }
        }
    }

    fn merge(&mut self, to: usize, binding: Binding) {
        let sealed = Sealed { binding: Vec::new(), signature: Vec::new() };
        let now_ms = self.now_ms();
        self.stores[to].merge(binding, Arc::new(sealed), now_ms);
        self.announce(to);
    }

    fn announce(&mut self, at: usize) {
        for binding in self.stores[at].unsealed(99) {
            let sealed = Sealed { binding: Vec::new(), signature: Vec::new() };
            self.stores[at].seal(&binding, Arc::new(sealed));
            self.written.push(binding);
        }
    }

    /// Every store gets the records of every other from the buckets that differ, until nothing differs.
    fn compare(&mut self) -> bool {
        for _ in 0..4 {
            for (from, to) in [(0, 1), (1, 2), (2, 0), (1, 0), (2, 1), (0, 2)] {
                for bucket in self.stores[to].differing(&self.stores[from].digest().clone()) {
                    let theirs: Vec<Binding> = self.stores[from].bucket(bucket).cloned().collect();
                    theirs.into_iter().for_each(|binding| self.merge(to, binding));
                }
            }
        }
        self.stores.iter().all(|store| store.digest() == self.stores[0].digest())
    }

    /// Address, contact and region of what should be live: of every record the last version, as far as it is.
    fn expected(&self) -> Vec<String> {
        let mut last: BTreeMap<String, &Binding> = BTreeMap::new();
        for binding in &self.written {
            let known = last.entry(name(binding)).or_insert(binding);
            if binding.is_newer(known) {
                *known = binding;
            }
        }
        last.into_iter().filter(|(_, binding)| binding.is_live(self.now_ms())).map(|(name, _)| name).collect()
    }

    fn found(&self, store: &Store) -> Vec<String> {
        let all = (0..BUCKETS).flat_map(|bucket| store.bucket(bucket));
        let mut names: Vec<String> = all.filter(|binding| binding.is_live(self.now_ms())).map(name).collect();
        names.sort();
        names
    }
}

fn name(binding: &Binding) -> String {
    format!("{} {} {}", binding.aor, binding.contact, binding.region)
}

proptest! {
    #[test]
    fn stores_agree_on_what_was_written_last(steps in prop::collection::vec(step(), 0..40)) {
        let mut mesh = Mesh::new();
        steps.iter().for_each(|step| mesh.take(step));
        prop_assert!(mesh.compare(), "the stores differ");
        // What has ended since does not come back, whatever is heard again.
        for wait_ms in [0, 65_000, 70_000, 600_000, 3_600_000, 100_000] {
            mesh.take(&Step::Wait { ms: wait_ms });
            for binding in mesh.written.clone() {
                (0..3).for_each(|to| mesh.merge(to, binding.clone()));
            }
            let expected = mesh.expected();
            for store in &mesh.stores {
                prop_assert_eq!(mesh.found(store), expected.clone(), "at {} ms", mesh.now_ms());
                let counted: usize = store.live().values().sum();
                prop_assert_eq!(counted, expected.len(), "the living are counted");
            }
        }
        prop_assert_eq!(mesh.stores.each_ref().map(Store::aors), [0; 3], "nothing stays for ever");
    }
}

//! The host names that connections are asked for, each under the number by which a [`Way`](ringway_sip::Way) names it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Names come from the dial plan, from DNS, and from certificates of our authority: a fleet has hundreds.
const HOSTS_MAX: usize = 65_536;

/// All names that were ever asked for.
#[derive(Default)]
pub(super) struct Hosts(Mutex<Known>);

#[derive(Default)]
struct Known {
    names: Vec<Arc<str>>,
    numbers: HashMap<Arc<str>, u32>,
}

impl Hosts {
    /// The number of a name, a new one for a new name; `None` when there are too many.
    pub(super) fn number(&self, host: &str) -> Option<u32> {
        let name: Arc<str> = host.to_ascii_lowercase().into();
        let mut known = self.known();
        if let Some(&number) = known.numbers.get(&name) {
            return Some(number);
        }
        let number = u32::try_from(known.names.len()).ok()?;
        if known.names.len() >= HOSTS_MAX {
            return None;
        }
        known.names.push(Arc::clone(&name));
        known.numbers.insert(name, number);
        Some(number)
    }

    /// The name of a number.
    pub(super) fn name(&self, number: u32) -> Option<String> {
        self.known().names.get(usize::try_from(number).ok()?).map(ToString::to_string)
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

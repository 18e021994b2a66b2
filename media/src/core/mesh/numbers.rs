//! Numbers of paths. They are those of a whole worker, so a report finds its trunk by its number alone; and none is given
//! again soon, because the far end still counts what came under it.

use crate::core::steer::PathId;
use ringway_router::Time;

/// See the module.
#[derive(Debug)]
pub(super) struct Numbers {
    /// By number: which line has it.
    owners: Vec<Option<usize>>,
    next: u16,
}

impl Numbers {
    /// Begins where a process that was started earlier did not, as good as surely.
    pub(super) fn new(now: Time) -> Self {
        let start = now.millis() % u64::from(PathId::COUNT);
        Self { owners: vec![None; usize::from(PathId::COUNT)], next: u16::try_from(start).unwrap_or(0) }
    }

    /// A number for a path of this line. `None`: all are in use.
    pub(super) fn give(&mut self, line: usize) -> Option<PathId> {
        for _ in 0..PathId::COUNT {
            let id = PathId::new(self.next)?;
            self.next = (self.next + 1) % PathId::COUNT;
            let owner = &mut self.owners[usize::from(id.get())];
            if owner.is_none() {
                *owner = Some(line);
                return Some(id);
            }
        }
        None
    }

    /// Nobody uses it any more.
    pub(super) fn free(&mut self, id: PathId) {
        self.owners[usize::from(id.get())] = None;
    }

    /// Whose it is.
    pub(super) fn owner(&self, id: PathId) -> Option<usize> {
        *self.owners.get(usize::from(id.get()))?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_comes_again_only_after_all_others() {
        let mut numbers = Numbers::new(Time::from_millis(8_190));
        let last = numbers.give(3).unwrap();
        assert_eq!((last.get(), numbers.owner(last)), (8_190, Some(3)));
        numbers.free(last);
        assert_eq!(numbers.owner(last), None);
        let others: Vec<u16> = (0..8_190).map(|_| numbers.give(4).unwrap().get()).collect();
        assert_eq!(others, (0..8_190).collect::<Vec<_>>());
        assert_eq!(numbers.give(5), Some(last));
        assert_eq!(numbers.give(5), None);
    }
}

//! A store for a node that keeps its policy nowhere.

use super::{HISTORY, Present, Record, StoreError, revision_of};
use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
};

/// Records of this process.
#[derive(Default)]
pub struct Memory {
    /// The newest first, and how many there have ever been.
    kept: Mutex<(VecDeque<Record>, i64)>,
}

impl Memory {
    pub(super) fn present(&self) -> Present {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        Present { document: kept.0.front().map(|record| record.document.clone()), version: kept.1 }
    }

    pub(super) fn commit(&self, record: Record, version: i64) -> Result<(), StoreError> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.1 != version {
            let active = kept.0.front().map_or(0, |record| revision_of(&record.document));
            return Err(StoreError::Raced { active });
        }
        kept.1 += 1;
        kept.0.push_front(record);
        kept.0.truncate(HISTORY);
        Ok(())
    }

    pub(super) fn history(&self) -> Vec<Record> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).0.iter().cloned().collect()
    }
}

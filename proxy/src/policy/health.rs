//! How a store was when it was last asked.

use std::sync::{Mutex, PoisonError};

/// How it was.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct HealthState {
    /// Why it cannot be used; `None`: it can.
    pub trouble: Option<String>,
    /// When it answered last, µs since the Unix epoch; zero: not yet.
    pub seen_unix_us: u64,
    /// What is wrong with the document that it holds, and since when; `None`: it is obeyed.
    pub refused: Option<(String, u64)>,
}

/// The same, kept.
#[derive(Debug, Default)]
pub struct Health(Mutex<HealthState>);

impl Health {
    /// As it is.
    #[must_use]
    pub fn state(&self) -> HealthState {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// It answered. True when it did not before.
    pub fn up(&self, at_unix_us: u64) -> bool {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let news = state.trouble.is_some() || state.seen_unix_us == 0;
        state.trouble = None;
        state.seen_unix_us = at_unix_us;
        news
    }

    /// It did not. True when it did before.
    pub fn down(&self, trouble: String) -> bool {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.trouble.replace(trouble).is_none()
    }

    /// Its document was refused, or is obeyed.
    pub fn judged(&self, refused: Option<(String, u64)>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).refused = refused;
    }
}

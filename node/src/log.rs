//! Logs: lines for people or JSON for collectors, with ids but without people.
//!
//! Telephone numbers and addresses of people are wrapped in [`Redact`], which prints `…` unless the operator asked
//! for `show_people`.

use crate::config::{Log, LogFormat};
use std::{
    fmt, io,
    sync::atomic::{AtomicBool, Ordering},
};
use tracing_subscriber::{EnvFilter, filter::ParseError, layer::SubscriberExt};

static SHOW_PEOPLE: AtomicBool = AtomicBool::new(false);

/// Something that belongs to a person: prints as `…` unless `log.show_people` is set.
#[derive(Clone, Copy)]
pub struct Redact<T>(pub T);

impl<T: fmt::Display> fmt::Display for Redact<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if SHOW_PEOPLE.load(Ordering::Relaxed) { self.0.fmt(f) } else { f.write_str("…") }
    }
}

impl<T: fmt::Display> fmt::Debug for Redact<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Checks the `level` directives without starting anything.
///
/// # Errors
/// When `level` is not a directive that tracing understands.
pub fn check(config: &Log) -> Result<(), ParseError> {
    EnvFilter::builder().parse(&config.level).map(drop)
}

/// Starts the log of this process, on standard error.
///
/// # Errors
/// When `level` is not a directive that tracing understands.
pub fn start(config: &Log) -> Result<(), ParseError> {
    SHOW_PEOPLE.store(config.show_people, Ordering::Relaxed);
    let filter = EnvFilter::builder().parse(&config.level)?;
    let lines = tracing_subscriber::fmt::layer().with_writer(io::stderr);
    let registry = tracing_subscriber::registry().with(filter);
    let started = match config.format {
        LogFormat::Human => tracing::subscriber::set_global_default(registry.with(lines.with_target(false))),
        LogFormat::Json => tracing::subscriber::set_global_default(
            registry.with(lines.json().flatten_event(true).with_current_span(false).with_span_list(false)),
        ),
    };
    assert!(started.is_ok(), "the log is started once, by main");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_do_not_show() {
        assert_eq!(format!("{} {:?}", Redact("+17035550100"), Redact("+17035550100")), "… …");
    }

    #[test]
    fn a_wrong_level_is_refused() {
        let config = Log { level: "info,ringway=loud".into(), ..Log::default() };
        assert!(check(&config).is_err());
    }
}

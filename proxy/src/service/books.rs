//! What a node keeps for its operators: orders by hand, the record, the audit.

use super::{Config, ServiceError};
use crate::{
    admin::Audit,
    control::Orders,
    record::{self, Reader, Recorder},
};
use prometheus::IntCounter;
use std::{io, path::Path};

/// All of them, open.
pub(super) struct Books {
    pub(super) orders: Orders,
    pub(super) recorder: Recorder,
    pub(super) reader: Reader,
    pub(super) audit: Audit,
}

impl Books {
    /// Reads what an earlier life left. What cannot be read or written is an error at start.
    pub(super) fn open(config: &Config, dropped: IntCounter) -> Result<Self, ServiceError> {
        let admin = &config.admin;
        let orders = Orders::load(admin.overrides_file.clone())
            .map_err(failed("admin.overrides_file", admin.overrides_file.as_deref()))?;
        let audit = Audit::open(admin.audit_file.clone())
            .map_err(failed("admin.audit_file", admin.audit_file.as_deref()))?;
        let section = &config.record;
        let (recorder, reader) = record::open(section.folder.clone(), section.limits(), dropped)
            .map_err(failed("record.folder", section.folder.as_deref()))?;
        Ok(Self { orders, recorder, reader, audit })
    }
}

fn failed(key: &'static str, file: Option<&Path>) -> impl Fn(io::Error) -> ServiceError {
    let file = file.unwrap_or(Path::new("")).display().to_string();
    move |error| ServiceError::Config(key, format!("{file}: {error}"))
}

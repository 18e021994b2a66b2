//! `[registrar]`: what the region's registrar grants, and how much it keeps.

use super::{Unsound, within};
use crate::{core::registrar::Settings, location::Limits};
use serde::Deserialize;

/// See the module.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Registrar {
    /// Granted when nothing is asked for.
    pub expires_s_default: u32,
    /// Less is refused with 423.
    pub expires_s_min: u32,
    /// More is cut to this.
    pub expires_s_max: u32,
    /// Live contacts of one address-of-record in this region.
    pub contacts_max: usize,
    /// Addresses-of-record in all regions together.
    pub aors_max: usize,
}

impl Default for Registrar {
    fn default() -> Self {
        let Settings { expires_s_default, expires_s_min, expires_s_max, .. } = Settings::default();
        let Limits { contacts_max, aors_max } = Limits::default();
        Self { expires_s_default, expires_s_min, expires_s_max, contacts_max, aors_max }
    }
}

impl Registrar {
    /// # Errors
    /// A value that cannot work.
    pub fn check(&self) -> Result<(), Unsound> {
        let [default, min, max] =
            [self.expires_s_default, self.expires_s_min, self.expires_s_max].map(u64::from);
        // A day is what the others take (`location::LIFETIME_MS_MAX`).
        within("registrar.expires_s_max", max, 1, crate::location::LIFETIME_MS_MAX / 1000)?;
        within("registrar.expires_s_min", min, 1, max)?;
        within("registrar.expires_s_default", default, min, max)?;
        within("registrar.contacts_max", self.contacts_max as u64, 1, 100)?;
        within("registrar.aors_max", self.aors_max as u64, 1, 10_000_000)
    }

    /// As the core takes it.
    #[must_use]
    pub fn settings(&self) -> Settings {
        let Self { expires_s_default, expires_s_min, expires_s_max, contacts_max, aors_max: _ } = *self;
        Settings { expires_s_default, expires_s_min, expires_s_max, contacts_max }
    }

    /// As the directory takes it.
    #[must_use]
    pub fn limits(&self) -> Limits {
        let Self { contacts_max, aors_max, .. } = *self;
        Limits { contacts_max, aors_max }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_granted_is_named() {
        let good = Registrar::default();
        assert_eq!(good.check(), Ok(()));
        assert_eq!((good.settings(), good.limits()), (Settings::default(), Limits::default()));
        for (bad, key) in [
            (Registrar { expires_s_max: 86_401, ..good }, "registrar.expires_s_max"),
            (Registrar { expires_s_min: 7_201, ..good }, "registrar.expires_s_min"),
            (Registrar { expires_s_default: 59, ..good }, "registrar.expires_s_default"),
            (Registrar { contacts_max: 0, ..good }, "registrar.contacts_max"),
            (Registrar { aors_max: 0, ..good }, "registrar.aors_max"),
        ] {
            assert_eq!(bad.check().map_err(|(key, _)| key), Err(key));
        }
    }
}

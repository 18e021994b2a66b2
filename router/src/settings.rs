//! What an operator may tune, with defaults that suit voice between cloud regions.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use serde::{Deserialize, Serialize};

use crate::{
    Class,
    emodel::{Codec, Hearing},
};

/// The `[router]` table of a node's configuration. Every key may be left out; unknown keys are errors.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// How many points of R another path must be better by, now and smoothed, to be taken at once.
    pub margin_r: f64,
    /// What each relay costs, in points of R. Keeps calls direct when a detour wins next to nothing.
    pub relay_price_r: f64,
    /// How long a path with fewer relays must be better, by however little, before calls go back to it, and
    /// how long a link that was down must be up before it carries calls. Doubles, up to 32-fold, for what does not last.
    #[serde(rename = "hold_ms", with = "millis")]
    pub hold: Duration,
    /// A node that reports nothing for this long no longer counts.
    #[serde(rename = "report_expiry_ms", with = "millis")]
    pub report_expiry: Duration,
    /// What the calls are coded with.
    pub codec: Codec,
    /// The jitter buffer of the far end. It is taken to grow to twice the jitter of the path.
    pub jitter_buffer_ms: f64,
    /// Speech in one packet.
    pub packet_ms: f64,
    /// What each relay adds to the delay.
    pub relay_delay_ms: f64,
    /// Classes of calls that are heard otherwise, by name. `voice` is always there.
    #[serde(rename = "class")]
    pub classes: BTreeMap<Class, ClassSettings>,
}

/// How one class of calls is heard. What is left out is as for all.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClassSettings {
    /// What the calls are coded with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub codec: Option<Codec>,
    /// The jitter buffer of the far end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jitter_buffer_ms: Option<f64>,
    /// Speech in one packet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub packet_ms: Option<f64>,
}

/// A setting outside its range.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{key} is {value}, not {min} to {max}")]
pub struct InvalidSetting {
    /// The key, as it stands in the configuration.
    pub key: &'static str,
    /// Its value.
    pub value: f64,
    /// The least that is allowed.
    pub min: f64,
    /// The most that is allowed.
    pub max: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            margin_r: 3.0,
            relay_price_r: 1.0,
            hold: Duration::from_secs(5),
            report_expiry: Duration::from_secs(5),
            codec: Codec::G711Plc,
            jitter_buffer_ms: 40.0,
            packet_ms: 20.0,
            relay_delay_ms: 0.5,
            classes: BTreeMap::new(),
        }
    }
}

impl Settings {
    /// Whether every value is in its range.
    ///
    /// # Errors
    /// The first one that is not.
    pub fn validate(&self) -> Result<(), InvalidSetting> {
        let ms = |duration: Duration| duration.as_secs_f64() * 1_000.0;
        let ranges = [
            ("margin_r", self.margin_r, 0.0, 50.0),
            ("relay_price_r", self.relay_price_r, 0.0, 50.0),
            ("hold_ms", ms(self.hold), 0.0, 3_600_000.0),
            ("report_expiry_ms", ms(self.report_expiry), 100.0, 600_000.0),
            ("jitter_buffer_ms", self.jitter_buffer_ms, 0.0, 1_000.0),
            ("packet_ms", self.packet_ms, 1.0, 200.0),
            ("relay_delay_ms", self.relay_delay_ms, 0.0, 100.0),
        ];
        for (key, value, min, max) in ranges {
            if !(min..=max).contains(&value) {
                return Err(InvalidSetting { key, value, min, max });
            }
        }
        for class in self.classes.values() {
            let hearing = [
                ("class.jitter_buffer_ms", class.jitter_buffer_ms.unwrap_or(0.0), 0.0, 1_000.0),
                ("class.packet_ms", class.packet_ms.unwrap_or(1.0), 1.0, 200.0),
            ];
            for (key, value, min, max) in hearing {
                if !(min..=max).contains(&value) {
                    return Err(InvalidSetting { key, value, min, max });
                }
            }
        }
        Ok(())
    }

    /// Every class that has routes of its own.
    pub(crate) fn classes(&self) -> Vec<Class> {
        let named = self.classes.keys().cloned();
        let all: BTreeSet<Class> = named.chain([Class::voice()]).collect();
        all.into_iter().collect()
    }

    /// How calls of this class are heard.
    pub(crate) fn hearing(&self, class: &Class) -> Hearing {
        let own = self.classes.get(class);
        let or = |own: Option<f64>, all: f64| own.unwrap_or(all);
        Hearing {
            codec: own.and_then(|own| own.codec).unwrap_or(self.codec),
            jitter_buffer_ms: or(own.and_then(|own| own.jitter_buffer_ms), self.jitter_buffer_ms),
            packet_ms: or(own.and_then(|own| own.packet_ms), self.packet_ms),
        }
    }
}

/// Durations as whole milliseconds, the unit that stands in the key.
mod millis {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        u64::deserialize(deserializer).map(Duration::from_millis)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_said_is_the_default_and_valid() {
        let settings: Settings = toml::from_str("").unwrap();
        assert_eq!(settings, Settings::default());
        assert_eq!(settings.validate(), Ok(()));
    }

    #[test]
    fn keys_have_units_and_typos_are_errors() {
        let settings: Settings = toml::from_str("hold_ms = 2500\ncodec = \"g729\"\nmargin_r = 2").unwrap();
        assert_eq!(settings.hold, Duration::from_millis(2_500));
        assert_eq!((settings.codec, settings.margin_r), (Codec::G729, 2.0));
        let error = toml::from_str::<Settings>("hold = 5").unwrap_err().to_string();
        assert!(error.contains("unknown field `hold`"), "{error}");
    }

    #[test]
    fn a_class_says_only_what_is_different() {
        let text = "packet_ms = 30\n[class.fax]\ncodec = \"g711\"\njitter_buffer_ms = 120";
        let settings: Settings = toml::from_str(text).unwrap();
        let fax = settings.hearing(&"fax".parse().unwrap());
        assert_eq!((fax.codec, fax.jitter_buffer_ms, fax.packet_ms), (Codec::G711, 120.0, 30.0));
        assert_eq!(settings.hearing(&Class::voice()).codec, Codec::G711Plc);
        assert_eq!(settings.classes().len(), 2);
        let bad: Settings = toml::from_str("[class.fax]\npacket_ms = 900").unwrap();
        assert_eq!(bad.validate().unwrap_err().key, "class.packet_ms");
        assert!(toml::from_str::<Settings>("[class.fax]\nburst = 1").is_err());
    }

    #[test]
    fn values_out_of_range_name_their_key() {
        let settings = Settings { margin_r: f64::NAN, ..Settings::default() };
        assert_eq!(settings.validate().unwrap_err().key, "margin_r");
        let settings = Settings { report_expiry: Duration::ZERO, ..Settings::default() };
        assert_eq!(settings.validate().unwrap_err().to_string(), "report_expiry_ms is 0, not 100 to 600000");
    }
}

//! `[media]`: the media relays by way of which calls go.

use super::{Unsound, within};
use crate::{core::media::Settings, media};
use serde::Deserialize;
use std::{net::SocketAddr, time::Duration};

/// A region has few relays.
const RELAYS_MAX: usize = 16;

/// See the module.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Media {
    /// Where relays of this region take orders (gRPC): the one beside this node first, which is told of the mesh and whose
    /// address and keys the mesh is told; then others, for when it fails. None: media goes its own way.
    pub relays: Vec<String>,
    /// Whether a call without a relay is refused; otherwise its media goes its own way.
    pub required: bool,
    /// How long one relay may take for an order.
    pub deadline_ms: u64,
}

impl Default for Media {
    fn default() -> Self {
        Self { relays: Vec::new(), required: true, deadline_ms: 500 }
    }
}

impl Media {
    /// # Errors
    /// A value that cannot work.
    pub fn check(&self) -> Result<(), Unsound> {
        if self.relays.len() > RELAYS_MAX {
            return Err(("media.relays", format!("{} relays; {RELAYS_MAX} are possible", self.relays.len())));
        }
        for (at, text) in self.relays.iter().enumerate() {
            // Orders and keys go over it in the clear.
            if address(text).is_none_or(|address| !address.ip().is_loopback() || address.port() == 0) {
                return Err((
                    "media.relays",
                    format!("{text:?} is not http:// and a loopback address and port"),
                ));
            }
            if self.relays[..at].contains(text) {
                return Err(("media.relays", format!("{text:?} stands there twice")));
            }
        }
        within("media.deadline_ms", self.deadline_ms, 20, 5_000)
    }

    /// As the core takes it.
    #[must_use]
    pub fn settings(&self) -> Option<Settings> {
        (!self.relays.is_empty()).then_some(Settings { required: self.required })
    }

    /// As the shell takes it.
    #[must_use]
    pub fn relays(&self) -> media::Settings {
        let relays = self.relays.iter().filter_map(|text| address(text)).collect();
        media::Settings { relays, deadline: Duration::from_millis(self.deadline_ms) }
    }
}

fn address(text: &str) -> Option<SocketAddr> {
    text.strip_prefix("http://")?.trim_end_matches('/').parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relays_are_asked_on_this_machine_alone() {
        let media = |relays: &[&str]| Media {
            relays: relays.iter().map(|&text| text.to_owned()).collect(),
            ..Media::default()
        };
        assert_eq!(media(&[]).check(), Ok(()));
        assert_eq!(media(&[]).settings(), None, "without a relay nothing is anchored");
        let good = media(&["http://127.0.0.1:7070", "http://[::1]:7070/"]);
        assert_eq!((good.check(), good.relays().relays.len()), (Ok(()), 2));
        assert_eq!(good.settings(), Some(Settings { required: true }));
        for bad in ["127.0.0.1:7070", "https://127.0.0.1:7070", "http://10.0.0.1:7070", "http://127.0.0.1:0"]
        {
            assert_eq!(media(&[bad]).check().map_err(|(key, _)| key), Err("media.relays"), "{bad}");
        }
        let twice = media(&["http://127.0.0.1:7070", "http://127.0.0.1:7070"]);
        assert_eq!(twice.check().map_err(|(key, _)| key), Err("media.relays"));
        let hasty = Media { deadline_ms: 1, ..Media::default() };
        assert_eq!(hasty.check().map_err(|(key, _)| key), Err("media.deadline_ms"));
    }
}

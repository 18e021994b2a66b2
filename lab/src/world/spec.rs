//! What a world consists of.

use std::collections::HashSet;

use serde::Deserialize;

use crate::address::{FIRST_PHONE, MAX_REGIONS};

/// The regions of a world and what they hold.
#[derive(Clone, Debug, PartialEq)]
pub struct WorldSpec {
    /// In the order of their addresses.
    pub regions: Vec<RegionSpec>,
    /// The name under which regions are SIP names, for instance `lab.ringway.example`.
    pub mesh_domain: String,
    /// Whether a media relay runs in every node, and the proxies anchor media there; otherwise it goes from phone to phone.
    pub relays: bool,
    /// What stands in every node's configuration beside, or instead of, what the world puts there. TOML.
    pub tuning: toml::Table,
}

/// One region.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegionSpec {
    /// The cloud's name of it: `us-west-2`.
    pub name: String,
    /// Where that is, for people: `Oregon`.
    pub place: String,
    /// How many nodes run in it.
    #[serde(default = "one")]
    pub nodes: u8,
    /// Networks that its edge trusts beside its own, as CIDR.
    #[serde(default)]
    pub trusted: Vec<String>,
    /// The start of the numbers of its phones, for instance `+1503`. Absent: no phones.
    #[serde(default)]
    pub prefix: Option<String>,
    /// Over what calls are delivered to them.
    #[serde(default)]
    pub phone_transport: PhoneTransport,
}

/// What the phones of a region listen on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PhoneTransport {
    /// Datagrams.
    #[default]
    Udp,
    /// Streams.
    Tcp,
    /// TLS, with a certificate of the world.
    Tls,
}

impl WorldSpec {
    /// The four US regions of the AWS whitepaper, one node each, phones in Oregon and Virginia.
    pub fn whitepaper() -> Self {
        let region = |name: &str, place: &str, prefix: Option<&str>| RegionSpec {
            name: name.into(),
            place: place.into(),
            nodes: 1,
            trusted: Vec::new(),
            prefix: prefix.map(Into::into),
            phone_transport: PhoneTransport::Udp,
        };
        Self {
            regions: vec![
                region("us-west-2", "Oregon", Some("+1503")),
                region("us-west-1", "California", None),
                region("us-east-2", "Ohio", None),
                region("us-east-1", "Virginia", Some("+1703")),
            ],
            mesh_domain: "lab.ringway.example".into(),
            relays: false,
            tuning: toml::Table::new(),
        }
    }

    /// Says what is wrong with it, if anything is.
    ///
    /// # Errors
    /// A sentence for the one who wrote it.
    pub fn check(&self) -> Result<(), String> {
        if !(2..=MAX_REGIONS).contains(&self.regions.len()) {
            return Err(format!("{} regions; 2 to {MAX_REGIONS} are possible", self.regions.len()));
        }
        let mut names = HashSet::new();
        for region in &self.regions {
            let name = &region.name;
            if !is_label(name) {
                return Err(format!("region name \"{name}\": lower-case letters, digits and - only"));
            }
            if !names.insert(name) {
                return Err(format!("region {name} stands there twice"));
            }
            if !(1..FIRST_PHONE).contains(&region.nodes) {
                return Err(format!("region {name}: {} nodes; 1 to 99 are possible", region.nodes));
            }
            if let Some(prefix) = region.prefix.as_deref().filter(|prefix| !is_prefix(prefix)) {
                return Err(format!("region {name}: prefix \"{prefix}\": + and digits only"));
            }
        }
        Ok(())
    }
}

/// The name of a node: the region's with its number, which keeps it readable in logs.
pub(super) fn node_name(region: &str, host: u8) -> String {
    let mut parts = region.split('-');
    let short = match (parts.next(), parts.next(), parts.next(), parts.next()) {
        // us-west-2: w2. Compass points alone are ambiguous between continents, but names are unique per region.
        (Some(_), Some(point), Some(number), None) => format!("{}{number}", &point[..1.min(point.len())]),
        _ => region.to_owned(),
    };
    format!("{short}-{host}")
}

/// Availability zone by turns, a to c.
pub(super) fn zone(region: &str, host: u8) -> String {
    let letter = char::from(b'a' + (host - 1) % 3);
    format!("{region}{letter}")
}

fn is_label(name: &str) -> bool {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    !name.is_empty() && name.chars().all(inner) && !name.starts_with('-') && !name.ends_with('-')
}

fn is_prefix(prefix: &str) -> bool {
    let digits = prefix.strip_prefix('+').unwrap_or(prefix);
    (1..=15).contains(&digits.len()) && digits.chars().all(|c| c.is_ascii_digit())
}

fn one() -> u8 {
    1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whitepaper_is_a_sound_world() {
        assert_eq!(WorldSpec::whitepaper().check(), Ok(()));
    }

    #[test]
    fn a_wrong_world_is_refused_with_the_reason() {
        let wrong = |change: fn(&mut WorldSpec)| {
            let mut spec = WorldSpec::whitepaper();
            change(&mut spec);
            spec.check().unwrap_err()
        };
        assert_eq!(wrong(|spec| spec.regions.truncate(1)), "1 regions; 2 to 15 are possible");
        assert!(wrong(|spec| spec.regions[0].name = "US West".into()).contains("lower-case letters"));
        assert_eq!(
            wrong(|spec| spec.regions[1].name = "us-west-2".into()),
            "region us-west-2 stands there twice"
        );
        assert!(wrong(|spec| spec.regions[2].nodes = 0).contains("1 to 99"));
        assert!(wrong(|spec| spec.regions[3].prefix = Some("+1-703".into())).contains("+ and digits only"));
    }

    #[test]
    fn nodes_and_zones_have_short_names() {
        assert_eq!(node_name("us-west-2", 1), "w2-1");
        assert_eq!(node_name("lab", 12), "lab-12");
        assert_eq!([zone("us-west-2", 1), zone("us-west-2", 4)], ["us-west-2a", "us-west-2a"]);
    }
}

//! The address plan: a whole world of regions inside 127.0.0.0/8.
//!
//! A world holds a base `b`; its regions are `b+1`, `b+2`, … in the order of the scenario. Node *n* of region *i*
//! really lives at 127.i.0.n. Region *i* sees node *n* of region *j* at 127.i.j.n, which is where the WAN
//! emulator listens. Phones and edge elements of region *i* live at 127.i.0.100 and up.

use std::{
    net::{Ipv4Addr, SocketAddrV4, TcpListener},
    sync::Arc,
};

/// SIP over UDP, on every node.
pub const SIP_PORT: u16 = 5060;
/// SIP over TLS, on every node.
pub const SIP_TLS_PORT: u16 = 5061;
/// Probes between regions, UDP.
pub const PROBE_PORT: u16 = 8620;
/// Tunnels between the media relays of two regions, UDP, to the first worker; the others have the ports above it.
pub const MEDIA_PORT: u16 = 8700;
/// gRPC of the media relay, TCP, never carried between regions.
pub const CONTROL_PORT: u16 = 8640;
/// The ng protocol of the media relay, UDP, never carried between regions.
pub const NG_PORT: u16 = 2223;
/// Mesh gRPC, TCP.
pub const MESH_PORT: u16 = 50050;
/// Admin gRPC, TCP, never carried between regions.
pub const ADMIN_PORT: u16 = 50051;
/// Prometheus metrics, TCP, never carried between regions.
pub const METRICS_PORT: u16 = 9090;

/// The last octet of the first phone of a region; nodes stay below it.
pub const FIRST_PHONE: u8 = 100;

/// Regions that fit between one base and the next.
pub const MAX_REGIONS: usize = BASE_STEP as usize - 1;

const BASE_STEP: u8 = 16;
const FIRST_BASE: u8 = 16;
const LAST_BASE: u8 = 224;
const GUARD_PORT: u16 = 5999;

/// Why a world found no room.
#[derive(Debug, thiserror::Error)]
pub enum AddressError {
    /// Every base is held by another lab.
    #[error("no free address block: labs hold all of 127.16.0.0 to 127.239.0.0")]
    Full,
    /// More regions than a block has numbers for.
    #[error("{0} regions; an address block holds {MAX_REGIONS}")]
    TooManyRegions(usize),
    /// More nodes in a region than the plan has numbers for.
    #[error("region {region}: {nodes} nodes; 1 to 99 are possible")]
    NodeCount {
        /// The region.
        region: String,
        /// What was asked for.
        nodes: u8,
    },
}

/// Where everything in a world lives. Clones share the claim; the last one to go gives the block back.
#[derive(Clone, Debug)]
pub struct AddressPlan {
    base: u8,
    regions: Arc<[(String, u8)]>,
    _guard: Arc<TcpListener>,
}

/// Something that has an address in a world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place<'a> {
    /// The region it really is in.
    pub region: &'a str,
    /// Its number there: nodes from 1, phones from [`FIRST_PHONE`].
    pub host: u8,
}

impl AddressPlan {
    /// Claims the first free block for these regions (name, number of nodes).
    ///
    /// # Errors
    /// When all blocks are taken, or the regions do not fit one.
    pub fn claim(regions: Vec<(String, u8)>) -> Result<Self, AddressError> {
        if regions.len() > MAX_REGIONS {
            return Err(AddressError::TooManyRegions(regions.len()));
        }
        if let Some((region, nodes)) = regions.iter().find(|(_, nodes)| !(1..FIRST_PHONE).contains(nodes)) {
            return Err(AddressError::NodeCount { region: region.clone(), nodes: *nodes });
        }
        let (base, guard) = (FIRST_BASE..=LAST_BASE)
            .step_by(BASE_STEP.into())
            .find_map(|base| {
                let guard = TcpListener::bind((Ipv4Addr::new(127, base, 0, 1), GUARD_PORT)).ok()?;
                Some((base, guard))
            })
            .ok_or(AddressError::Full)?;
        Ok(Self { base, regions: regions.into(), _guard: Arc::new(guard) })
    }

    /// The names of the regions, in their order.
    pub fn regions(&self) -> impl Iterator<Item = &str> {
        self.regions.iter().map(|(name, _)| name.as_str())
    }

    /// The first two octets of the block, for people.
    pub fn block(&self) -> String {
        format!("127.{}.0.0", self.base)
    }

    /// The second octet of a region's addresses.
    pub fn octet(&self, region: &str) -> Option<u8> {
        let index = self.regions.iter().position(|(name, _)| name == region)?;
        u8::try_from(index).ok().map(|index| self.base + 1 + index)
    }

    /// Every region as (octet, name, number of nodes).
    pub(crate) fn numbered(&self) -> impl Iterator<Item = (u8, &str, u8)> {
        (self.base + 1..)
            .zip(self.regions.iter())
            .map(|(octet, (name, nodes))| (octet, name.as_str(), *nodes))
    }

    /// Who stands behind an address, real or as seen from another region.
    pub fn locate(&self, address: Ipv4Addr) -> Option<Place<'_>> {
        let [127, viewer, seen, host] = address.octets() else { return None };
        let region = if seen == 0 { viewer } else { seen };
        self.numbered().find(|(octet, ..)| *octet == region).map(|(_, region, _)| Place { region, host })
    }
}

/// Where a host of a region really lives: 127.i.0.n.
pub(crate) fn real(region: u8, host: u8) -> Ipv4Addr {
    Ipv4Addr::new(127, region, 0, host)
}

/// Where region `viewer` sees a host of `region`: 127.i.j.n, or its real address at home.
pub(crate) fn seen_from(viewer: u8, region: u8, host: u8) -> Ipv4Addr {
    if viewer == region { real(region, host) } else { Ipv4Addr::new(127, viewer, region, host) }
}

/// A stand-in (127.i.j.n) taken apart: who sees whom there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StandIn {
    pub(crate) viewer: u8,
    pub(crate) region: u8,
    pub(crate) host: u8,
    pub(crate) port: u16,
}

impl StandIn {
    /// The mirror image of this stand-in: how those behind it see a sender who lives where it is seen. None for a
    /// sender from anywhere else.
    pub(crate) fn mirror(self, sender: SocketAddrV4) -> Option<Self> {
        match sender.ip().octets() {
            [127, home, 0, host] if home == self.viewer => {
                Some(Self { viewer: self.region, region: home, host, port: sender.port() })
            }
            _ => None,
        }
    }

    pub(crate) fn address(self) -> SocketAddrV4 {
        SocketAddrV4::new(seen_from(self.viewer, self.region, self.host), self.port)
    }

    /// The one it stands for.
    pub(crate) fn real(self) -> SocketAddrV4 {
        SocketAddrV4::new(real(self.region, self.host), self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan() -> AddressPlan {
        AddressPlan::claim(vec![("us-west-2".into(), 1), ("us-east-1".into(), 2)]).unwrap()
    }

    #[test]
    fn two_worlds_never_share_a_block() {
        let (one, two) = (plan(), plan());
        assert_ne!(one.block(), two.block());
    }

    #[test]
    fn an_address_leads_back_to_its_region_from_wherever_it_is_seen() {
        let plan = plan();
        let (west, east) = (plan.octet("us-west-2").unwrap(), plan.octet("us-east-1").unwrap());
        let place = Some(Place { region: "us-east-1", host: 2 });
        assert_eq!(plan.locate(real(east, 2)), place);
        assert_eq!(plan.locate(seen_from(west, east, 2)), place);
        assert_eq!(plan.locate(Ipv4Addr::new(192, 0, 2, 1)), None);
        assert_eq!(plan.octet("eu-west-1"), None);
    }

    #[test]
    fn a_world_that_does_not_fit_is_refused() {
        let crowd = (0..16).map(|n| (format!("r{n}"), 1)).collect();
        assert!(matches!(AddressPlan::claim(crowd), Err(AddressError::TooManyRegions(16))));
        assert!(matches!(AddressPlan::claim(vec![("r".into(), 0)]), Err(AddressError::NodeCount { .. })));
    }

    #[test]
    fn a_stand_in_and_its_sender_mirror_each_other() {
        let here = StandIn { viewer: 17, region: 18, host: 1, port: SIP_PORT };
        assert_eq!(here.address(), "127.17.18.1:5060".parse().unwrap());
        assert_eq!(here.real(), "127.18.0.1:5060".parse().unwrap());
        let sender = here.mirror("127.17.0.3:40000".parse().unwrap()).unwrap();
        assert_eq!(sender.address(), "127.18.17.3:40000".parse().unwrap());
        assert_eq!(here.mirror("127.19.0.3:40000".parse().unwrap()), None, "a stranger to region 17");
    }
}

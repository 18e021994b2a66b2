//! The configuration file of a node of the lab, as an operator would write it.

use serde::Serialize;

use super::spec::{PhoneTransport, WorldSpec, node_name, zone};
use crate::address::{
    ADMIN_PORT, AddressPlan, CONTROL_PORT, FIRST_PHONE, MEDIA_PORT, MESH_PORT, METRICS_PORT, NG_PORT,
    PROBE_PORT, SIP_PORT, SIP_TLS_PORT, real, seen_from,
};

/// Prints `node.toml` for a node; the files it names stand beside it.
pub(super) fn node_toml(spec: &WorldSpec, plan: &AddressPlan, region: &str, host: u8) -> String {
    let home = plan.octet(region).unwrap_or_else(|| unreachable!("a region of the plan: {region}"));
    let at = |port: u16| format!("{}:{port}", real(home, host));
    let file = NodeFile {
        node: Node {
            region,
            zone: zone(region, host),
            name: node_name(region, host),
            mesh_domain: &spec.mesh_domain,
        },
        log: Log { format: "json", level: "info" },
        metrics: Listen { listen: at(METRICS_PORT) },
        admin: Admin { listen: at(ADMIN_PORT), audit_file: "audit.jsonl", overrides_file: "overrides.json" },
        mesh: Mesh {
            listen: at(MESH_PORT),
            probe_listen: at(PROBE_PORT),
            seeds: seeds(plan, home, host),
            certificate: "node.pem",
            key: "node.key",
            authority: "ca.pem",
        },
        sip: Sip {
            listen: at(SIP_PORT),
            socket: [Socket { transport: "tls", listen: at(SIP_TLS_PORT) }],
            tls: Tls { certificate: "sip.pem", key: "sip.key", authority: "ca.pem" },
        },
        edge: Edge { trusted: trusted(spec, region, home) },
        dial: dial_plan(spec, plan),
        policy: PolicyFile { file: "policy.toml" },
        record: Record { folder: "record" },
        media: spec.relays.then(|| Media { relays: [format!("http://{}", at(CONTROL_PORT))] }),
        relay: spec.relays.then(|| Relay {
            ng_listen: at(NG_PORT),
            control_listen: at(CONTROL_PORT),
            workers: 1,
            interface: [Interface { name: "edge", listen: real(home, host).to_string() }],
            tunnels: Tunnels { listen: real(home, host).to_string(), port: MEDIA_PORT },
        }),
    };
    let table = toml::Table::try_from(&file).map(|table| tuned(table, &spec.tuning));
    let text = table.and_then(|table| toml::to_string(&table));
    text.unwrap_or_else(|error| unreachable!("strings and lists make TOML: {error}"))
}

/// One table over another, section by section.
fn tuned(mut table: toml::Table, tuning: &toml::Table) -> toml::Table {
    for (key, value) in tuning {
        let value = match (table.remove(key), value) {
            (Some(toml::Value::Table(section)), toml::Value::Table(tuning)) => tuned(section, tuning).into(),
            (_, value) => value.clone(),
        };
        table.insert(key.clone(), value);
    }
    table
}

/// The phones of a region, and whom the world adds.
fn trusted(spec: &WorldSpec, region: &str, home: u8) -> Vec<String> {
    let more =
        spec.regions.iter().filter(|other| other.name == region).flat_map(|other| other.trusted.clone());
    [format!("127.{home}.0.0/24")].into_iter().chain(more).collect()
}

/// Every other node, at the address at which this one sees it.
fn seeds(plan: &AddressPlan, home: u8, host: u8) -> Vec<String> {
    plan.numbered()
        .flat_map(|(region, _, nodes)| (1..=nodes).map(move |other| (region, other)))
        .filter(|other| *other != (home, host))
        .map(|(region, other)| format!("{}:{MESH_PORT}", seen_from(home, region, other)))
        .collect()
}

fn dial_plan<'a>(spec: &'a WorldSpec, plan: &AddressPlan) -> Vec<Dial<'a>> {
    spec.regions
        .iter()
        .filter_map(|region| {
            let octet = plan.octet(&region.name)?;
            let transport = match region.phone_transport {
                PhoneTransport::Udp => "",
                PhoneTransport::Tcp => ";transport=tcp",
                PhoneTransport::Tls => ";transport=tls",
            };
            let next = vec![format!("sip:{}:{SIP_PORT}{transport}", real(octet, FIRST_PHONE))];
            Some(Dial { prefix: region.prefix.as_deref()?, region: &region.name, next })
        })
        .collect()
}

#[derive(Serialize)]
struct NodeFile<'a> {
    node: Node<'a>,
    log: Log,
    metrics: Listen,
    admin: Admin,
    mesh: Mesh,
    sip: Sip,
    edge: Edge,
    dial: Vec<Dial<'a>>,
    policy: PolicyFile,
    record: Record,
    #[serde(skip_serializing_if = "Option::is_none")]
    media: Option<Media>,
    #[serde(skip_serializing_if = "Option::is_none")]
    relay: Option<Relay>,
}

#[derive(Serialize)]
struct Media {
    relays: [String; 1],
}

#[derive(Serialize)]
struct Relay {
    ng_listen: String,
    control_listen: String,
    workers: usize,
    tunnels: Tunnels,
    interface: [Interface; 1],
}

#[derive(Serialize)]
struct Tunnels {
    listen: String,
    port: u16,
}

#[derive(Serialize)]
struct Interface {
    name: &'static str,
    listen: String,
}

#[derive(Serialize)]
struct Node<'a> {
    region: &'a str,
    zone: String,
    name: String,
    mesh_domain: &'a str,
}

#[derive(Serialize)]
struct Log {
    format: &'static str,
    level: &'static str,
}

#[derive(Serialize)]
struct Listen {
    listen: String,
}

#[derive(Serialize)]
struct Admin {
    listen: String,
    audit_file: &'static str,
    overrides_file: &'static str,
}

#[derive(Serialize)]
struct Record {
    folder: &'static str,
}

#[derive(Serialize)]
struct Mesh {
    listen: String,
    probe_listen: String,
    seeds: Vec<String>,
    certificate: &'static str,
    key: &'static str,
    authority: &'static str,
}

#[derive(Serialize)]
struct Sip {
    listen: String,
    socket: [Socket; 1],
    tls: Tls,
}

#[derive(Serialize)]
struct Socket {
    transport: &'static str,
    listen: String,
}

#[derive(Serialize)]
struct Tls {
    certificate: &'static str,
    key: &'static str,
    authority: &'static str,
}

#[derive(Serialize)]
struct Edge {
    trusted: Vec<String>,
}

#[derive(Serialize)]
struct Dial<'a> {
    prefix: &'a str,
    region: &'a str,
    next: Vec<String>,
}

#[derive(Serialize)]
struct PolicyFile {
    file: &'static str,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_knows_its_neighbors_at_the_addresses_of_its_own_region() {
        let mut spec = WorldSpec::whitepaper();
        spec.regions[0].nodes = 2;
        let regions = spec.regions.iter().map(|region| (region.name.clone(), region.nodes)).collect();
        let plan = AddressPlan::claim(regions).unwrap();
        let home = plan.octet("us-west-2").unwrap();
        spec.tuning = "[mesh]\nlisten = \"elsewhere\"\n[router]\nhold_ms = 500".parse().unwrap();
        let text = node_toml(&spec, &plan, "us-west-2", 1);
        let file: toml::Table = text.parse().unwrap();
        let seeds: Vec<&str> =
            file["mesh"]["seeds"].as_array().unwrap().iter().map(|seed| seed.as_str().unwrap()).collect();
        let expected = [
            format!("127.{home}.0.2:50050"),
            format!("127.{home}.{}.1:50050", home + 1),
            format!("127.{home}.{}.1:50050", home + 2),
            format!("127.{home}.{}.1:50050", home + 3),
        ];
        assert_eq!(seeds, expected);
        assert_eq!(file["node"]["name"].as_str(), Some("w2-1"));
        assert_eq!(file["mesh"]["listen"].as_str(), Some("elsewhere"), "tuned");
        assert_eq!(file["router"]["hold_ms"].as_integer(), Some(500));
        assert_eq!(file["node"]["zone"].as_str(), Some("us-west-2a"));
        assert_eq!(file["sip"]["listen"].as_str(), Some(&*format!("127.{home}.0.1:5060")));
        assert_eq!(file["sip"]["socket"][0]["listen"].as_str(), Some(&*format!("127.{home}.0.1:5061")));
        assert_eq!(file["edge"]["trusted"][0].as_str(), Some(&*format!("127.{home}.0.0/24")));
        assert_eq!(file["dial"].as_array().unwrap().len(), 2);
        assert_eq!(file["dial"][1]["next"][0].as_str(), Some(&*format!("sip:127.{}.0.100:5060", home + 3)));
    }
}

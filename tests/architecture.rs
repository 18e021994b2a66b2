//! The shape of the house: which crate may lean on which, what may not stand in pure code, and who knows the wire
//! types. `ARCHITECTURE.md` draws what is checked here.

mod source;

use cargo_metadata::{DependencyKind, MetadataCommand};
use source::{Source, code, files};
use std::collections::{BTreeMap, BTreeSet};

/// Every crate, and the crates of the house that it may use. All arrows point to a line further down, so there is no
/// circle.
const ARROWS: [(&str, &[&str]); 8] = [
    (
        "ringway",
        &[
            "ringway-lab",
            "ringway-media",
            "ringway-proxy",
            "ringway-node",
            "ringway-proto",
            "ringway-router",
            "ringway-sip",
        ],
    ),
    ("ringway-lab", &["ringway-node", "ringway-proto"]),
    ("ringway-media", &["ringway-node", "ringway-proto", "ringway-router", "ringway-sip"]),
    ("ringway-proxy", &["ringway-node", "ringway-proto", "ringway-router", "ringway-sip"]),
    ("ringway-node", &[]),
    ("ringway-proto", &[]),
    ("ringway-router", &[]),
    ("ringway-sip", &[]),
];

/// All that a pure crate may use from outside.
const PURE_CRATES: [(&str, &[&str]); 2] = [
    ("ringway-sip", &["bytes", "memchr", "thiserror"]),
    ("ringway-router", &["petgraph", "serde", "thiserror", "toml"]),
];

/// Where pure code lives: no socket, no async, no clock, no chance, no global (DESIGN §2).
const PURE: [&str; 31] = [
    "sip/src/",
    "router/src/",
    "proxy/src/core/",
    "media/src/core/",
    "media/src/desk/report.rs",
    "media/src/ng/",
    "media/src/path/trace.rs",
    "media/src/steering/book.rs",
    "proxy/src/location/aor.rs",
    "proxy/src/location/binding.rs",
    "proxy/src/location/change.rs",
    "proxy/src/location/fingerprint.rs",
    "proxy/src/location/shelf.rs",
    "proxy/src/location/store.rs",
    "proxy/src/location/targets.rs",
    "proxy/src/media/choice.rs",
    "proxy/src/probe/session.rs",
    "proxy/src/probe/packet.rs",
    "proxy/src/probe/reflector.rs",
    "proxy/src/probe/replay.rs",
    "proxy/src/probe/pace.rs",
    "proxy/src/mesh/statement.rs",
    "proxy/src/mesh/convert.rs",
    "proxy/src/mesh/convert/binding.rs",
    "proxy/src/mesh/convert/flood.rs",
    "proxy/src/mesh/exchange.rs",
    "proxy/src/mesh/flood.rs",
    "proxy/src/mesh/flood/",
    "proxy/src/mesh/ledger.rs",
    "proxy/src/mesh/relay.rs",
    "proxy/src/mesh/word.rs",
];

/// What has no place there. A word stands for itself, whole; `a::b` for that path, and for `b` in a group `a::{…, b}`.
const IMPURE: [&str; 32] = [
    "tokio",
    "tonic",
    "async",
    "await",
    "net::UdpSocket",
    "net::TcpStream",
    "net::TcpListener",
    "socket2",
    "Instant::now",
    "SystemTime",
    "time::UNIX_EPOCH",
    "Clock",
    "ringway_node::clock",
    "ringway_node::chance",
    "std::thread",
    "std::fs",
    "std::env",
    "std::process",
    "static mut",
    "thread_local",
    "OnceLock",
    "LazyLock",
    "rand",
    "fastrand::u64",
    "fastrand::f64",
    "fastrand::seed",
    "Rng::new",
    "tracing",
    "println",
    "eprintln",
    "print",
    "dbg",
];

/// The cores of the proxy and the relay, besides, know only the two pure crates, not the shell around it.
const OUTSIDE_THE_CORE: [&str; 15] = [
    "ringway_node",
    "ringway_proto",
    "crate::admin",
    "crate::config",
    "crate::control",
    "crate::desk",
    "crate::media",
    "crate::mesh",
    "crate::metrics",
    "crate::ng",
    "crate::path",
    "crate::probe",
    "crate::service",
    "crate::steering",
    "crate::worker",
];

/// The rooms that know the wire types: the doors (`convert.rs`), what carries frames unopened, the rooms that
/// serve the admin API and those that ask it, and the client of etcd. Everything else speaks the house's own types.
const WIRE_DOORS: [&str; 19] = [
    "media/src/control/",
    "proxy/src/admin/",
    "proxy/src/control/mod.rs",
    "proxy/src/control/state.rs",
    "proxy/src/control/streams.rs",
    "proxy/src/media/convert.rs",
    "proxy/src/media/relay.rs",
    "proxy/src/media/steer.rs",
    "proxy/src/mesh/convert.rs",
    "proxy/src/mesh/convert/binding.rs",
    "proxy/src/mesh/convert/flood.rs",
    "proxy/src/mesh/convert/relay.rs",
    "proxy/src/mesh/dialer.rs",
    "proxy/src/mesh/server.rs",
    "proxy/src/mesh/stream.rs",
    "proxy/src/policy/etcd/",
    "lab/src/world/admin.rs",
    "lab/src/world/relay.rs",
    "src/verbs/",
];

#[test]
fn arrows_between_crates_point_down() {
    let crates = crates();
    let known: BTreeSet<&str> = ARROWS.iter().map(|(name, _)| *name).collect();
    let found: BTreeSet<&str> = crates.keys().map(String::as_str).collect();
    assert_eq!(found, known, "the crates of the workspace and ARROWS differ");
    let inside = |dependency: &&String| known.contains(dependency.as_str());
    for (name, allowed) in ARROWS {
        let used = crates[name].iter().filter(inside);
        let wrong: Vec<_> = used.filter(|used| !allowed.contains(&used.as_str())).collect();
        assert!(wrong.is_empty(), "{name} may not use {wrong:?}");
    }
}

#[test]
fn allowed_arrows_make_no_circle() {
    let place = |name: &str| ARROWS.iter().position(|(crate_name, _)| *crate_name == name);
    for (name, allowed) in ARROWS {
        for used in allowed {
            assert!(place(used) > place(name), "{name} -> {used} does not point down the list");
        }
    }
}

#[test]
fn pure_crates_use_a_closed_list() {
    let crates = crates();
    for (name, allowed) in PURE_CRATES {
        let wrong: Vec<_> = crates[name].iter().filter(|used| !allowed.contains(&used.as_str())).collect();
        assert!(wrong.is_empty(), "{name} is pure and may not use {wrong:?}");
    }
}

#[test]
fn pure_code_has_no_socket_clock_chance_or_global() {
    let pure = rooms(&PURE);
    for place in PURE {
        assert!(pure.iter().any(|file| file.name.starts_with(place)), "{place} is not there any more");
    }
    report(pure.iter().flat_map(|file| findings(file, &IMPURE)));
}

#[test]
fn the_core_does_not_know_its_shell() {
    let core = rooms(&["proxy/src/core/", "media/src/core/"]);
    report(core.iter().flat_map(|file| findings(file, &OUTSIDE_THE_CORE)));
}

#[test]
fn wire_types_stop_at_the_doors() {
    let all = ["lab/src", "media/src", "node/src", "proxy/src", "router/src", "sip/src", "src"];
    let files: Vec<Source> = all.iter().flat_map(|folder| files(folder, "rs")).collect();
    let uses = |file: &&Source| !findings(file, &["ringway_proto"]).is_empty();
    let using: Vec<&str> = files.iter().filter(uses).map(|file| file.name.as_str()).collect();
    let is_door = |name: &&str| WIRE_DOORS.iter().any(|door| name.starts_with(door));
    let wrong: Vec<&&str> = using.iter().filter(|name| !is_door(name)).collect();
    assert!(wrong.is_empty(), "these are no doors, and use ringway_proto: {wrong:?}");
    for door in WIRE_DOORS {
        assert!(
            using.iter().any(|name| name.starts_with(door)),
            "{door} is a door no more: take it off the list"
        );
    }
}

/// Every crate of the workspace and what it needs to be built (not what its tests need).
fn crates() -> BTreeMap<String, Vec<String>> {
    let metadata = MetadataCommand::new()
        .manifest_path(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"))
        .no_deps()
        .other_options(["--offline".to_owned()])
        .exec()
        .expect("cargo metadata describes the workspace");
    let built = |kind: DependencyKind| kind != DependencyKind::Development;
    let dependencies = |package: &cargo_metadata::Package| {
        let used = package.dependencies.iter().filter(|used| built(used.kind));
        used.map(|used| used.name.clone()).collect()
    };
    metadata.packages.iter().map(|package| (package.name.to_string(), dependencies(package))).collect()
}

/// The files at these places, without those that are tests through and through.
fn rooms(places: &[&str]) -> Vec<Source> {
    let folders: BTreeSet<&str> =
        places.iter().filter_map(|place| place.split_once("/src").map(|(name, _)| name)).collect();
    let mut all: Vec<Source> =
        folders.iter().flat_map(|folder| files(&format!("{folder}/src"), "rs")).collect();
    let tests: Vec<String> = all.iter().flat_map(test_modules).collect();
    let is_test = |name: &str| tests.iter().any(|test| name.starts_with(test.as_str()));
    all.retain(|file| places.iter().any(|place| file.name.starts_with(place)) && !is_test(&file.name));
    all
}

/// Where the modules stand that this file declares under `#[cfg(test)]`: `room/tests.rs`, and `room/tests/` below it.
fn test_modules(file: &Source) -> Vec<String> {
    let (folder, name) = file.name.rsplit_once('/').unwrap_or(("", &file.name));
    let room = match name {
        "lib.rs" | "main.rs" | "mod.rs" => folder.to_owned(),
        _ => file.name.trim_end_matches(".rs").to_owned(),
    };
    let declared = file.text.split("#[cfg(test)]\n").skip(1).flat_map(|item| {
        let (path, item) = match item.strip_prefix("#[path = \"").and_then(|rest| rest.split_once("\"]\n")) {
            Some((path, item)) => (Some(path), item),
            None => (None, item),
        };
        let module =
            item.strip_prefix("mod ").and_then(|rest| rest.split_once(';')).map(|(module, _)| module);
        match (path, module.filter(|module| !module.contains('{'))) {
            (Some(path), _) => vec![format!("{folder}/{path}")],
            (None, Some(module)) => vec![format!("{room}/{module}.rs"), format!("{room}/{module}/")],
            (None, None) => Vec::new(),
        }
    });
    declared.collect()
}

/// `file:line: name` for each of the names that the code of this file has in it.
fn findings(file: &Source, names: &[&str]) -> Vec<String> {
    let code = code(&file.text);
    let mut found = Vec::new();
    for name in names {
        for at in occurrences(&code, name) {
            let line = 1 + code[..at].matches('\n').count();
            found.push(format!("{}:{line}: {name}", file.name));
        }
    }
    found
}

/// Where a name stands as a whole word or path; and where `b` of `a::b` stands in a group that follows `a::`.
fn occurrences(code: &str, name: &str) -> Vec<usize> {
    let mut all = words(code, name);
    if let Some((room, item)) = name.rsplit_once("::") {
        for at in words(code, room) {
            let start = at + room.len();
            let Some(group) = code[start..].strip_prefix("::{") else { continue };
            let end = group.find(';').unwrap_or(group.len());
            all.extend(words(&group[..end], item).into_iter().map(|inner| start + "::{".len() + inner));
        }
    }
    all
}

fn words(text: &str, word: &str) -> Vec<usize> {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    let whole = |at: &usize| {
        !text[..*at].chars().next_back().is_some_and(part)
            && !text[at + word.len()..].chars().next().is_some_and(part)
    };
    text.match_indices(word).map(|(at, _)| at).filter(whole).collect()
}

fn report(findings: impl Iterator<Item = String>) {
    let findings: Vec<String> = findings.collect();
    assert!(findings.is_empty(), "not here:\n{}", findings.join("\n"));
}

#[test]
fn each_impurity_is_found_with_its_line() {
    for name in IMPURE {
        let text = format!("// {name}\nfn pure() {{\n    {name};\n}}\n");
        let file = Source { name: "pure.rs".into(), text };
        assert!(findings(&file, &IMPURE).contains(&format!("pure.rs:3: {name}")), "{name}");
    }
}

#[test]
fn only_what_is_declared_as_a_test_is_left_out() {
    let text = "mod a;\n#[cfg(test)]\nmod t;\n#[cfg(test)]\n#[path = \"p.rs\"]\nmod q;\n#[cfg(test)]\nmod i { use x; }\n";
    let tests = |name: &str| test_modules(&Source { name: name.into(), text: text.into() });
    assert_eq!(tests("sip/src/mod.rs"), ["sip/src/t.rs", "sip/src/t/", "sip/src/p.rs"]);
    assert_eq!(tests("sip/src/m.rs"), ["sip/src/m/t.rs", "sip/src/m/t/", "sip/src/p.rs"]);
}

#[test]
fn groups_are_looked_into_and_lookalikes_are_left_alone() {
    let file = |text: &str| Source { name: "f.rs".into(), text: text.into() };
    let bad = file("use std::{\n    cmp,\n    net::{IpAddr, UdpSocket},\n    fs,\n};");
    assert_eq!(findings(&bad, &IMPURE), ["f.rs:3: net::UdpSocket", "f.rs:4: std::fs"]);
    let good =
        file("use std::net::{IpAddr, SocketAddr};\nuse fastrand::Rng;\nlet operand = footprint(offset.fs);");
    assert_eq!(findings(&good, &IMPURE), [""; 0]);
    let tested =
        file("#[cfg(test)]\nmod tests {\n    fn t() { Instant::now(); }\n}\nfn f() { Instant::now() }");
    assert_eq!(findings(&tested, &IMPURE), ["f.rs:5: Instant::now"]);
}

//! The house tests itself: small files, finished code, links that lead somewhere, and papers that say what the code
//! does. Every example in the papers goes through the program that it is written for.

mod papers;
mod source;

use papers::Paper;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, SanType};
use ringway_router::Policy;
use source::{Source, code, files};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

/// Lines that no file exceeds, that nine in ten stay under, and that the file in the middle has at most (DESIGN §2).
const LINES_MAX: usize = 600;
const LINES_OF_NINE_IN_TEN: usize = 400;
const LINES_MEDIAN: usize = 220;

/// Sections and their keys.
type Keys = BTreeMap<String, BTreeSet<String>>;

/// Where the configuration's structs stand.
const CONFIG_SOURCES: [&str; 10] = [
    "media/src/config.rs",
    "node/src/config.rs",
    "node/src/dns/settings.rs",
    "proxy/src/config/admin.rs",
    "proxy/src/config/media.rs",
    "proxy/src/config/mod.rs",
    "proxy/src/config/policy.rs",
    "proxy/src/config/registrar.rs",
    "proxy/src/config/sip.rs",
    "router/src/settings.rs",
];

#[test]
fn rooms_are_small() {
    let all = files("", "rs");
    let wrong = oversized(&all);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn nothing_is_unfinished_or_silenced_without_a_reason() {
    let found: Vec<String> = files("", "rs").iter().flat_map(unfinished).collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn links_lead_somewhere() {
    let papers = files("", "md");
    assert!(papers.len() > 5, "the papers are gone");
    let dead: Vec<String> = papers.iter().flat_map(dead_links).collect();
    assert!(dead.is_empty(), "{}", dead.join("\n"));
}

#[test]
fn the_configuration_reference_is_the_code() {
    let wrong = mismatches(&Paper::new(&file("docs/configuration.md").text).keys(), &config_keys());
    assert!(wrong.is_empty(), "docs/configuration.md:\n{}", wrong.join("\n"));
}

#[test]
fn the_policy_reference_is_the_code() {
    let source = file("router/src/policy/parse/shapes.rs").text;
    let known = [("rule", "Entry"), ("match", "Scope"), ("when", "When"), ("cost", "CostEntry")]
        .map(|(section, name)| (section.to_owned(), fields(&source, name).into_keys().collect()));
    let wrong = mismatches(&Paper::new(&file("docs/policies.md").text).keys(), &known.into());
    assert!(wrong.is_empty(), "docs/policies.md:\n{}", wrong.join("\n"));
}

#[test]
fn every_example_of_a_configuration_is_good() {
    let examples = examples("[node]");
    assert!(
        examples.iter().any(|(place, _)| place.starts_with("docs/configuration.md")),
        "no complete example"
    );
    for (place, text) in examples {
        let output = check(&place, &text);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{place}: {said}");
    }
}

#[test]
fn an_example_with_a_typo_is_refused_with_its_line() {
    let (_, good) = examples("[node]").swap_remove(0);
    let line = 1 + good.lines().position(|line| line.starts_with("[dns]")).expect("the example has [dns]");
    let output = check("typo", &good.replace("[dns]", "[dsn]"));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && said.contains(&format!("node.toml:{line}:")), "{said}");
}

#[test]
fn every_example_of_a_policy_is_good_and_every_action_has_one() {
    let examples = examples("revision =");
    for (place, text) in &examples {
        if let Err(why) = Policy::parse(text) {
            panic!("{place}: {why}");
        }
    }
    for action in ["forbid", "avoid", "prefer", "pin", "max_relays"] {
        let shown = |(place, text): &(String, String)| {
            place.starts_with("docs/policies.md") && text.lines().any(|line| line.starts_with(action))
        };
        assert!(examples.iter().any(shown), "docs/policies.md shows no {action}");
    }
}

#[test]
fn every_log_line_of_a_node_is_explained() {
    let rust: Vec<Source> =
        ["node/src", "media/src", "proxy/src", "src"].iter().flat_map(|room| files(room, "rs")).collect();
    let lines: BTreeSet<String> = rust.iter().flat_map(|file| log_lines(&file.text)).collect();
    assert!(lines.contains("node runs"), "the scan finds no log lines: {lines:?}");
    let paper = file("docs/operations.md").text;
    let silent: Vec<_> = lines.iter().filter(|line| !paper.contains(&format!("`{line}`"))).collect();
    assert!(silent.is_empty(), "docs/operations.md does not explain {silent:?}");
}

/// One file of the house.
fn file(name: &str) -> Source {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name));
    Source { name: name.to_owned(), text: text.unwrap_or_else(|why| panic!("{name}: {why}")) }
}

fn oversized(files: &[Source]) -> Vec<String> {
    let mut sizes: Vec<usize> = files.iter().map(|file| file.text.lines().count()).collect();
    sizes.sort_unstable();
    let large = files.iter().filter(|file| file.text.lines().count() > LINES_MAX);
    let mut wrong: Vec<String> =
        large.map(|file| format!("{}: more than {LINES_MAX} lines", file.name)).collect();
    let ninth = sizes[sizes.len() * 9 / 10];
    if ninth >= LINES_OF_NINE_IN_TEN {
        wrong.push(format!("a tenth of all files has {ninth} lines or more"));
    }
    let median = sizes[sizes.len() / 2];
    if median > LINES_MEDIAN {
        wrong.push(format!("the file in the middle has {median} lines"));
    }
    wrong
}

fn unfinished(file: &Source) -> Vec<String> {
    let code = code(&file.text);
    let mut found = Vec::new();
    let mut say = |at: usize, what: &str| {
        found.push(format!("{}:{}: {what}", file.name, 1 + code[..at].matches('\n').count()));
    };
    for word in ["todo!", "unimplemented!", "#[ignore]"] {
        code.match_indices(word).for_each(|(at, _)| say(at, word));
    }
    for open in ["#[allow(", "#![allow("] {
        for (at, _) in code.match_indices(open) {
            let end = code[at..].find(")]").map_or(code.len(), |end| at + end);
            if !code[at..end].contains("reason = \"") {
                say(at, "allow without a reason");
            }
        }
    }
    found
}

/// The messages that a text logs: the last literal of each `tracing` macro, unless it is put together at run time.
fn log_lines(text: &str) -> Vec<String> {
    let macros = ["tracing::error!(", "tracing::warn!(", "tracing::info!(", "tracing::debug!("];
    let calls = macros.iter().flat_map(|name| text.split(name).skip(1));
    let message = |call: &str| {
        // No message has a parenthesis and a semicolon, comma or brace right behind one another in it.
        let end = [");", "),\n", ")\n"].iter().filter_map(|end| call.find(end)).min()?;
        let line = call[..end].rsplit('"').nth(1)?;
        (!line.contains('{')).then(|| line.to_owned())
    };
    calls.filter_map(message).collect()
}

fn dead_links(paper: &Source) -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let here = root.join(&paper.name);
    let folder = here.parent().expect("a file stands in a folder");
    let is_dead = |target: &str| {
        let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
        let file = if path.is_empty() { here.clone() } else { folder.join(path) };
        let has = |text: String| anchor.is_empty() || Paper::new(&text).anchors().contains(anchor);
        !file.exists() || (!anchor.is_empty() && !fs::read_to_string(&file).is_ok_and(has))
    };
    let inside = |target: &String| !target.contains("://") && !target.starts_with("mailto:");
    let links = Paper::new(&paper.text).links().into_iter();
    links
        .filter(|(_, target)| inside(target) && is_dead(target))
        .map(|(line, target)| format!("{}:{line}: {target} leads nowhere", paper.name))
        .collect()
}

/// Section by section, what the paper has and the code does not, and the other way round.
fn mismatches(paper: &Keys, code: &Keys) -> Vec<String> {
    let flat = |keys: &Keys| -> BTreeSet<String> {
        keys.iter()
            .flat_map(|(section, keys)| keys.iter().map(move |key| format!("{section}.{key}")))
            .collect()
    };
    let (paper, code) = (flat(paper), flat(code));
    let invented = paper.difference(&code).map(|key| format!("{key} is in the paper, not in the code"));
    let missing = code.difference(&paper).map(|key| format!("{key} is in the code, not in the paper"));
    invented.chain(missing).collect()
}

/// Every section that the file of a node may have, with its keys, as serde reads them.
fn config_keys() -> Keys {
    let sources: Vec<String> = CONFIG_SOURCES.iter().map(|name| file(name).text).collect();
    let sections = fields(&file("src/config.rs").text, "File");
    assert!(sections.len() > 5, "the scan of src/config.rs finds too little: {sections:?}");
    let fields_of = |kind: &str| {
        let name = kind.trim_start_matches("Vec<").trim_start_matches("Option<").trim_end_matches('>');
        sources.iter().map(|text| fields(text, name)).find(|found| !found.is_empty())
    };
    let mut keys = Keys::new();
    for (section, kind) in &sections {
        let found = fields_of(kind);
        let found = found.unwrap_or_else(|| panic!("struct {kind} is in none of {CONFIG_SOURCES:?}"));
        // A key whose value is a struct of ours is a section of its own: `[sip.tls]`.
        for (key, kind) in found {
            match fields_of(&kind) {
                Some(inner) => keys.insert(format!("{section}.{key}"), inner.into_keys().collect()).map(drop),
                None => keys.entry(section.clone()).or_default().insert(key).then_some(()),
            };
        }
    }
    keys
}

/// The keys of a struct as serde reads them, and their types. Empty when the struct is not in this text.
fn fields(source: &str, name: &str) -> BTreeMap<String, String> {
    let head = format!("struct {name} {{");
    let Some((_, rest)) = source.split_once(&head) else { return BTreeMap::new() };
    let body = rest.split("\n}").next().unwrap_or_default();
    let mut renamed = None;
    let mut fields = BTreeMap::new();
    for line in body.lines().map(str::trim).filter(|line| !line.starts_with("//")) {
        if let Some((_, new)) = line.split_once("rename = \"") {
            renamed = new.split('"').next().map(str::to_owned);
        } else if let Some((field, kind)) = line.trim_end_matches(',').split_once(": ")
            && !line.starts_with('#')
        {
            let field = field.trim_start_matches("pub ").trim_start_matches("pub(crate) ").to_owned();
            fields.insert(renamed.take().unwrap_or(field), kind.to_owned());
        }
    }
    fields
}

/// Every TOML example and every TOML file in `docs/` and `deploy/` that has this in it, with its place.
fn examples(mark: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for folder in ["docs", "deploy"] {
        if !Path::new(env!("CARGO_MANIFEST_DIR")).join(folder).exists() {
            continue;
        }
        found.extend(files(folder, "toml").into_iter().map(|file| (file.name, file.text)));
        for paper in files(folder, "md") {
            for (line, text) in Paper::new(&paper.text).examples("toml") {
                found.push((format!("{}:{line}", paper.name), text.to_owned()));
            }
        }
    }
    found.retain(|(_, text)| text.contains(mark));
    found
}

/// `ringway check` on this text, with certificates that fit it.
fn check(place: &str, text: &str) -> Output {
    let name: String = place.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("house").join(name);
    fs::create_dir_all(&folder).expect("a folder for the example");
    let values = |key: &str| {
        let lines =
            text.lines().filter(move |line| line.split('=').next().is_some_and(|found| found.trim() == key));
        lines.filter_map(|line| line.split('"').nth(1)).collect::<Vec<_>>()
    };
    let value = |key: &str| *values(key).first().unwrap_or_else(|| panic!("{place}: no {key}"));
    let (authority, certificate, key) = papers_of(value("mesh_domain"), value("region"), value("name"));
    for (named, pem) in [("authority", authority), ("certificate", certificate), ("key", key)] {
        // Those of `[sip.tls]` and for etcd, where an example has them, as well as those of `[mesh]`.
        for name in values(named).into_iter().chain(values(&format!("etcd_{named}"))) {
            let path = folder.join(name);
            fs::create_dir_all(path.parent().expect("a file stands in a folder"))
                .expect("a folder for PEM files");
            fs::write(path, &pem).expect("a PEM file");
        }
    }
    for name in values("etcd_password") {
        fs::write(folder.join(name), "secret\n").expect("a password");
    }
    let config = folder.join("node.toml");
    fs::write(&config, text).expect("the example as a file");
    Command::new(env!("CARGO_BIN_EXE_ringway"))
        .args(["check", "--config"])
        .arg(config)
        .output()
        .expect("the program runs")
}

/// Authority, certificate and key of a node, PEM.
fn papers_of(mesh_domain: &str, region: &str, node: &str) -> (String, String, String) {
    let mut params = CertificateParams::new(Vec::<String>::new()).expect("no names");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    let authority =
        CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("an authority");
    let mut params = CertificateParams::new(vec![mesh_domain.to_owned()]).expect("a DNS name");
    let id = format!("spiffe://{mesh_domain}/{region}/{node}");
    params.subject_alt_names.push(SanType::URI(id.try_into().expect("a URI is ASCII")));
    let key = KeyPair::generate().expect("a key");
    let certificate = params.signed_by(&key, &authority).expect("a certificate");
    (authority.pem(), certificate.pem(), key.serialize_pem())
}

#[test]
fn the_checks_can_fail() {
    let source = |text: &str| Source { name: "docs/f".into(), text: text.into() };
    let long = oversized(&[source(&"\n".repeat(LINES_MAX + 1)), source("\n")]);
    assert_eq!(long.len(), 3, "too long, and so are the tenth and the middle: {long:?}");

    let bad =
        "fn f() { todo!() }\n#[ignore]\n#[ignore = \"why\"]\n#[allow(x)]\n#[allow(x, reason = \"why\")]\n";
    let found = unfinished(&source(bad));
    assert_eq!(found, ["docs/f:1: todo!", "docs/f:2: #[ignore]", "docs/f:4: allow without a reason"]);

    let links =
        "[a](nowhere.md) [b](configuration.md) [c](configuration.md#no-such-heading)\n[d](https://e.example)";
    let dead = dead_links(&source(links));
    assert_eq!(dead.len(), 2, "{dead:?}");

    let keys = |section: &str, key: &str| Keys::from([(section.to_owned(), [key.to_owned()].into())]);
    assert_eq!(mismatches(&keys("sip", "a"), &keys("sip", "a")), [""; 0]);
    assert_eq!(mismatches(&keys("sip", "a"), &keys("sip", "b")).len(), 2);

    let logs = "tracing::info!(a = %b.c(), \"one\");\nErr(e) => tracing::warn!(\n    x, \"two, too\"\n),\ntracing::error!(\"{e}\");\n";
    assert_eq!(log_lines(logs), ["two, too", "one"]);

    let text = "pub struct T {\n    /// Doc: not a key.\n    pub a_ms: u64,\n    #[serde(rename = \"c_ms\", with = \"m\")]\n    b: D,\n}\n";
    let keys: Vec<(String, String)> = fields(text, "T").into_iter().collect();
    assert_eq!(keys, [("a_ms".into(), "u64".into()), ("c_ms".into(), "D".into())]);
}

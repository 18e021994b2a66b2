//! What the house publishes is a golden file: the gRPC contracts, the command line, the metrics. A change shows in
//! review. `RINGWAY_BLESS=1 cargo test --test golden` writes the files anew.

use prost::Message as _;
use prost_types::{
    DescriptorProto, FileDescriptorProto, FileDescriptorSet, MethodDescriptorProto,
    field_descriptor_proto::{Label, Type},
};
use ringway_media::{
    core::{Lane, mesh, steer::Why},
    metrics::{Fate as RelayFate, Metrics as RelayMetrics, Sums},
    path::{Shift, Use},
};
use ringway_node::clock::Clock;
use ringway_proxy::{
    core::{
        media::Fate,
        output::{Dropped, HopEvent, HopSign, Note},
        overload::News,
    },
    metrics::Metrics,
    options::Sounding,
};
use ringway_router::{Region, Time};
use std::{collections::BTreeSet, env, fmt::Write as _, fs, path::Path, process::Command, time::Duration};

#[test]
fn the_contracts() {
    let set = FileDescriptorSet::decode(ringway_proto::DESCRIPTOR).expect("a descriptor set is compiled in");
    check("proto.txt", &set.file.iter().map(contract).collect::<String>());
}

#[test]
fn the_command_line() {
    let mut text = String::new();
    help(&[], &mut text);
    check("help.txt", &text);
}

#[test]
fn the_metrics() {
    check("metrics.txt", &metrics());
}

#[test]
fn no_metric_is_missing_from_the_golden_file_or_from_the_papers() {
    let text = metrics();
    let named: BTreeSet<&str> = text.lines().filter_map(|line| line.split(' ').next()).collect();
    let source = [
        include_str!("../media/src/metrics.rs"),
        include_str!("../proxy/src/metrics.rs"),
        include_str!("../proxy/src/metrics/hops.rs"),
        include_str!("../proxy/src/metrics/media.rs"),
        include_str!("../proxy/src/metrics/overload.rs"),
    ]
    .concat();
    let structs = source.split("struct ").skip(1);
    let fields = structs.flat_map(|one| one.split("\n}").next().unwrap_or_default().lines());
    let declared = fields.filter(|line| ["Counter", "Gauge", "Histogram"].iter().any(|k| line.contains(k)));
    assert_eq!(named.len(), declared.count(), "a metric that no sample touches: let metrics() touch it");

    let paper = include_str!("../docs/operations.md");
    let words = paper.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    let documented: BTreeSet<&str> =
        words.filter(|word| word.strip_prefix("ringway_").is_some_and(|rest| rest.contains('_'))).collect();
    assert_eq!(documented, named, "left: docs/operations.md; right: what /metrics prints");
}

#[test]
fn a_difference_is_shown_line_by_line() {
    assert_eq!(difference("a\nb\nc\n", "a\nx\nc\nd\n"), "  a\n- b\n+ x\n  c\n+ d\n");
    let long = "1\n2\n3\n4\n5\n6\n7\n";
    assert_eq!(difference(long, &long.replace('5', "five")), "  ⋮\n  3\n  4\n- 5\n+ five\n  6\n  7\n");
}

/// Compares with the golden file, or writes it.
fn check(name: &str, actual: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if env::var_os("RINGWAY_BLESS").is_some() {
        return fs::write(&file, actual).unwrap_or_else(|why| panic!("{name}: {why}"));
    }
    let golden = fs::read_to_string(&file).unwrap_or_default();
    assert!(
        golden == actual,
        "tests/golden/{name} is not what is published now (- golden, + now):\n{}\n\
         If this is meant: RINGWAY_BLESS=1 cargo test --test golden, and say it in CHANGELOG.md",
        difference(&golden, actual)
    );
}

/// What differs, with the lines around it: those only in `old` with `-`, those only in `new` with `+`.
fn difference(old: &str, new: &str) -> String {
    const AROUND: usize = 2;
    let lines = aligned(old, new);
    let near = |n: usize| {
        let (from, to) = (n.saturating_sub(AROUND), (n + AROUND + 1).min(lines.len()));
        lines[from..to].iter().any(|(sign, _)| *sign != ' ')
    };
    let mut text = String::new();
    for (n, (sign, line)) in lines.iter().enumerate() {
        if near(n) {
            let _ = writeln!(text, "{sign} {line}");
        } else if n == 0 || near(n - 1) {
            text.push_str("  ⋮\n");
        }
    }
    text
}

/// All lines of both texts with `-`, `+` or a space (longest common subsequence).
fn aligned<'a>(old: &'a str, new: &'a str) -> Vec<(char, &'a str)> {
    let (old, new): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
    let mut common = vec![vec![0_usize; new.len() + 1]; old.len() + 1];
    for i in (0..old.len()).rev() {
        for j in (0..new.len()).rev() {
            common[i][j] = if old[i] == new[j] {
                common[i + 1][j + 1] + 1
            } else {
                common[i + 1][j].max(common[i][j + 1])
            };
        }
    }
    let (mut i, mut j, mut lines) = (0, 0, Vec::new());
    while i < old.len() || j < new.len() {
        let same = i < old.len() && j < new.len() && old[i] == new[j];
        let removed = i < old.len() && (j == new.len() || common[i + 1][j] >= common[i][j + 1]);
        let (sign, line) = match (same, removed) {
            (true, _) => (' ', old[i]),
            (false, true) => ('-', old[i]),
            (false, false) => ('+', new[j]),
        };
        i += usize::from(sign != '+');
        j += usize::from(sign != '-');
        lines.push((sign, line));
    }
    lines
}

/// One .proto file: services, then messages.
fn contract(file: &FileDescriptorProto) -> String {
    let mut text = format!("package {} ({})\n", file.package(), file.name());
    for service in &file.service {
        let _ = writeln!(text, "\nservice {}", service.name());
        for method in &service.method {
            let _ = writeln!(text, "  {}", rpc(method));
        }
    }
    for one in &file.enum_type {
        let values = one.value.iter().map(|value| format!("{} {}", value.number(), value.name()));
        let _ = writeln!(text, "\nenum {}: {}", one.name(), values.collect::<Vec<_>>().join(", "));
    }
    for message in &file.message_type {
        assert!(message.nested_type.is_empty() && message.enum_type.is_empty(), "render nested types, too");
        let _ = writeln!(text, "\nmessage {}", message.name());
        fields(message, &mut text);
    }
    text + "\n\n"
}

fn rpc(method: &MethodDescriptorProto) -> String {
    let stream = |is: bool| if is { "stream " } else { "" };
    let (asked, answered) = (short(method.input_type()), short(method.output_type()));
    let (client, server) = (stream(method.client_streaming()), stream(method.server_streaming()));
    format!("{}({client}{asked}) returns ({server}{answered})", method.name())
}

fn fields(message: &DescriptorProto, text: &mut String) {
    for field in &message.field {
        let repeated = if field.label() == Label::Repeated { "repeated " } else { "" };
        let kind = match field.r#type() {
            Type::Message | Type::Enum => short(field.type_name()).to_owned(),
            scalar => scalar.as_str_name().trim_start_matches("TYPE_").to_lowercase(),
        };
        let group = field.oneof_index.and_then(|index| message.oneof_decl.get(usize::try_from(index).ok()?));
        let group = group.map(|group| format!(" (one of {})", group.name())).unwrap_or_default();
        let _ = writeln!(text, "  {:>2}  {}: {repeated}{kind}{group}", field.number(), field.name());
    }
}

/// A type's name without its package.
fn short(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name)
}

/// The help of a verb, and of all verbs below it.
fn help(verbs: &[&str], text: &mut String) {
    let output = Command::new(env!("CARGO_BIN_EXE_ringway"))
        .args(verbs)
        .arg("--help")
        // Both would show in the text.
        .env_remove("RINGWAY_ADDRESS")
        .env_remove("COLUMNS")
        .output()
        .expect("the program runs");
    let said = String::from_utf8(output.stdout).expect("help is UTF-8");
    assert!(output.status.success(), "{verbs:?}: {said}");
    let _ = writeln!(text, "$ {}\n{said}", [&["ringway"], verbs, &["--help"]].concat().join(" "));
    let listed =
        said.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let names: Vec<&str> = listed.filter_map(|line| line.split_whitespace().next()).collect();
    for name in names.into_iter().filter(|name| *name != "help") {
        help(&[verbs, &[name]].concat(), text);
    }
}

/// Name, kind, labels and help of every metric; each was touched once, because Prometheus shows no empty family.
fn metrics() -> String {
    let metrics = Metrics::new().expect("no two metrics have one name");
    let region = Region::try_from("us-east-1").expect("a region");
    let hop = |what| Note::Hop(HopEvent { to: region.clone(), what });
    let path =
        ringway_router::Path::new(["us-west-2", "us-east-1"].map(|name| name.parse().expect("a region")));
    for note in [
        Note::Request { method: "INVITE", source: "edge" },
        Note::Answered(200),
        Note::Refused { label: "loop", code: 482, why: String::new(), call_id: String::new() },
        Note::SetOut {
            called: String::new(),
            call_id: String::new(),
            path: path.expect("a path"),
            attempt: 1,
            route_epoch: 1,
            policy_revision: 0,
        },
        Note::Dropped(Dropped::UnroutableAck),
        Note::Media(Fate::Anchored),
        Note::Overload(News::Refused),
        Note::Overload(News::Ignored("old")),
        hop(HopSign::Request),
        hop(HopSign::Retransmission),
        hop(HopSign::Timeout),
        hop(HopSign::Unavailable),
        hop(HopSign::Answer(Duration::from_millis(64))),
    ] {
        metrics.note(&note);
    }
    metrics.overload_of(0, 0.5, 1);
    metrics.media_failed("deadline");
    metrics.media_relay("http://127.0.0.1:8640", true);
    metrics.transactions(0).set(1);
    metrics.sip_connection_closed("idle");
    metrics.sip_connections("tcp").inc();
    let sounding = Sounding { region, at: Clock::start().now(), took: Duration::ZERO, status: Some(200) };
    metrics.sounded(&sounding);
    metrics.probe_dropped("stranger");
    metrics.mesh_refused("forged");
    metrics.overrides_active.set(1);
    metrics.registrations_active.with_label_values(&["us-west-2"]).set(1);
    metrics.link_up.with_label_values(&["us-west-2", "us-east-1"]).set(1);
    for gauge in [&metrics.link_rtt, &metrics.link_loss] {
        gauge.with_label_values(&["us-west-2", "us-east-1"]).set(1.0);
    }
    let relay = RelayMetrics::new().expect("no two metrics have one name");
    relay.ordered(RelayFate::Answered);
    relay.look(&Sums::default());
    relay.tunneled(&[mesh::Counts::default()]);
    let to = Use { regions: Vec::new(), lane: Lane(0), since: Time::default(), why: Why::Dark };
    relay.moved(&Shift { to, calls: Vec::new() });
    let mut families = metrics.registry().gather();
    families.extend(relay.registry().gather());
    families.sort_by(|a, b| a.name().cmp(b.name()));
    let mut text = String::new();
    for family in families {
        let pairs = family.get_metric()[0].get_label().iter();
        let labels = pairs.map(|pair| pair.name().to_owned()).collect::<Vec<_>>().join(", ");
        let labels = if labels.is_empty() { labels } else { format!(" {{{labels}}}") };
        let kind = format!("{:?}", family.get_field_type()).to_lowercase();
        let _ = writeln!(text, "{} ({kind}){labels}: {}", family.name(), family.help());
    }
    text
}

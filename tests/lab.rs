//! The laboratory as a newcomer starts it: one command, one JSON object, one exit status.

mod support;

use serde_json::Value;
use std::{
    process::{Command, Output},
    sync::{Mutex, PoisonError},
};
use support::binary;

/// One world at a time: the scenarios tell relays apart by a few ms, which two worlds on two cores would take from
/// each other.
static ALONE: Mutex<()> = Mutex::new(());

fn lab(arguments: &[&str]) -> Output {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    Command::new(binary()).arg("lab").args(arguments).output().expect("the binary runs")
}

#[test]
fn the_short_scenario_passes_and_says_so_in_json() {
    let output = lab(&["--scenario", "short", "--seed", "7", "--json"]);
    let story = String::from_utf8_lossy(&output.stderr);
    let json: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("stdout is not one JSON object: {error}\n{story}"));
    assert_eq!((json["verdict"].as_str(), output.status.code()), (Some("pass"), Some(0)), "{story}");

    let count = |name: &str| json["calls"][name].as_u64().unwrap_or_else(|| panic!("calls.{name}: {json}"));
    assert!(count("placed") > 10 && count("answered") == count("placed") && count("failed") == 0, "{json}");
    assert_eq!(count("asked"), 0, "calls move without their phones: {json}");
    assert!(json["setup_ms"]["p50"].as_f64() > Some(60.0), "Oregon to Virginia takes its time: {json}");
    assert!(json["setup_ms"]["p99"].as_f64() >= json["setup_ms"]["p50"].as_f64(), "{json}");

    let changes = json["route_changes"].as_array().expect("a list");
    let detour = changes
        .iter()
        .find(|change| change["from"] == "us-west-2" && change["new"] == "us-west-2 > us-east-2 > us-east-1");
    let detour = detour.unwrap_or_else(|| panic!("no call took the detour: {json}"));
    assert_eq!(detour["to"], "us-east-1");
    assert_eq!(detour["old"], "us-west-2 > us-east-1");
    assert!(detour["at_s"].as_f64() > Some(0.0) && detour["reason"].is_string(), "{detour}");
    every_call_was_heard(&json);
}

/// Every call has its voice, there and back, as it was sent; and the long ones have lived on several paths.
fn every_call_was_heard(json: &Value) {
    let media = &json["media"];
    let total = |name: &str| media[name].as_u64().unwrap_or_else(|| panic!("media.{name}: {media}"));
    assert_eq!((total("silent"), total("wrong"), total("discontinuous")), (0, 0, 0), "{media}");
    assert!(total("sent") >= total("received") && total("received") > 1_000, "{media}");
    let calls = json["conversations"].as_array().expect("a list");
    assert_eq!(calls.len() as u64, json["calls"]["answered"].as_u64().expect("a number"));
    let long: Vec<&Value> = calls.iter().filter(|call| call["long"] == true).collect();
    assert_eq!(long.len(), 4, "as the scenario says");
    for call in long {
        for voice in [&call["there"], &call["back"]] {
            assert!(voice["sent"].as_u64() > Some(300) && voice["mos"].as_f64() > Some(1.0), "{voice}");
            assert!(voice["rtcp"]["received"].as_u64() > Some(1), "{voice}");
            let paths: Vec<&str> = voice["path"]
                .as_array()
                .expect("a list")
                .iter()
                .filter_map(|used| used["path"].as_str())
                .collect();
            assert!(paths.len() > 1 && paths.iter().any(|path| path.contains("us-east-2")), "{voice}");
        }
    }
}

#[test]
fn an_expectation_that_does_not_hold_fails_the_run() {
    let folder = std::env::temp_dir().join(format!("ringway-lab-test-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a temporary folder");
    let file = folder.join("impossible.toml");
    let scenario = "name = \"impossible\"\ntitle = \"a detour nobody needs\"\nseconds_max = 30\n\
        [[region]]\nname = \"us-west-2\"\nplace = \"Oregon\"\nprefix = \"+1503\"\n\
        [[region]]\nname = \"us-east-2\"\nplace = \"Ohio\"\n\
        [[region]]\nname = \"us-east-1\"\nplace = \"Virginia\"\nprefix = \"+1703\"\n\
        [calls]\nbetween = [\"us-west-2\", \"us-east-1\"]\nboth_ways = false\nper_second = 4.0\n\
        talk_ms = 200\nring_ms = 50\n\
        [[step]]\ntitle = \"healthy\"\nexpect = \"via us-east-2\"\nwithin_ms = 1500\nstay_ms = 500\n";
    std::fs::write(&file, scenario).expect("the folder is ours");
    let output = lab(&["--scenario", &file.display().to_string(), "--json"]);
    let json: Value = serde_json::from_slice(&output.stdout).expect("one JSON object");
    let _ = std::fs::remove_dir_all(&folder);
    assert_eq!((json["verdict"].as_str(), output.status.code()), (Some("fail"), Some(1)), "{json}");
}

#[test]
fn a_scenario_with_a_typo_is_refused_with_its_line() {
    let folder = std::env::temp_dir().join(format!("ringway-lab-typo-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a temporary folder");
    let file = folder.join("typo.toml");
    std::fs::write(&file, "name = \"typo\"\ntitel = \"x\"\n").expect("the folder is ours");
    let output = lab(&["--scenario", &file.display().to_string()]);
    let _ = std::fs::remove_dir_all(&folder);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("line 2") && said.contains("titel"), "{said}");
}

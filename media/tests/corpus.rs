//! Replays the fuzzers' corpora, so that what once was found stays found without a fuzzer.

mod fuzzing;

use std::path::Path;

#[test]
fn every_corpus_passes_its_target() {
    for (name, target) in fuzzing::TARGETS {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(name);
        let files = std::fs::read_dir(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let mut count = 0;
        for file in files {
            let file = file.expect("the folder can be read").path();
            println!("{}", file.display());
            target(&std::fs::read(&file).expect("the file can be read"));
            count += 1;
        }
        assert!(count > 0, "{name} has no corpus");
    }
}

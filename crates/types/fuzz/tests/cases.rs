//! The files of `cases/`: seeds of the fuzzer, and every input that ever broke a check.

use std::fs;
use std::path::Path;

use intake_fuzz::Target;

#[test]
fn every_case_holds() {
    for target in Target::ALL {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("cases").join(target.name());
        let cases: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert!(!cases.is_empty(), "{} is empty", folder.display());
        for case in cases {
            // Shown when the check panics.
            eprintln!("{}", case.display());
            target.check(&fs::read(&case).unwrap());
        }
    }
}

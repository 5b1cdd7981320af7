//! The fuzzer's way into [`Target::Xml`].
#![no_main]

use intake_fuzz::Target;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| Target::Xml.check(bytes));

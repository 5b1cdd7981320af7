//! The fuzzer's way into [`Target::Record`].
#![no_main]

use intake_fuzz::Target;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| Target::Record.check(bytes));

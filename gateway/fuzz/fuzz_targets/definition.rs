//! Any text as a connector's definition: it is read, or its faults are told.
#![no_main]

use gateway::facade::connectors::read;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Err(faults) = read("fuzzed.toml", text) {
        assert!(!faults.is_empty());
        assert!(faults.iter().all(|fault| fault.line >= 1));
    }
});

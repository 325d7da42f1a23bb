//! Any text as `&mapping=`, and any cell through the escape of errors.csv and back.
#![no_main]

use gateway::facade::imports::Mapping;
use gateway::facade::imports::{escape_prefix, unescape};
use gateway::facade::records::OBJECTS;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    for object in OBJECTS {
        let _ = Mapping::parse(text, object);
    }
    let escaped = format!("{}{text}", escape_prefix(text));
    assert_eq!(unescape(&escaped), text);
});

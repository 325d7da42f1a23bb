//! Any text as `&mapping=`, and any cell through the escape of errors.csv and back.
#![no_main]

use gateway::imports::read::escape::{escape_prefix, unescape};
use gateway::imports::read::header::mapping::Mapping;
use gateway::records::objects::OBJECTS;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    for object in OBJECTS {
        let _ = Mapping::parse(text, object);
    }
    let escaped = format!("{}{text}", escape_prefix(text));
    assert_eq!(unescape(&escaped), text);
});

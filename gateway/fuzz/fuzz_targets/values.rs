//! Any text as any field's value, however it is spelled: a fault, or a form that is its own stored form.
#![no_main]

use gateway::facade::records::OBJECTS;
use gateway::facade::records::{Spelling, parse};
use gateway_fuzz::spelling_told;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u8, &str)| {
    let (spelling, text) = input;
    let value = text.trim();
    if value.is_empty() {
        return;
    }
    for field in OBJECTS.iter().flat_map(|object| object.fields) {
        let mut stored = String::from("kept");
        match parse(field.kind, value, spelling_told(spelling), &mut stored) {
            Err(fault) => {
                assert_eq!(stored, "kept");
                assert!(!fault.to_string().is_empty());
            }
            Ok(()) => {
                let stored = &stored["kept".len()..];
                assert!(!stored.is_empty(), "{}: {value:?} became nothing", field.name);
                let mut again = String::new();
                let parsed = parse(field.kind, stored, Spelling::Exact, &mut again);
                assert_eq!(parsed, Ok(()), "{}: {stored:?} of {value:?}", field.name);
                assert_eq!(again, stored, "{}: {value:?}", field.name);
            }
        }
    }
});

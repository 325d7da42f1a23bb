//! Pages are escaped: no template, and no code, marks text as safe; nothing is inline that the content policy refuses.

use std::path::Path;

use super::source::{root, rust_files};

fn templates(folder: &Path, found: &mut Vec<(String, String)>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            templates(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "html") {
            let text = std::fs::read_to_string(&path).expect("UTF-8");
            found.push((path.display().to_string(), text));
        }
    }
}

/// What a template must not hold.
fn faults(text: &str) -> Vec<&'static str> {
    let text = text.replace(' ', "").to_lowercase();
    [
        ("|safe", "marks text as safe"),
        ("|escape(\"txt\")", "turns escaping off"),
        ("|e(\"txt\")", "turns escaping off"),
        ("{%filter", "filters a block"),
        ("<style", "has an inline style"),
        ("style=", "has an inline style"),
        ("onclick=", "has an inline handler"),
        ("javascript:", "has an inline script"),
    ]
    .into_iter()
    .filter(|(word, _)| text.contains(word))
    .map(|(_, what)| what)
    .collect()
}

#[test]
fn nothing_in_a_template_is_marked_safe_or_inline() {
    let mut found = Vec::new();
    templates(&root().join("gateway/src"), &mut found);
    assert!(found.len() > 5, "the templates are there");
    for (path, text) in found {
        assert_eq!(faults(&text), [""; 0], "{path}");
    }
}

#[test]
fn no_code_marks_text_as_safe() {
    for file in rust_files("gateway/src") {
        let code = file.code();
        for word in ["MarkupDisplay", "HtmlSafe", "filters::safe", "escape = \"none\""] {
            assert!(!code.contains(word), "{}: {word}", file.path);
        }
    }
}

#[test]
fn the_law_of_templates_finds_what_it_looks_for() {
    assert_eq!(faults("<p>{{ name | safe }}</p>"), ["marks text as safe"]);
    assert_eq!(faults("<p style=\"x\">"), ["has an inline style"]);
    assert_eq!(faults("<p>{{ name }}</p>"), [""; 0]);
}

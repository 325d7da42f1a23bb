//! Reads the paths that code names from `crate`, `super` and `self`, braces taken apart.

/// A path, a name each.
pub type Path = Vec<String>;

/// Every path in `code` that begins with `crate::`, `super::` or `self::`.
pub fn paths(code: &str) -> Vec<Path> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices("::") {
        let before = &code[..at];
        let start = before
            .rfind(|letter: char| !is_of_name(letter))
            .map_or(0, |end| end + 1);
        let is_inner = before[..start].ends_with("::");
        if !is_inner && matches!(&before[start..], "crate" | "super" | "self") {
            found.extend(paths_after(&code[start..]));
        }
    }
    found
}

/// The paths of the tree that `text` begins with, such as `a::{b, c::d as e}`.
pub fn paths_after(text: &str) -> Vec<Path> {
    let mut found = Vec::new();
    read_tree(text, &Vec::new(), &mut found);
    found
}

/// Reads one tree behind `prefix`; what follows it.
fn read_tree<'a>(text: &'a str, prefix: &Path, found: &mut Vec<Path>) -> &'a str {
    let text = text.trim_start();
    if let Some(mut rest) = text.strip_prefix('{') {
        loop {
            rest = rest.trim_start();
            if let Some(behind) = rest.strip_prefix('}') {
                return behind;
            }
            let behind = read_tree(rest, prefix, found).trim_start();
            let behind = behind.strip_prefix(',').unwrap_or(behind);
            if behind.len() == rest.len() {
                // No tree of names: a macro's, or an expression's.
                return rest;
            }
            rest = behind;
        }
    }
    let end = text
        .find(|letter: char| !is_of_name(letter))
        .unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    let mut path = prefix.clone();
    if !name.is_empty() && name != "self" || path.is_empty() && !name.is_empty() {
        path.push(name.to_owned());
    }
    match rest.strip_prefix("::") {
        Some(inner) if !name.is_empty() => read_tree(inner, &path, found),
        _ => {
            found.push(path);
            let rest = rest.strip_prefix('*').unwrap_or(rest);
            // `as other` changes nothing.
            match rest.trim_start().strip_prefix("as ") {
                Some(alias) => alias.trim_start().trim_start_matches(is_of_name),
                None => rest,
            }
        }
    }
}

const fn is_of_name(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || letter == '_'
}

#[test]
fn trees_are_taken_apart() {
    let code = "use crate::a::{self, b::C as D, e::{f, *}};\nfn g() { super::super::h::<T>(); other::super_::x(); }\n";
    let found: Vec<String> = paths(code).iter().map(|path| path.join("::")).collect();
    let expected = [
        "crate::a",
        "crate::a::b::C",
        "crate::a::e::f",
        "crate::a::e",
        "super::super::h",
    ];
    assert_eq!(found, expected);
}

//! What `?q=` finds: the words of a record's names, keys, company and phone, as lexemes of a `tsvector`.
//!
//! The gateway cuts and folds words itself, for records and for queries alike, so that no setting of the database
//! (its parsers, its locale) can tear the two apart. A lexeme is `17:ada`: the workspace's number and the word.

use std::fmt::Write as _;

use super::model::key::fold_case;
use super::{Kind, Object};
use crate::base::caller::WorkspaceId;

/// Lexemes that PostgreSQL takes have at most 2 kB; longer words are cut, in records and queries alike.
const MAX_WORD_CHARS: usize = 200;
/// Words of a query beyond these narrow nothing down any more.
const MAX_QUERY_WORDS: usize = 16;

/// The words of a text: runs of letters and digits.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|letter: char| !letter.is_alphanumeric())
        .filter(|word| !word.is_empty())
}

/// Appends the `tsvector` of a record of which `value` gives the fields.
pub fn push_vector<'v>(
    object: &Object,
    workspace: WorkspaceId,
    value: impl Fn(usize) -> Option<&'v str>,
    out: &mut String,
) {
    for name in object.searched {
        let Some((index, text)) = object
            .field_index(name)
            .and_then(|index| Some((index, value(index)?)))
        else {
            continue;
        };
        push_words(workspace, text, out);
        if object.fields[index].is_phone {
            let digits: String = text.chars().filter(char::is_ascii_digit).collect();
            if !digits.is_empty() {
                push_lexeme(workspace, "", &digits, out);
                out.push(' ');
            }
        }
        if is_folded_second_key(object, index) {
            push_lexeme(workspace, "=", text, out);
            out.push(' ');
        }
    }
}

/// Appends the lexemes of a text's words.
pub fn push_words(workspace: WorkspaceId, text: &str, out: &mut String) {
    for word in words(text) {
        push_lexeme(workspace, "", word, out);
        out.push(' ');
    }
}

/// A field of the natural key that gives way to a better one, and is compared without case: the index of keys does not
/// find it.
pub fn is_folded_second_key(object: &Object, index: usize) -> bool {
    let others = object.natural_key().iter().skip(1);
    let mut folded = others.filter(|key| key.folds_case);
    folded.any(|key| key.field == object.fields[index].name)
}

/// The `tsquery` that finds the beginnings of all words of `text`; `None` if it has no word.
pub fn query(workspace: WorkspaceId, text: &str) -> Option<String> {
    join(words(text).take(MAX_QUERY_WORDS).map(|word| {
        let mut lexeme = String::new();
        push_lexeme(workspace, "", word, &mut lexeme);
        lexeme + ":*"
    }))
}

/// The `tsquery` that narrows records down to those whose field may hold exactly `text`.
pub fn exact_query(object: &Object, workspace: WorkspaceId, index: usize, text: &str) -> Option<String> {
    let lexeme_of = |mark: &str, word: &str| {
        let mut lexeme = String::new();
        push_lexeme(workspace, mark, word, &mut lexeme);
        lexeme
    };
    if is_folded_second_key(object, index) {
        return Some(lexeme_of("=", text));
    }
    let is_searched = object.searched.contains(&object.fields[index].name);
    let is_text = matches!(object.fields[index].kind, Kind::Text | Kind::KeyText | Kind::Code);
    (is_searched && is_text)
        .then(|| join(words(text).take(MAX_QUERY_WORDS).map(|word| lexeme_of("", word))))
        .flatten()
}

fn join(lexemes: impl Iterator<Item = String>) -> Option<String> {
    let lexemes: Vec<String> = lexemes.collect();
    (!lexemes.is_empty()).then(|| lexemes.join(" & "))
}

fn push_lexeme(workspace: WorkspaceId, mark: &str, word: &str, out: &mut String) {
    // A `String` takes every write.
    let _ = write!(out, "'{}:{mark}", workspace.0);
    let cut = match mark {
        // A key is compared whole.
        "=" => word,
        _ => cut(word),
    };
    let from = out.len();
    fold_case(cut, out);
    if out[from..].contains(['\'', '\\']) {
        let quoted = out[from..].replace('\\', "\\\\").replace('\'', "''");
        out.truncate(from);
        out.push_str(&quoted);
    }
    out.push('\'');
}

fn cut(word: &str) -> &str {
    if word.len() <= MAX_WORD_CHARS {
        return word;
    }
    let end = word.char_indices().nth(MAX_WORD_CHARS);
    end.map_or(word, |(end, _)| &word[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vector(object: &str, values: &[(&str, &str)]) -> String {
        let object = Object::named(object).expect("an object");
        let mut out = String::new();
        let value = |index: usize| {
            let name = object.fields[index].name;
            values
                .iter()
                .find(|(field, _)| *field == name)
                .map(|(_, value)| *value)
        };
        push_vector(object, WorkspaceId(7), value, &mut out);
        out
    }

    #[test]
    fn words_are_cut_folded_and_led_by_the_workspace() {
        let found = vector(
            "contact",
            &[
                ("email", "Ada.L@Example.com"),
                ("last_name", "O'Neil"),
                ("phone", "+1 (20) 3"),
            ],
        );
        assert_eq!(
            found,
            "'7:ada' '7:l' '7:example' '7:com' '7:o' '7:neil' '7:1' '7:20' '7:3' '7:1203' "
        );
        assert!(vector("contact", &[("city", "Rome")]).is_empty());
    }

    #[test]
    fn a_second_key_without_case_is_found_whole() {
        let found = vector("account", &[("name", "O'N \\ Co")]);
        assert_eq!(found, "'7:o' '7:n' '7:co' '7:=o''n \\\\ co' ");
        let account = Object::named("account").expect("an object");
        let name = account.field_index("name").expect("a field");
        let query = exact_query(account, WorkspaceId(7), name, "o'N \\ co");
        assert_eq!(query.as_deref(), Some("'7:=o''n \\\\ co'"));
    }

    #[test]
    fn a_query_asks_for_the_beginnings_of_all_words() {
        let workspace = WorkspaceId(7);
        assert_eq!(
            query(workspace, "Ada LOVE").as_deref(),
            Some("'7:ada':* & '7:love':*")
        );
        assert_eq!(query(workspace, "?! "), None);
    }
}

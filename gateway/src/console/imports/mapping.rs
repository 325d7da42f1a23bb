//! What each column of a checked file feeds: a choice for each of them on the form, and the mapping that they make.

use std::collections::{BTreeMap, BTreeSet};

use super::options::Asked;
use crate::console::form::Form;
use crate::http::json::RawMembers;
use crate::imports::kept::CheckedColumn;
use crate::imports::model::Job;
use crate::imports::read::header::heading;
use crate::imports::read::samples::MAX_COLUMNS;
use crate::imports::shown_store::KeptUpload;

/// The choice that leaves a column out. No field has such a name; an empty choice keeps the column in `extra`.
pub const LEFT_OUT: &str = "-";

/// A column and its choice.
pub struct Choice {
    /// What it is called on the form.
    pub control: String,
    pub column: CheckedColumn,
    /// What is chosen: a field, nothing, or [`LEFT_OUT`].
    pub value: String,
}

impl Choice {
    /// Whether the column can be kept in `extra`: one that is known by its header goes to its field unless told otherwise.
    pub fn may_be_extra(&self) -> bool {
        !self.column.is_known || present(&self.column).is_empty()
    }
}

/// Header → field, or → nothing to leave the column out.
pub type Mapping = BTreeMap<String, Option<String>>;

/// The columns of a check, in the file's order where that is known, with what the form says, else what the check found.
pub fn choices(job: &Job, kept: Option<&KeptUpload>, form: Option<&Form>) -> Vec<Choice> {
    let columns = match kept {
        Some(kept) if !kept.columns.is_empty() => kept.columns.clone(),
        _ => of_mapping(job),
    };
    let columns = columns.into_iter().enumerate();
    let choices = columns.map(|(place, column)| {
        let control = format!("column-{place}");
        let value = match form.filter(|form| form.has(&control)) {
            Some(form) => form.text(&control).to_owned(),
            None => present(&column).to_owned(),
        };
        Choice {
            control,
            column,
            value,
        }
    });
    choices.collect()
}

/// What a job tells of its columns when no more is kept.
pub fn of_mapping(job: &Job) -> Vec<CheckedColumn> {
    // A mapping is null where it was too large to be kept.
    let members = RawMembers::parse(job.mapping.get()).map_or_else(|_| Vec::new(), |RawMembers(all)| all);
    let columns = members.into_iter().map(|(name, field)| {
        let field: Option<String> = serde_json::from_str(field.get()).ok().flatten();
        CheckedColumn {
            name,
            is_left_out: field.is_none(),
            field,
            is_given: true,
            is_known: true,
            samples: Vec::new(),
            reason: String::new(),
        }
    });
    columns.collect()
}

fn present(column: &CheckedColumn) -> &str {
    match &column.field {
        Some(field) => field,
        None if column.is_left_out => LEFT_OUT,
        None => "",
    }
}

/// The mapping that the choices make. What is as it was found out stays to be found out, so that of several columns for one
/// field the better one goes on to win; `None` where there is nothing to choose from.
pub fn mapping(choices: &[Choice], before: &Asked) -> Option<Mapping> {
    if choices.is_empty() {
        return None;
    }
    let is_said = |choice: &&Choice| {
        let is_changed = choice.value != present(&choice.column);
        !choice.value.is_empty() && (is_changed || choice.column.is_given)
    };
    let said = choices.iter().filter(is_said);
    // An entry counts for every column whose header is alike, unless that has one of its own.
    let alike: BTreeSet<String> = said.map(|choice| heading::key(&choice.column.name)).collect();
    let mut mapping = match choices.len() < MAX_COLUMNS {
        true => Mapping::new(),
        false => beyond(choices, before),
    };
    for choice in choices {
        let is_alike = || alike.contains(&heading::key(&choice.column.name));
        if is_said(&choice) || (!choice.value.is_empty() && is_alike()) {
            let field = Some(choice.value.clone()).filter(|value| value != LEFT_OUT);
            mapping.insert(choice.column.name.clone(), field);
        }
    }
    Some(mapping)
}

/// What the mapping of the check said of columns that are not shown.
fn beyond(choices: &[Choice], before: &Asked) -> Mapping {
    let mut mapping: Mapping = serde_json::from_str(before.text("mapping")).unwrap_or_default();
    mapping.retain(|name, _| !choices.iter().any(|choice| choice.column.name == *name));
    mapping
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choice(name: &str, found: &str, is_given: bool, value: &str) -> Choice {
        Choice {
            control: String::new(),
            column: CheckedColumn {
                name: name.to_owned(),
                field: Some(found.to_owned()).filter(|field| !matches!(field.as_str(), "" | LEFT_OUT)),
                is_left_out: found == LEFT_OUT,
                is_given,
                is_known: !found.is_empty(),
                samples: Vec::new(),
                reason: String::new(),
            },
            value: value.to_owned(),
        }
    }

    fn said(choices: &[Choice]) -> Vec<(String, Option<String>)> {
        mapping(choices, &Asked::default())
            .expect("a mapping")
            .into_iter()
            .collect()
    }

    #[test]
    fn only_what_was_changed_or_given_is_said() {
        let choices = [
            choice("email", "email", false, "email"),
            choice("Town", "", false, "city"),
            choice("Note", "", false, LEFT_OUT),
            choice("Land", "country", true, "country"),
            choice("Old", LEFT_OUT, true, ""),
        ];
        let expected = [("Land", Some("country")), ("Note", None), ("Town", Some("city"))];
        let expected = expected.map(|(name, field)| (name.to_owned(), field.map(str::to_owned)));
        assert_eq!(said(&choices), expected);
        assert_eq!(mapping(&[], &Asked::default()), None);
    }

    #[test]
    fn columns_with_like_headers_are_each_named() {
        let choices = [
            choice("E-mail", "email", false, LEFT_OUT),
            choice("Email", "email", false, "email"),
        ];
        let expected = [("E-mail", None), ("Email", Some("email"))];
        let expected = expected.map(|(name, field)| (name.to_owned(), field.map(str::to_owned)));
        assert_eq!(said(&choices), expected);
    }
}

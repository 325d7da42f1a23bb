//! Things that one may tick in a form, and those that were named by their ids.

/// How many of each kind a form offers; others are named by their ids.
pub const OFFERED: i64 = 100;

/// A box to tick.
pub struct Choice {
    pub id: String,
    pub name: String,
    pub is_ticked: bool,
}

/// What is offered, with what is chosen of it; and what is chosen beside it, one a line.
pub fn chosen(offered: impl Iterator<Item = (String, String)>, ids: &[String]) -> (Vec<Choice>, String) {
    let choices: Vec<Choice> = offered
        .map(|(id, name)| Choice {
            is_ticked: ids.contains(&id),
            id,
            name,
        })
        .collect();
    let is_beside = |id: &&String| !choices.iter().any(|choice| choice.id == **id);
    let beside: Vec<&str> = ids.iter().filter(is_beside).map(String::as_str).collect();
    let beside = beside.join("\n");
    (choices, beside)
}

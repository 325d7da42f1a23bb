//! What needs attention, with a link to where one acts.

use uuid::Uuid;

use super::store::{Found, MOST_OF_A_KIND};
use crate::base::clock::Millis;
use crate::base::id::{ImportId, KeyId, SentryId, WebhookId};

/// One thing that needs attention.
pub struct Item {
    pub kind: &'static str,
    pub name: String,
    pub path: String,
    /// Its status, in the API's word.
    pub word: String,
    pub note: Option<String>,
    /// What the moment means, and the moment.
    pub when: Option<(&'static str, Millis)>,
}

/// The things that are listed, and whether there are more.
pub fn items(found: Vec<Found>) -> (Vec<Item>, bool) {
    let mut items = Vec::with_capacity(found.len());
    let mut has_more = false;
    let mut kind = String::new();
    let mut count = 0;
    for one in found {
        if one.kind != kind {
            kind.clone_from(&one.kind);
            count = 0;
        }
        count += 1;
        match count > MOST_OF_A_KIND {
            true => has_more = true,
            false => items.extend(item(one)),
        }
    }
    (items, has_more)
}

fn item(found: Found) -> Option<Item> {
    let Found { id, at, number, .. } = found;
    let (kind, public_id, group) = place(&found.kind, id)?;
    let when = at.map(|at| match kind {
        "API key" => ("expires", at),
        "Import" => ("started", at),
        _ => ("since", at),
    });
    let note = match (found.note, number) {
        (Some(note), _) => Some(note),
        (None, 0) => None,
        (None, 1) => Some("1 row failed.".to_owned()),
        (None, number) => Some(format!("{number} rows failed.")),
    };
    Some(Item {
        kind,
        name: found.name.unwrap_or_else(|| public_id.clone()),
        path: format!("/integrations/{group}/{public_id}"),
        word: found.word,
        note,
        when,
    })
}

/// The word for a kind, the public id, and the pages' path.
fn place(kind: &str, id: Uuid) -> Option<(&'static str, String, &'static str)> {
    Some(match kind {
        "webhook" => ("Webhook", WebhookId::from_uuid(id).to_string(), "webhooks"),
        "sentry" => ("Sentry", SentryId::from_uuid(id).to_string(), "sentries"),
        "api_key" => ("API key", KeyId::from_uuid(id).to_string(), "api-keys"),
        "import" => ("Import", ImportId::from_uuid(id).to_string(), "imports"),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(kind: &str, number: i64) -> Found {
        Found {
            kind: kind.to_owned(),
            id: Uuid::nil(),
            name: None,
            word: "failing".to_owned(),
            note: None,
            at: None,
            number,
        }
    }

    #[test]
    fn of_each_kind_so_many_are_listed() {
        let mut all: Vec<Found> = (0..=MOST_OF_A_KIND).map(|_| found("webhook", 0)).collect();
        all.push(found("import", 2));
        let (items, has_more) = items(all);
        assert_eq!((items.len() as i64, has_more), (MOST_OF_A_KIND + 1, true));
        let last = items.last().expect("an item");
        assert_eq!(last.note.as_deref(), Some("2 rows failed."));
        assert!(
            last.path.starts_with("/integrations/imports/imp_"),
            "{}",
            last.path
        );
    }
}

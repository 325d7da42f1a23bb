//! What a change of a record emits: events, and the entry in the audit trail.

use bytes::Bytes;
use serde::Serialize;
use serde_json::{Map, Value};

use super::record::{Record, ShownValue, is_same_value};
use crate::audit::Changes;
use crate::base::caller::WorkspaceId;
use crate::bus::NewEvent;
use crate::events::types::TypeNames;

/// Whether two states of a record differ in anything that a client can set.
pub fn is_changed(before: &Record, after: &Record) -> bool {
    before.extra != after.extra || differing(before, after).next().is_some()
}

fn differing(before: &Record, after: &Record) -> impl Iterator<Item = usize> {
    let fields = before.object.fields.iter().enumerate();
    fields.filter_map(|(index, field)| {
        let is_same = is_same_value(field.kind, before.value(index), after.value(index));
        (!is_same).then_some(index)
    })
}

/// The old values of the fields that changed.
fn previous(before: &Record, after: &Record) -> Map<String, Value> {
    let mut previous = Map::new();
    for index in differing(before, after) {
        let field = &before.object.fields[index];
        previous.insert(field.name.to_owned(), shown(before, index));
    }
    if before.extra != after.extra {
        let extra = serde_json::to_value(&before.extra).unwrap_or_default();
        previous.insert("extra".to_owned(), extra);
    }
    previous
}

fn shown(record: &Record, index: usize) -> Value {
    let kind = record.object.fields[index].kind;
    serde_json::to_value(ShownValue(kind, record.value(index))).unwrap_or_default()
}

/// Changed fields with their old and new values.
pub fn audited(before: &Record, after: &Record) -> Changes {
    let mut changes = Changes::default();
    for index in differing(before, after) {
        let name = before.object.fields[index].name;
        changes.note(name, &shown(before, index), &shown(after, index));
    }
    changes.note("extra", &before.extra, &after.extra);
    changes
}

/// The events of a record's creation (`before` is `None`) or change.
pub fn events(workspace: WorkspaceId, before: Option<&Record>, after: &Record) -> Vec<NewEvent> {
    let labels = match before {
        None => created(after),
        Some(before) => updated(before, after),
    };
    if labels.is_empty() {
        return Vec::new();
    }
    let previous = before.map(|before| previous(before, after));
    #[derive(Serialize)]
    struct Data<'a> {
        object: &'a str,
        id: String,
        record: &'a Record,
        #[serde(skip_serializing_if = "Option::is_none")]
        previous: Option<Map<String, Value>>,
    }
    let data = Data {
        object: after.object.name,
        id: after.public_id(),
        record: after,
        previous,
    };
    // Maps with text keys cannot fail to serialise.
    let data = Bytes::from(serde_json::to_vec(&data).unwrap_or_default());
    let names = TypeNames::default();
    let known = labels.into_iter().filter_map(|label| names.label(&label));
    known
        .map(|label| NewEvent::own(workspace, label, data.clone()))
        .collect()
}

fn created(record: &Record) -> Vec<String> {
    let mut labels = vec![format!("{}.created", record.object.name)];
    labels.extend(outcome(record));
    labels
}

fn updated(before: &Record, after: &Record) -> Vec<String> {
    if !is_changed(before, after) {
        return Vec::new();
    }
    if !after.object.has_outcome {
        return vec![format!("{}.updated", after.object.name)];
    }
    let mut labels = Vec::new();
    if before.named("stage") != after.named("stage") {
        labels.push("deal.stage_changed".to_owned());
    }
    if before.named("status") != after.named("status") {
        labels.extend(outcome(after));
    }
    labels
}

/// `deal.won` or `deal.lost`, of a deal whose status says so.
fn outcome(record: &Record) -> Option<String> {
    let status = record.named("status")?;
    (record.object.has_outcome && matches!(status, "won" | "lost")).then(|| format!("deal.{status}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::Object;

    fn labels(before: Option<&Record>, after: &Record) -> Vec<String> {
        let events = events(WorkspaceId(1), before, after);
        events.iter().map(|event| event.label.to_string()).collect()
    }

    fn deal(stage: &str, status: &str) -> Record {
        let object = Object::named("deal").expect("an object");
        let mut deal = Record::new(object);
        for (name, value) in [("name", "Renewal"), ("stage", stage), ("status", status)] {
            let index = object.field_index(name).expect("a field");
            deal.values[index] = Some(value.to_owned());
        }
        deal
    }

    #[test]
    fn a_deal_tells_of_its_stage_and_its_end_alone() {
        let open = deal("a", "open");
        assert_eq!(labels(None, &open), ["deal.created"]);
        assert_eq!(labels(None, &deal("a", "won")), ["deal.created", "deal.won"]);
        let mut moved = deal("b", "lost");
        moved.id = open.id;
        assert_eq!(labels(Some(&open), &moved), ["deal.stage_changed", "deal.lost"]);
        let mut noted = open.clone();
        noted.values[0] = Some("Other".into());
        assert!(labels(Some(&open), &noted).is_empty());
        assert!(is_changed(&open, &noted));
    }

    #[test]
    fn previous_holds_what_changed_alone() {
        let object = Object::named("contact").expect("an object");
        let before = Record::new(object);
        let mut after = before.clone();
        after.values[0] = Some("a@b.c".into());
        after.extra.insert("Tag".into(), "x".into());
        let events = events(WorkspaceId(1), Some(&before), &after);
        let data: Value = serde_json::from_slice(&events[0].data).expect("JSON");
        assert_eq!(data["previous"], serde_json::json!({"email": null, "extra": {}}));
        assert_eq!(&*events[0].label, "contact.updated");
    }
}

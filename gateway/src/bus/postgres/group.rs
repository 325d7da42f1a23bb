//! The events of one commit and the requests that wait for them: merges repeats, answers the requests.

use std::collections::HashMap;

use metrics::counter;
use tokio::sync::oneshot;
use uuid::Uuid;

use super::owner::Numbered;
use crate::base::caller::WorkspaceId;
use crate::bus::table::events::First;
use crate::bus::{Accepted, Event, NewEvent, PublishError};
use crate::telemetry::names;

/// Whom an event's answer goes to.
pub(super) type Reply = oneshot::Sender<Result<Accepted, PublishError>>;

/// The events of one commit and the requests that wait for them.
pub(super) struct Group {
    pub numbered: Numbered,
    pub events: Vec<Event>,
    replies: Vec<Reply>,
    /// For each reply, the place of its event in `events`, or the earlier event that it repeats.
    answers: Vec<Place>,
}

enum Place {
    Stored(usize),
    Repeat(Accepted),
}

impl Group {
    /// Each event with whom its answer goes to.
    pub(super) fn new(numbered: Numbered, events: Vec<Event>, replies: Vec<Reply>) -> Self {
        Self {
            numbered,
            answers: (0..events.len()).map(Place::Stored).collect(),
            events,
            replies,
        }
    }

    /// Whether the database must be asked about some event before it is written.
    pub(super) fn has_questions(&self) -> bool {
        self.events.iter().any(|event| has_question(&event.content))
    }

    /// Repeats within the group point at their first.
    pub(super) fn merge_repeats(&mut self) {
        let mut firsts: HashMap<(WorkspaceId, Box<str>), usize> = HashMap::new();
        let mut kept = Vec::with_capacity(self.events.len());
        for (index, event) in std::mem::take(&mut self.events).into_iter().enumerate() {
            let repeated = event.content.once_key.as_ref().and_then(|id| {
                let key = (event.content.workspace, id.clone());
                let first = *firsts.entry(key).or_insert(kept.len());
                (first != kept.len()).then_some(first)
            });
            match repeated {
                Some(first) => {
                    let first: &Event = &kept[first];
                    self.answers[index] = Place::Repeat(accepted(first, true));
                }
                None => {
                    self.answers[index] = Place::Stored(kept.len());
                    kept.push(event);
                }
            }
        }
        self.events = kept;
    }

    pub(super) fn claims(&self) -> Vec<(WorkspaceId, &str, Uuid)> {
        let mut claims: Vec<_> = self
            .events
            .iter()
            .filter_map(|event| {
                let id = event.content.once_key.as_deref()?;
                Some((event.content.workspace, id, event.id))
            })
            .collect();
        claims.sort_unstable();
        claims
    }

    /// Takes out events whose id was claimed before; their requests get the first event.
    pub(super) fn drop_repeats(&mut self, firsts: HashMap<(WorkspaceId, String), First>) {
        if firsts.is_empty() {
            return;
        }
        let first_of = |event: &Event| {
            let id = event.content.once_key.as_deref()?;
            let first = firsts.get(&(event.content.workspace, id.to_owned()))?;
            let own = || event.content.label.clone();
            Some(Accepted {
                id: first.id,
                // The day of the first may be gone, while its key is still known.
                label: first.label.clone().unwrap_or_else(own),
                is_repeat: true,
            })
        };
        let repeats: HashMap<Uuid, Accepted> = self
            .events
            .iter()
            .filter_map(|event| Some((event.id, first_of(event)?)))
            .collect();
        let mut places = Vec::with_capacity(self.events.len());
        let mut kept = Vec::with_capacity(self.events.len());
        for event in std::mem::take(&mut self.events) {
            match repeats.get(&event.id) {
                Some(first) => places.push(Err(first.clone())),
                None => {
                    places.push(Ok(kept.len()));
                    kept.push(event);
                }
            }
        }
        self.events = kept;
        for answer in &mut self.answers {
            match answer {
                Place::Stored(index) => match &places[*index] {
                    Ok(place) => *index = *place,
                    Err(first) => *answer = Place::Repeat(first.clone()),
                },
                // A repeat within the group of an event that is itself a repeat.
                Place::Repeat(earlier) => {
                    if let Some(first) = repeats.get(&earlier.id) {
                        *earlier = first.clone();
                    }
                }
            }
        }
    }

    pub(super) fn answer(&mut self) {
        let mut repeat_count = 0;
        for (reply, answer) in self.replies.drain(..).zip(self.answers.drain(..)) {
            let answer = match answer {
                Place::Stored(index) => accepted(&self.events[index], false),
                Place::Repeat(first) => {
                    repeat_count += 1;
                    first
                }
            };
            // The client may have hung up; the event is accepted all the same.
            let _ = reply.send(Ok(answer));
        }
        counter!(names::EVENTS_ACCEPTED).increment(self.events.len() as u64);
        counter!(names::EVENTS_REPEATED).increment(repeat_count);
    }

    pub(super) fn refuse(&mut self, why: PublishError) {
        counter!(names::EVENTS_REFUSED).increment(self.replies.len() as u64);
        for reply in self.replies.drain(..) {
            let _ = reply.send(Err(why));
        }
    }
}

/// Whether the event may be a repeat, or must come behind another.
pub(super) const fn has_question(event: &NewEvent) -> bool {
    event.once_key.is_some() || event.ordering_key.is_some()
}

fn accepted(event: &Event, is_repeat: bool) -> Accepted {
    Accepted {
        id: event.id,
        label: event.content.label.clone(),
        is_repeat,
    }
}

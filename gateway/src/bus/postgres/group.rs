//! The events of one commit and the requests that wait for them: merges repeats, answers the requests.

use std::collections::{HashMap, HashSet};

use metrics::counter;
use uuid::Uuid;

use super::inbox::has_question;
use super::owner::Numbered;
use super::reply::Reply;
use crate::base::caller::WorkspaceId;
use crate::bus::table::events::{Claims, First};
use crate::bus::table::replies::{Holder, Key, Taken};
use crate::bus::{Accepted, Event, KeptReply, Once, PublishError};
use crate::telemetry::names;

/// The HTTP status of a reply to an event that was accepted.
const ACCEPTED: i16 = 202;

/// The events of one commit and the requests that wait for them.
pub(super) struct Group {
    pub numbered: Numbered,
    pub events: Vec<Event>,
    replies: Vec<Reply>,
    /// For each reply, the place of its event in `events`, or the earlier event that it repeats.
    answers: Vec<Place>,
    /// The replies to those who asked under a key, for repeats of their requests: the place of each in `answers`.
    kept: Vec<(usize, KeptReply)>,
}

enum Place {
    Stored(usize),
    Repeat(Accepted),
    /// The request's key is taken.
    Taken(Once),
}

impl Group {
    /// Each event with whom its answer goes to.
    pub(super) fn new(numbered: Numbered, events: Vec<Event>, replies: Vec<Reply>) -> Self {
        Self {
            numbered,
            answers: (0..events.len()).map(Place::Stored).collect(),
            events,
            replies,
            kept: Vec::new(),
        }
    }

    /// Whether the database must be asked about some event before it is written.
    pub(super) fn has_questions(&self) -> bool {
        let is_asked = |reply: &Reply| reply.request().is_some();
        self.events.iter().any(|event| has_question(&event.content)) || self.replies.iter().any(is_asked)
    }

    /// The keys of requests, ordered. Of requests with the same key the first alone is asked about; the others are told that
    /// it runs, and find its reply when they ask again.
    pub(super) fn request_keys(&mut self) -> Vec<Key<'_>> {
        let mut seen: HashSet<Key<'_>> = HashSet::new();
        let mut running = Vec::new();
        for (index, reply) in self.replies.iter().enumerate() {
            if let Some(request) = reply.request()
                && !seen.insert((request.workspace, &request.key))
            {
                running.push(index);
            }
        }
        let mut keys: Vec<Key<'_>> = seen.into_iter().collect();
        keys.sort_unstable();
        for index in running {
            self.answers[index] = Place::Taken(Once::Running);
        }
        keys
    }

    /// Takes out the events of requests whose keys others hold. Nothing else may be taken out before.
    pub(super) fn drop_taken(&mut self, locked: Vec<(WorkspaceId, String)>, taken: Vec<Taken>) {
        let mut holders: HashMap<(WorkspaceId, String), Once> = HashMap::new();
        for Taken { workspace, key, by } in taken {
            let answer = match by {
                Holder::Kept(kept) => Once::Kept(kept),
                Holder::Reserved { is_held: true, .. } => Once::Running,
                Holder::Reserved { is_held: false, .. } => continue,
            };
            // A kept reply comes first.
            holders.entry((workspace, key)).or_insert(answer);
        }
        for key in locked {
            holders.insert(key, Once::Running);
        }
        for (index, reply) in self.replies.iter().enumerate() {
            if let Some(request) = reply.request()
                && let Place::Stored(_) = self.answers[index]
                && let Some(answer) = holders.remove(&(request.workspace, request.key.to_string()))
            {
                self.answers[index] = Place::Taken(answer);
            }
        }
        let mut stored = 0;
        let mut place = 0;
        let answers = &mut self.answers;
        self.events.retain(|_| {
            let is_stored = match &mut answers[place] {
                Place::Stored(index) => {
                    *index = stored;
                    stored += 1;
                    true
                }
                _ => false,
            };
            place += 1;
            is_stored
        });
    }

    /// Writes the replies for repeats of requests, which are known once nothing more is taken out.
    pub(super) fn write_replies(&mut self) {
        let written = self.replies.iter().zip(&self.answers).enumerate();
        let kept = written.filter_map(|(index, (reply, answer))| {
            let request = reply.request()?;
            let accepted = match answer {
                Place::Stored(place) => accepted(&self.events[*place], false),
                Place::Repeat(first) => first.clone(),
                Place::Taken(_) => return None,
            };
            let kept = KeptReply {
                path: request.path.to_string(),
                body_digest: request.body_digest.to_vec(),
                status: ACCEPTED,
                reply: (request.reply)(&accepted, request.client_id.as_deref()),
            };
            Some((index, kept))
        });
        self.kept = kept.collect();
    }

    /// What [`write_replies`](Self::write_replies) wrote.
    pub(super) fn kept_replies(&self) -> Vec<(Key<'_>, &KeptReply)> {
        let with_keys = self.kept.iter().filter_map(|(index, kept)| {
            let request = self.replies[*index].request()?;
            Some(((request.workspace, &*request.key), kept))
        });
        with_keys.collect()
    }

    /// Repeats within the group point at their first.
    pub(super) fn merge_repeats(&mut self) {
        // The answer that belongs to each event.
        let owners: Vec<usize> = self.answers.iter().enumerate().filter_map(owner).collect();
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
                    self.answers[owners[index]] = Place::Repeat(accepted(first, true));
                }
                None => {
                    self.answers[owners[index]] = Place::Stored(kept.len());
                    kept.push(event);
                }
            }
        }
        self.events = kept;
    }

    pub(super) fn claims(&self) -> Claims<'_> {
        let claims = self.events.iter().filter_map(|event| {
            let id = event.content.once_key.as_deref()?;
            Some((event.content.workspace, id, event.id))
        });
        Claims::new(claims.collect())
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
                Place::Taken(_) => {}
            }
        }
    }

    pub(super) fn answer(&mut self) {
        let mut repeat_count = 0;
        for (reply, answer) in self.replies.drain(..).zip(self.answers.drain(..)) {
            reply.give(match answer {
                Place::Stored(index) => Once::Accepted(accepted(&self.events[index], false)),
                Place::Repeat(first) => {
                    repeat_count += 1;
                    Once::Accepted(first)
                }
                Place::Taken(answer) => answer,
            });
        }
        counter!(names::EVENTS_ACCEPTED).increment(self.events.len() as u64);
        counter!(names::EVENTS_REPEATED).increment(repeat_count);
    }

    pub(super) fn refuse(&mut self, why: PublishError) {
        counter!(names::EVENTS_REFUSED).increment(self.replies.len() as u64);
        for reply in self.replies.drain(..) {
            reply.refuse(why);
        }
    }
}

/// The place of an answer whose event is still there, before repeats are merged.
const fn owner((index, answer): (usize, &Place)) -> Option<usize> {
    match answer {
        Place::Stored(_) => Some(index),
        Place::Repeat(_) | Place::Taken(_) => None,
    }
}

fn accepted(event: &Event, is_repeat: bool) -> Accepted {
    Accepted {
        id: event.id,
        label: event.content.label.clone(),
        is_repeat,
    }
}

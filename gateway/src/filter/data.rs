//! An event's data as filters look at it: opened level by level, each at most once, with scalars as they were written.

use std::borrow::Cow;
use std::cell::OnceCell;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// How many items of lists a condition looks at, so that no event costs more than its share of the dispatcher.
pub const MAX_ITEMS: usize = 1_000;

/// The data of one event.
pub struct Data<'a>(Option<Field<'a>>);

impl<'a> Data<'a> {
    /// The data, which is not read yet.
    pub fn of(bytes: &'a [u8]) -> Self {
        let raw: Option<&RawValue> = serde_json::from_slice(bytes).ok();
        Self(raw.map(Field::of))
    }

    /// The object; `None` if it cannot be read.
    pub(super) const fn root(&self) -> Option<&Field<'a>> {
        self.0.as_ref()
    }
}

/// A value in the data.
pub(super) struct Field<'a> {
    raw: &'a RawValue,
    opened: OnceCell<Opened<'a>>,
}

enum Opened<'a> {
    Scalar,
    List(Vec<Field<'a>>),
    Object(Vec<(Cow<'a, str>, Field<'a>)>),
}

impl<'a> Field<'a> {
    const fn of(raw: &'a RawValue) -> Self {
        Self {
            raw,
            opened: OnceCell::new(),
        }
    }

    fn opened(&self) -> &Opened<'a> {
        self.opened.get_or_init(|| {
            let text = self.raw.get();
            match text.as_bytes().first() {
                Some(b'[') => {
                    let items: Vec<&'a RawValue> = serde_json::from_str(text).unwrap_or_default();
                    Opened::List(items.into_iter().map(Field::of).collect())
                }
                Some(b'{') => {
                    let members: Members<'a> = serde_json::from_str(text).unwrap_or_default();
                    Opened::Object(members.0)
                }
                _ => Opened::Scalar,
            }
        })
    }

    /// Whether `is_wanted` takes one of the values that the path leads to. A list on the way or at its end stands for
    /// its items, but a list within a list does not. `null` is a value; what is not there is none.
    pub fn any(&self, path: &[Box<str>], is_wanted: &dyn Fn(&str) -> bool) -> bool {
        let mut budget = MAX_ITEMS;
        self.search(path, is_wanted, &mut budget)
    }

    fn search(&self, path: &[Box<str>], is_wanted: &dyn Fn(&str) -> bool, budget: &mut usize) -> bool {
        let Opened::List(items) = self.opened() else {
            return self.step(path, is_wanted, budget);
        };
        for item in items {
            if *budget == 0 {
                return false;
            }
            *budget -= 1;
            if !matches!(item.opened(), Opened::List(_)) && item.step(path, is_wanted, budget) {
                return true;
            }
        }
        false
    }

    fn step(&self, path: &[Box<str>], is_wanted: &dyn Fn(&str) -> bool, budget: &mut usize) -> bool {
        let Some((name, rest)) = path.split_first() else {
            return is_wanted(self.raw.get());
        };
        let Opened::Object(members) = self.opened() else {
            return false;
        };
        // Of a name that stands twice the last counts, as most readers of JSON have it.
        let found = members.iter().rev().find(|(key, _)| **key == **name);
        found.is_some_and(|(_, field)| field.search(rest, is_wanted, budget))
    }
}

#[derive(Default)]
struct Members<'a>(Vec<(Cow<'a, str>, Field<'a>)>);

/// A key, borrowed where it holds no escape.
#[derive(serde::Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Members<'de>;
            fn expecting(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                out.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some((Key(key), raw)) = map.next_entry::<Key<'de>, &'de RawValue>()? {
                    members.push((key, Field::of(raw)));
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Reader)
    }
}

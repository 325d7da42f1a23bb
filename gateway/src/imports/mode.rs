//! What an import does with rows whose key exists, and with those whose key does not.

/// What to do with rows whose key exists, and with those whose key does not (`&mode=`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// Update the one, create the other.
    #[default]
    Upsert,
    /// A key that exists is the row's error.
    Create,
    /// A key that does not exist, or is not given, is the row's error.
    Update,
}

impl Mode {
    /// What `&mode=` takes.
    pub fn named(name: &str) -> Option<Mode> {
        match name {
            "upsert" => Some(Mode::Upsert),
            "create" => Some(Mode::Create),
            "update" => Some(Mode::Update),
            _ => None,
        }
    }

    /// The word that [`Mode::named`] takes.
    pub fn word(self) -> &'static str {
        match self {
            Mode::Upsert => "upsert",
            Mode::Create => "create",
            Mode::Update => "update",
        }
    }
}

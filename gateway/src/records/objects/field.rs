//! One field of an object: its name, what it takes, and the headers under which files carry it.

/// What a field takes. Lengths are API.md's: key fields 255 characters, `notes` and `description`
/// 64 KiB, other strings 4,000 characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A string of at most [`Kind::TEXT_CHARS`] characters.
    Text,
    /// A string of at most [`Kind::LONG_TEXT_BYTES`] bytes.
    LongText,
    /// A string that may be a record's key: at most [`Kind::KEY_CHARS`] characters, for index rows are
    /// capped at 2.7 kB.
    KeyText,
    /// A string that tells a record from all others (`sku`, `external_id`): as [`Kind::KeyText`], and without characters
    /// that nobody sees.
    Code,
    /// One `@` with something on both sides, at most [`Kind::EMAIL_CHARS`] characters.
    Email,
    /// A host name, stored without scheme, `www.`, path and capitals.
    Domain,
    /// A whole number of at most 18 digits.
    Integer,
    /// An exact decimal of at most 18 digits before and 6 after the point.
    Decimal,
    /// An ISO 4217 code, stored in capitals.
    Currency,
    /// One of a few words, stored as the table spells them.
    Choice(&'static [&'static str]),
    /// A day of the calendar, stored as `YYYY-MM-DD`.
    Date,
    /// `true` or `false`.
    Boolean,
}

impl Kind {
    /// Most characters of a plain string.
    pub const TEXT_CHARS: usize = 4_000;
    /// Most bytes of `notes` and `description`.
    pub const LONG_TEXT_BYTES: usize = 64 * 1024;
    /// Most characters of a key field.
    pub const KEY_CHARS: usize = 255;
    /// Most characters of an email address (RFC 5321, 4.5.3.1.3, less the angle brackets).
    pub const EMAIL_CHARS: usize = 254;

    /// The word the column guide shows as the field's `type`.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Text | Kind::KeyText | Kind::Code => "text",
            Kind::LongText => "long text",
            Kind::Email => "email",
            Kind::Domain => "domain",
            Kind::Integer => "integer",
            Kind::Decimal => "decimal",
            Kind::Currency => "currency",
            Kind::Choice(_) => "choice",
            Kind::Date => "date",
            Kind::Boolean => "boolean",
        }
    }

    /// Whether a value may be a record's key.
    pub fn is_key(self) -> bool {
        matches!(self, Kind::KeyText | Kind::Code | Kind::Email | Kind::Domain)
    }

    /// The most characters a value may have, where the kind counts characters.
    pub fn max_chars(self) -> Option<usize> {
        match self {
            Kind::Text => Some(Kind::TEXT_CHARS),
            Kind::KeyText | Kind::Code | Kind::Domain => Some(Kind::KEY_CHARS),
            Kind::Email => Some(Kind::EMAIL_CHARS),
            _ => None,
        }
    }
}

/// Whether a record can do without a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Every record has it.
    Always,
    /// Every record has at least one of the fields marked so.
    OneOf,
    /// A record can do without.
    Optional,
}

/// One field that a record stores.
#[derive(Debug)]
pub struct Field {
    /// The JSON name and the column's name.
    pub name: &'static str,
    /// What a person reads in a form or a guide.
    pub label: &'static str,
    /// What it takes.
    pub kind: Kind,
    /// Whether a record can do without.
    pub need: Need,
    /// What a new record gets if nothing is given, in stored form.
    pub default: Option<&'static str>,
    /// The two example rows of the template, in stored form.
    pub examples: [&'static str; 2],
    /// Headers under which real files carry it, best first (facts/csv.md); compared by
    /// their letters and digits alone, so case, accents, spaces and punctuation do not matter.
    pub headers: &'static [&'static str],
    /// Headers that stand for the field only if no other column of the file does.
    pub last_resort: &'static [&'static str],
    /// Whether a cell that the field cannot take is kept in `extra` instead of failing its row.
    pub is_tolerant: bool,
    /// Whether `?q=` also finds it by its digits alone.
    pub is_phone: bool,
}

impl Field {
    /// An optional field without a default; the tables build on it.
    pub const fn new(name: &'static str, label: &'static str, kind: Kind) -> Field {
        Field {
            name,
            label,
            kind,
            need: Need::Optional,
            default: None,
            examples: ["", ""],
            headers: &[],
            last_resort: &[],
            is_tolerant: false,
            is_phone: false,
        }
    }

    /// With the headers of facts/csv.md, best first.
    pub const fn headers(self, headers: &'static [&'static str]) -> Field {
        Field { headers, ..self }
    }

    /// With the values of the template's two example rows.
    pub const fn examples(self, first: &'static str, second: &'static str) -> Field {
        Field {
            examples: [first, second],
            ..self
        }
    }

    /// A value as it may stand in a file: the first of the template's that is given.
    pub fn example(&self) -> &'static str {
        let given = self.examples.iter().find(|example| !example.is_empty());
        given.copied().unwrap_or_default()
    }

    /// With its part in what the object needs.
    pub const fn need(self, need: Need) -> Field {
        Field { need, ..self }
    }

    /// With what a new record gets if nothing is given.
    pub const fn default_value(self, default: &'static str) -> Field {
        Field {
            default: Some(default),
            ..self
        }
    }

    /// With headers that count only if no other column feeds the field.
    pub const fn last_resort(self, last_resort: &'static [&'static str]) -> Field {
        Field { last_resort, ..self }
    }

    /// As a phone number.
    pub const fn phone(self) -> Field {
        Field {
            is_phone: true,
            ..self
        }
    }

    /// With cells that it cannot take kept in `extra`.
    pub const fn tolerant(self) -> Field {
        Field {
            is_tolerant: true,
            ..self
        }
    }
}

//! Identifiers: a prefix that names the kind of object, and a UUIDv7 that sorts by creation.

pub mod clock;

use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;

use parking_lot::Mutex;
use uuid::Uuid;

use super::clock::Millis;
use clock::IdClock;

/// A kind of thing that has ids, named by the prefix of its ids.
pub trait Kind {
    /// The text before the UUID, underscore included, such as `key_`.
    const PREFIX: &'static str;
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident $alias:ident $prefix:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy)]
        pub enum $kind {}
        impl Kind for $kind {
            const PREFIX: &'static str = $prefix;
        }
        $(#[$doc])*
        pub type $alias = Id<$kind>;
    )*};
}

kinds! {
    /// An API key.
    Key KeyId "key_";
    /// A webhook endpoint.
    Webhook WebhookId "wh_";
    /// Whatever deliveries go to; the id of an endpoint, without saying that it is one.
    Destination DestinationId "";
    /// An accepted event.
    Event EventId "evt_";
    /// One event on its way to one endpoint.
    Delivery DeliveryId "dlv_";
    /// An entry of the audit trail.
    Audit AuditId "aud_";
    /// One life of one gateway process.
    Instance InstanceId "ins_";
    /// A session of the console.
    ConsoleSession SessionId "ses_";
    /// A one-time link that opens the console.
    ConsoleLink LinkId "lnk_";
    /// An import of a file.
    Import ImportId "imp_";
    /// A status that an outside system reports.
    Sentry SentryId "sen_";
    /// An entry of a sentry's history.
    History HistoryId "his_";
    /// A badge and its page.
    Hoot HootId "hoot_";
    /// A credential at a vendor.
    Connection ConnectionId "conn_";
    /// A public address that outside systems send to.
    Source SourceId "src_";
    /// One request to a source, and what became of it.
    Receipt ReceiptId "rcp_";
    /// A rule.
    Rule RuleId "rule_";
}

/// The id of one `K`: prefix and lower-case hyphenated UUID, as in `key_0198c0de-…`.
pub struct Id<K> {
    uuid: Uuid,
    kind: PhantomData<fn() -> K>,
}

impl<K: Kind> Id<K> {
    /// A new id; later ids of this process sort after earlier ones.
    pub fn generate() -> Self {
        Self::from_uuid(next_uuid())
    }

    /// The id that `uuid` is the body of.
    pub const fn from_uuid(uuid: Uuid) -> Self {
        Self {
            uuid,
            kind: PhantomData,
        }
    }

    /// The part after the prefix, which is what the database keeps.
    pub const fn uuid(self) -> Uuid {
        self.uuid
    }

    /// Reads the public form; anything but the exact prefix and the 36 lower-case characters is `None`.
    pub fn parse(text: &str) -> Option<Self> {
        parse_uuid(K::PREFIX, text).map(Self::from_uuid)
    }
}

impl<K: Kind> fmt::Display for Id<K> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(K::PREFIX)?;
        let mut buffer = Uuid::encode_buffer();
        out.write_str(self.uuid.hyphenated().encode_lower(&mut buffer))
    }
}

impl<K: Kind> fmt::Debug for Id<K> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

impl<K> Clone for Id<K> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<K> Copy for Id<K> {}
impl<K> PartialEq for Id<K> {
    fn eq(&self, other: &Self) -> bool {
        self.uuid == other.uuid
    }
}
impl<K> Eq for Id<K> {}
impl<K> PartialOrd for Id<K> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl<K> Ord for Id<K> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.uuid.cmp(&other.uuid)
    }
}
impl<K> Hash for Id<K> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.uuid.hash(state);
    }
}

impl<K: Kind> serde::Serialize for Id<K> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

static IDS: Mutex<IdClock> = Mutex::new(IdClock::NEW);

/// A new UUIDv7, whose time is the database's; later ones of this process sort after earlier ones.
pub fn next_uuid() -> Uuid {
    IDS.lock().next(Millis::now())
}

/// The UUID of an id with that exact prefix and 36 lower-case characters behind it.
pub fn parse_uuid(prefix: &str, text: &str) -> Option<Uuid> {
    let body = text.strip_prefix(prefix)?;
    let is_exact = body.len() == 36 && !body.bytes().any(|byte| byte.is_ascii_uppercase());
    is_exact.then(|| Uuid::try_parse(body).ok()).flatten()
}

/// The milliseconds since the Unix epoch that a UUIDv7 carries in its first 48 bits (RFC 9562, 5.7).
pub fn uuid_millis(uuid: Uuid) -> i64 {
    // 48 bits always fit.
    (uuid.as_u128() >> 80) as i64
}

/// The smallest UUID whose time part is `millis`: a bound for ranges and partitions.
pub fn uuid_floor(millis: i64) -> Uuid {
    let millis = u128::try_from(millis.max(0)).unwrap_or(0) & 0xffff_ffff_ffff;
    Uuid::from_u128(millis << 80)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn public_form_round_trips_and_nothing_else_parses() {
        let id = KeyId::generate();
        assert_eq!(KeyId::parse(&id.to_string()), Some(id));
        assert_eq!(WebhookId::parse(&id.to_string()), None);
        assert_eq!(KeyId::parse(&id.to_string().to_uppercase()), None);
        let upper = format!("key_{}", id.uuid().to_string().to_uppercase());
        assert!(upper.bytes().any(|byte| byte.is_ascii_uppercase()));
        assert_eq!(KeyId::parse(&upper), None);
        assert_eq!(KeyId::parse(&format!("key_{}", id.uuid().simple())), None);
        assert_eq!(KeyId::parse("key_"), None);
    }

    #[test]
    fn time_bounds_enclose_an_id() {
        let uuid = next_uuid();
        let millis = uuid_millis(uuid);
        assert!(uuid_floor(millis) < uuid && uuid < uuid_floor(millis + 1));
    }
}

//! UUIDv7 that increase strictly, even when the clock steps back.

use uuid::Uuid;

use crate::base::clock::Millis;

/// Ids within one millisecond before the next millisecond is borrowed.
const PER_MILLI: u16 = 1 << 12;

/// The last id that was made.
#[derive(Debug, Default)]
pub struct IdClock {
    millis: i64,
    sequence: u16,
}

impl IdClock {
    /// One that has made no id yet.
    pub const NEW: Self = Self {
        millis: 0,
        sequence: 0,
    };

    /// The next id. Layout of RFC 9562, 5.7 with the sequence in `rand_a` (method 1 of 6.2).
    pub fn next(&mut self, now: Millis) -> Uuid {
        if now.0 > self.millis {
            self.millis = now.0;
            self.sequence = 0;
        } else {
            self.sequence += 1;
            if self.sequence == PER_MILLI {
                self.millis += 1;
                self.sequence = 0;
            }
        }
        let time = (self.millis.unsigned_abs() & 0xffff_ffff_ffff) << 16;
        let high = time | 0x7000 | u64::from(self.sequence);
        let low = (fastrand::u64(..) >> 2) | (1 << 63);
        Uuid::from_u64_pair(high, low)
    }

    /// Has all later ids begin at `now` or behind it.
    pub const fn reach(&mut self, now: Millis) {
        if now.0 > self.millis {
            self.millis = now.0;
            self.sequence = 0;
        }
    }

    /// The time of the last id; all later ids have this or a later one.
    pub const fn millis(&self) -> i64 {
        self.millis
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::id::uuid_millis;

    #[test]
    fn ids_rise_through_crowds_and_steps_back() {
        let mut clock = IdClock::default();
        let mut last = Uuid::nil();
        for step in 0..20_000 {
            let now = if step < 10_000 { 1_000_000 } else { 999_000 };
            let id = clock.next(Millis(now));
            assert!(id > last);
            assert_eq!(
                (id.get_version_num(), id.get_variant()),
                (7, uuid::Variant::RFC4122)
            );
            last = id;
        }
        assert!(uuid_millis(last) >= 1_000_000);
    }
}

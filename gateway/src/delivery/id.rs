//! Ids of deliveries, derived from the ids of event and destination.

use uuid::Uuid;

use crate::base::id::{DeliveryId, DestinationId};

/// The id of the first delivery of an event to a destination.
///
/// It begins with the first 64 bits of the event's id, so that an event's deliveries stand together in the primary key,
/// and it is the same whenever it is made, so that a delivery which is sent again after a crash is known by its id.
pub fn first_delivery_id(event: Uuid, destination: DestinationId) -> DeliveryId {
    let (high, low) = event.as_u64_pair();
    let (other_high, other_low) = destination.uuid().as_u64_pair();
    let mixed = mix(mix(low ^ other_high) ^ other_low);
    DeliveryId::from_uuid(Uuid::from_u64_pair(high, (mixed >> 2) | (1 << 63)))
}

/// The range of ids in which the first deliveries of an event stand.
pub fn delivery_range(event: Uuid) -> (Uuid, Uuid) {
    let (high, _) = event.as_u64_pair();
    (Uuid::from_u64_pair(high, 0), Uuid::from_u64_pair(high, u64::MAX))
}

/// The finalizer of SplitMix64: every bit of the input changes about half of the output.
const fn mix(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delivery_id_is_a_uuid_of_its_events_range() {
        let event = Uuid::now_v7();
        let destinations = [DestinationId::generate(), DestinationId::generate()];
        let [one, two] = destinations.map(|destination| first_delivery_id(event, destination).uuid());
        assert_ne!(one, two);
        assert_eq!(one, first_delivery_id(event, destinations[0]).uuid());
        let (from, to) = delivery_range(event);
        assert!(from < one && one < to && from < event && event < to);
        assert_eq!(
            (one.get_version_num(), one.get_variant()),
            (7, uuid::Variant::RFC4122)
        );
    }
}

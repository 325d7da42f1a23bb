//! Tables that lose their old rows by whole partitions: by day what grows with traffic, by month the audit trail.

mod days;
mod indexes;
mod months;

pub use days::{
    Day, Patience, Undone, drop_partitions, ensure_partitions, forget_once_keys, observe_partitions,
    purge_rest, purge_slowly,
};
pub use indexes::ensure_indexes;
pub use months::{drop_months, ensure_months, observe_months};

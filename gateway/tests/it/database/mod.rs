//! The database as operators have it: sessions, poolers, upkeep beside other work, and what goes wrong on the first day.

mod pooler;
mod refusals;
mod sessions;
mod unwritable;
mod upgrades;
mod upkeep;

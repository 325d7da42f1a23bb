//! The pages of webhooks and their deliveries.

mod condition;
mod forms;

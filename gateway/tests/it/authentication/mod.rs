//! From a request's credential to a caller or a refusal, in the contract's order.

mod address;
mod credential;
mod every_route;
mod order;
mod permission;

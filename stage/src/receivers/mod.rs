//! What a gateway calls: receivers that answer as a script says, and a verifier of what they got.

pub mod receiver;
pub mod script;
pub mod secure_receiver;
pub mod signature;

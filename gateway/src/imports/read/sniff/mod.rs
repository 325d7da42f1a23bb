//! What a file is, told from its first bytes: no table at all ([`signature`]), its encoding
//! ([`encoding`]), its delimiter ([`delimiter`]).

pub mod delimiter;
pub mod encoding;
pub mod signature;

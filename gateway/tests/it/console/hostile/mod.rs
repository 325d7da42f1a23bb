//! What a console must withstand.

mod secrets;
mod strangers;

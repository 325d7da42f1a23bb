//! multipart/form-data (RFC 7578), read as its bytes come: [`splitter`] finds the parts, [`part_head`] says what each is,
//! [`parameters`] takes header values apart. Whatever a client sends, no more than a part's head is held back. [`urlencoded`] is the other form.

pub mod parameters;
pub mod part_head;
pub mod splitter;
pub mod urlencoded;

//! The pages of imports.

mod checking;
mod pages;
mod undoing;

//! A page as the router knows it.

use http::Method;

use crate::console::{Arrival, Visit};
use crate::routes::Access::{self, AnyKey};
use crate::routes::{Handling, Services};

/// One page.
pub(super) struct PageRoute {
    pub method: Method,
    pub path: &'static str,
    pub access: Access,
    pub handler: PageHandler,
    /// Whether the page takes as long as what it waits for, which has limits of its own.
    pub is_unbounded: bool,
}

impl PageRoute {
    /// The same for a page whose length is that of what it waits for.
    pub(super) fn unbounded(self) -> Self {
        Self {
            is_unbounded: true,
            ..self
        }
    }
}

/// What answers, with a session or without.
#[derive(Clone, Copy)]
pub(super) enum PageHandler {
    Public(fn(&Services, Arrival) -> Handling),
    SignedIn(fn(&Services, Visit) -> Handling),
}

/// One that anyone may see.
pub(super) fn public(
    method: Method,
    path: &'static str,
    handler: fn(&Services, Arrival) -> Handling,
) -> PageRoute {
    PageRoute {
        method,
        path,
        access: AnyKey,
        handler: PageHandler::Public(handler),
        is_unbounded: false,
    }
}

/// One that a session may see.
pub(super) fn get(
    path: &'static str,
    access: Access,
    handler: fn(&Services, Visit) -> Handling,
) -> PageRoute {
    PageRoute {
        method: Method::GET,
        path,
        access,
        handler: PageHandler::SignedIn(handler),
        is_unbounded: false,
    }
}

/// One that a session may send.
pub(super) fn post(
    path: &'static str,
    access: Access,
    handler: fn(&Services, Visit) -> Handling,
) -> PageRoute {
    PageRoute {
        method: Method::POST,
        ..get(path, access, handler)
    }
}

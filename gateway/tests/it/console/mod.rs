//! The console, as a browser sees it: every page is parsed as HTML.

mod api_keys;
mod browser;
mod entrance;
mod every_page;
mod html;
mod imports;
mod links;
mod sessions;
mod webhooks;

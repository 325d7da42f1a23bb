//! The console, as a browser sees it: every page is parsed as HTML.

mod api_keys;
mod audit;
mod browser;
mod checking;
mod entrance;
mod every_page;
mod hostile;
mod html;
mod imports;
mod links;
mod overview;
mod sentries;
mod sessions;
mod undoing;
mod webhooks;

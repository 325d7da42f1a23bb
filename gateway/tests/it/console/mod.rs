//! The console, as a browser sees it: every page is parsed as HTML.

mod api_keys;
mod assets;
mod audit;
mod browser;
mod entrance;
mod events;
mod every_page;
mod hostile;
mod html;
mod imports;
mod links;
mod overview;
mod query_counts;
mod recovery;
mod sentries;
mod sessions;
mod webhooks;

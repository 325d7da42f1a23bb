//! Rules that a review would repeat, as tests: which module may know which, how large a file may be, what must be
//! documented. They read the source and the documents, and start nothing.

#[path = "laws/clocks.rs"]
mod clocks;
#[path = "laws/connectors.rs"]
mod connectors;
#[path = "laws/documents.rs"]
mod documents;
#[path = "laws/migrations.rs"]
mod migrations;
#[path = "laws/modules.rs"]
mod modules;
#[path = "laws/paths.rs"]
mod paths;
#[path = "laws/rooms.rs"]
mod rooms;
#[path = "laws/size.rs"]
mod size;
#[path = "laws/source.rs"]
mod source;
#[path = "laws/tasks.rs"]
mod tasks;
#[path = "laws/templates.rs"]
mod templates;

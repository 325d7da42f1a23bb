//! The `gateway` binary.

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// `mi_option_purge_delay` of mimalloc 3 (mimalloc.h), in milliseconds.
const PURGE_DELAY: libmimalloc_sys::mi_option_t = 15;
/// What it is unless the environment says otherwise.
const DEFAULT_DELAY: i64 = 1000;
/// An import frees and takes again a few megabytes some fifty times a second: kept for a whole second, what it has
/// freed is more than what it holds.
const SHORT_DELAY: i64 = 100;

#[allow(unsafe_code, reason = "the allocator's options have no safe interface")]
fn give_memory_back_sooner() {
    // SAFETY: both calls take any option and value, and are made before there is a second thread.
    unsafe {
        // Another default is another version, whose options may be counted differently.
        if libmimalloc_sys::mi_option_get(PURGE_DELAY) == DEFAULT_DELAY {
            libmimalloc_sys::mi_option_set(PURGE_DELAY, SHORT_DELAY);
        }
    }
}

fn main() -> ExitCode {
    give_memory_back_sooner();
    gateway::cli::main()
}

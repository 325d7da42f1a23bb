//! One binary that holds the gateway to its numbers.
//!
//! A rate alone says more about the machine than about the gateway, so every rate here has a
//! calibrator: the least program that does the same visible work, measured in the same run and
//! by the same load. `bench run` starts all of it, interleaves the rounds and prints ratios.

mod child;
mod cluster;
mod control;
mod gateway;
mod hello;
mod kill;
mod load;
mod payload;
mod process;
mod quota;
mod receiver;
mod relay;
mod run;
mod server;
mod sink;

use anyhow::Result;
use clap::{Parser, Subcommand};
use serde::Serialize;
use std::io::Write;
use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Parser)]
#[command(
    name = "bench",
    version,
    about = "Load, calibrators and the comparison for the gateway"
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Bare hyper hello-world: the calibrator of `GET /v1/whoami`.
    Hello(server::Listen),
    /// Bare hyper POST sink: the calibrator of accepted events.
    Sink(server::Listen),
    /// Delivery target: answers, counts, and measures accept-to-receipt latency.
    Receiver(receiver::Options),
    /// Raw signing client: posts signed deliveries into a receiver, as fast as it answers.
    Relay(relay::Options),
    /// Load generator for one path, closed loop or paced.
    Load(load::Options),
    /// The whole comparison against a gateway binary, everything started and removed by itself.
    Run(run::Options),
    /// Kills gateways, PostgreSQL and the broker under load, again and again, and counts what was lost or repeated.
    Kill(kill::Options),
}

fn main() -> ExitCode {
    match obey(Cli::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn obey(command: Command) -> Result<()> {
    match command {
        Command::Hello(listen) => listen.runtime()?.block_on(hello::serve(listen)),
        Command::Sink(listen) => listen.runtime()?.block_on(sink::serve(listen)),
        Command::Receiver(options) => options.listen.runtime()?.block_on(receiver::serve(options)),
        Command::Relay(options) => print_json(&relay::run(&options)?),
        Command::Load(options) => print_json(&load::run(&options)?),
        Command::Run(options) => run::run(options),
        Command::Kill(options) => kill::run(options),
    }
}

fn print_json<T: Serialize>(report: &T) -> Result<()> {
    writeln!(std::io::stdout(), "{}", serde_json::to_string(report)?)?;
    Ok(())
}

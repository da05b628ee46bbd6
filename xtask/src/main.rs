//! Campaigns: measurements and long tests that take more time than the gate has. Each prints a
//! table and writes it to `docs/campaigns/NAME.md`, with its date.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "this is a command of the project's own"
)]

mod benches;
mod built;
mod cpu_group;
mod demo;
mod display;
mod fan_out;
mod faults;
mod fuzz;
mod harm;
mod hostile;
mod house;
mod many_hosts;
mod masters;
mod old_and_new;
mod picture;
mod table;
mod two_at_once;

use std::error::Error;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Tasks of this project that cargo has no command for.
#[derive(Parser)]
#[command(name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Run a campaign and write its table to docs/campaigns.
    #[command(subcommand)]
    Campaign(Campaign),
    /// Look for circles of files in a crate, and for arrows between crates that are not drawn.
    House,
    /// Make the README's pictures anew, from an installation in a lab.
    Picture,
}

#[derive(Subcommand)]
enum Campaign {
    /// Planning and the fold of events, counted in instructions.
    Benches(benches::Options),
    /// Many loopback hosts, eight stages: beside `xargs -P64 ssh` with ControlMaster.
    FanOut(fan_out::Options),
    /// An installation on eight local hosts: its seconds, and whose they are.
    Demo(demo::Options),
    /// What a screen costs a run, one that nobody reads too.
    Display(display::Options),
    /// Faults of all kinds, and what is lost by them; writes docs/reliability.md.
    Faults(faults::Options),
    /// Any bytes for what reads files of others; writes docs/campaigns/fuzz.md.
    Fuzz(fuzz::Options),
    /// What others may do to a host, an operator or a run; writes docs/reliability.md.
    Harm(harm::Options),
    /// One host among 21 that floods.
    Hostile(hostile::Options),
    /// Installations with one, three and five masters.
    Masters(masters::Options),
    /// The phalanx of before a change beside the built one: demo, fan-out, and runs handed from one to the other.
    OldAndNew(old_and_new::Options),
    /// Two controllers started in the same instant, and which of them works.
    TwoAtOnce(two_at_once::Options),
}

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> ExitCode {
    let done = match Cli::parse().task {
        Task::House => house::run(),
        Task::Picture => picture::run(),
        Task::Campaign(Campaign::Benches(options)) => benches::run(&options),
        Task::Campaign(Campaign::FanOut(options)) => fan_out::run(&options),
        Task::Campaign(Campaign::Demo(options)) => demo::run(&options),
        Task::Campaign(Campaign::Display(options)) => display::run(&options),
        Task::Campaign(Campaign::Faults(options)) => faults::run(&options),
        Task::Campaign(Campaign::Fuzz(options)) => fuzz::run(&options),
        Task::Campaign(Campaign::Harm(options)) => harm::run(&options),
        Task::Campaign(Campaign::Hostile(options)) => hostile::run(&options),
        Task::Campaign(Campaign::Masters(options)) => masters::run(&options),
        Task::Campaign(Campaign::OldAndNew(options)) => old_and_new::run(&options),
        Task::Campaign(Campaign::TwoAtOnce(options)) => two_at_once::run(&options),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("failed: {error}");
            ExitCode::FAILURE
        }
    }
}

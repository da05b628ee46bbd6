//! The command line.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};

use crate::when::When;

/// Stands up a cluster on many machines over SSH.
#[derive(Debug, Parser)]
#[command(
    name = "phalanx",
    version,
    propagate_version = true,
    arg_required_else_help = true
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options that are declared once for all commands; which command uses which, [`crate::option_use`] knows.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Global {
    /// The cluster file, `-` for standard input [default: ./phalanx.yaml, else ./cluster.conf]
    #[arg(short, long, global = true, value_name = "FILE")]
    pub(crate) cluster: Option<PathBuf>,
    /// The recipe, instead of the cluster file's: a built-in one's name, or a folder
    #[arg(long, global = true, value_name = "NAME|DIR")]
    pub(crate) recipe: Option<String>,
    /// Only these hosts, roles or labels
    #[arg(long, global = true, value_name = "HOST|ROLE|LABEL", value_delimiter = ',', action = ArgAction::Append)]
    pub(crate) on: Vec<String>,
    /// Take the errors of this check as warnings
    #[arg(long, global = true, value_name = "CHECK", value_delimiter = ',', action = ArgAction::Append)]
    pub(crate) accept: Vec<String>,
    /// Don't ask before the first change
    #[arg(short, long, global = true)]
    pub(crate) yes: bool,
    /// Show the hosts' output
    #[arg(short, long, global = true, conflicts_with = "quiet")]
    pub(crate) verbose: bool,
    /// Show failures only
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,
    /// Write lines, also where a screen could be painted
    #[arg(long, global = true)]
    pub(crate) plain: bool,
    /// Write the result as JSON to standard output
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// How many tasks may work at once
    #[arg(long, global = true, value_name = "N", default_value = "256")]
    pub(crate) parallel: Parallel,
}

/// How many tasks may work at once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Parallel(pub(crate) NonZeroUsize);

impl Default for Parallel {
    fn default() -> Self {
        Self(NonZeroUsize::MIN.saturating_add(255))
    }
}

impl std::str::FromStr for Parallel {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Install on a lab of local hosts, prove it, and take the lab down again
    Demo(DemoArgs),
    /// Write phalanx.yaml from a cluster.conf
    Init(InitArgs),
    /// Show what would run, in what order; contacts nothing
    Plan(PlanArgs),
    /// Connect to every host and look for problems; changes nothing
    Check,
    /// Bring the cluster to what the cluster file says
    Install(InstallArgs),
    /// Prove that the cluster is healthy
    Verify,
    /// Go on with a run that was left, cut short or failed
    Resume(ResumeArgs),
    /// List the runs
    Runs,
    /// Show what came of a run
    Show(ShowArgs),
    /// Show a run's logs
    Logs(LogsArgs),
    /// Watch a run that goes on, or see one again that is over
    Watch(WatchArgs),
    /// Say something to a run that goes on
    Control(ControlArgs),
    /// Pack all about a run for a support case, secrets redacted
    Bundle(BundleArgs),
    /// Look at a recipe
    #[command(subcommand)]
    Recipe(RecipeCommand),
    /// Local hosts to try it on
    #[command(subcommand)]
    Lab(LabCommand),
}

/// Options of `demo`.
#[derive(Args, Debug)]
pub(crate) struct DemoArgs {
    /// Leave the lab up, and say how to go in
    #[arg(long)]
    pub(crate) keep: bool,
    /// How many hosts: minimal, small or recommended
    #[arg(long, value_name = "SIZE", default_value = "small")]
    pub(crate) size: String,
}

/// What to do with a lab.
#[derive(Debug, Subcommand)]
pub(crate) enum LabCommand {
    /// Start local hosts and write a cluster file for them
    Up(LabUpArgs),
    /// End a lab; nothing of it is left
    Down(LabName),
    /// Show the labs and their hosts
    Status,
    /// Run a command in a lab's network, or on one of its hosts
    Exec(LabExecArgs),
    /// Stop everything in a lab where it is
    Freeze(LabName),
    /// Let a frozen lab go on
    Thaw(LabName),
}

/// Which lab.
#[derive(Args, Debug)]
pub(crate) struct LabName {
    /// The lab's name
    #[arg(value_name = "NAME", default_value = "lab")]
    pub(crate) name: String,
}

/// Options of `lab up`.
#[derive(Args, Debug)]
pub(crate) struct LabUpArgs {
    #[command(flatten)]
    pub(crate) name: LabName,
    /// How many hosts: minimal, small or recommended
    #[arg(long, value_name = "SIZE", default_value = "small")]
    pub(crate) size: String,
}

/// Options of `lab exec`.
#[derive(Args, Debug)]
pub(crate) struct LabExecArgs {
    /// The lab
    #[arg(long, value_name = "NAME", default_value = "lab")]
    pub(crate) lab: String,
    /// On this host, as root; else beside the hosts, where they can be reached
    #[arg(long, value_name = "HOST")]
    pub(crate) host: Option<String>,
    /// The command; `phalanx` is this very program
    #[arg(
        value_name = "COMMAND",
        trailing_var_arg = true,
        allow_hyphen_values = true,
        required = true
    )]
    pub(crate) command: Vec<std::ffi::OsString>,
}

/// Options of `init`.
#[derive(Args, Debug)]
pub(crate) struct InitArgs {
    /// The cluster.conf to read
    #[arg(long, value_name = "FILE")]
    pub(crate) from: PathBuf,
    /// The file to write; `-` for standard output [default: phalanx.yaml beside the cluster.conf]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

/// Options of `plan`.
#[derive(Args, Debug)]
pub(crate) struct PlanArgs {
    /// The flow
    #[arg(default_value = "install")]
    pub(crate) flow: String,
    #[command(flatten)]
    pub(crate) extent: Extent,
}

/// How much of a flow, and how strictly.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Extent {
    /// Stop after this stage
    #[arg(long, value_name = "STAGE")]
    pub(crate) to: Option<String>,
    /// No host begins a stage before all hosts have ended the one before it
    #[arg(long)]
    pub(crate) lockstep: bool,
    /// Remove what an installation left that was cut short, and begin anew there
    #[arg(long)]
    pub(crate) repair: bool,
    /// Hosts that need a reboot wait for you to do it; then it is proven
    #[arg(long)]
    pub(crate) manual_reboot: bool,
}

/// Options of `install`.
#[derive(Args, Debug)]
pub(crate) struct InstallArgs {
    #[command(flatten)]
    pub(crate) extent: Extent,
}

/// Options of `resume`.
#[derive(Args, Debug)]
pub(crate) struct ResumeArgs {
    /// The run, or the beginning or end of its name [default: the newest of the cluster that is unfinished]
    pub(crate) run: Option<String>,
    /// Only say what becomes of each task, and why; contacts nothing
    #[arg(long)]
    pub(crate) explain: bool,
}

/// Options of `show`.
#[derive(Args, Debug)]
pub(crate) struct ShowArgs {
    /// The run, or the beginning of its name [default: the newest]
    pub(crate) run: Option<String>,
    /// Write one page with everything about it, timeline included, that needs no network
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
}

/// Options of `logs`.
#[derive(Args, Debug)]
pub(crate) struct LogsArgs {
    /// RUN, HOST and STAGE: without a run, of the newest; without a host, the list of logs
    #[arg(value_name = "RUN|HOST|STAGE", num_args = 0..=3)]
    pub(crate) what: Vec<String>,
    /// Go on showing what is said, of all hosts where none is named, until the run ends
    #[arg(short, long)]
    pub(crate) follow: bool,
    /// Only lines that have this text in them, of all hosts where none is named
    #[arg(long, value_name = "TEXT")]
    pub(crate) grep: Option<String>,
    /// Only what came since: `5m` ago, `14:30`, `2026-11-25T14:30`; of all hosts where none is named
    #[arg(long, value_name = "WHEN")]
    pub(crate) since: Option<When>,
    /// In front of each line, when it came, in local time; `~` where only its task's beginning is known
    #[arg(short, long)]
    pub(crate) timestamps: bool,
}

/// Options of `watch`.
#[derive(Args, Debug)]
pub(crate) struct WatchArgs {
    /// The run, or the beginning or end of its name [default: the newest]
    pub(crate) run: Option<String>,
    /// Show a run that is over so many times as fast as it was
    #[arg(long, value_name = "N", value_parser = speed)]
    pub(crate) speed: Option<f64>,
    /// Write what the screen showed of a run as a picture that moves, for pages and mails
    #[arg(long, value_name = "FILE", conflicts_with = "speed")]
    pub(crate) svg: Option<PathBuf>,
}

fn speed(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(speed) if (0.01..=100_000.0).contains(&speed) => Ok(speed),
        _ => Err("a number between 0.01 and 100000, such as 10".to_owned()),
    }
}

/// Options of `control`.
#[derive(Args, Debug)]
pub(crate) struct ControlArgs {
    /// The run, or the beginning or end of its name [default: the newest that goes on]
    #[arg(long, value_name = "RUN")]
    pub(crate) run: Option<String>,
    #[command(subcommand)]
    pub(crate) order: OrderArgs,
}

/// What to say to a run.
#[derive(Debug, Subcommand)]
pub(crate) enum OrderArgs {
    /// Begin nothing new; what runs goes to its end
    Pause,
    /// Go on after a pause
    Continue,
    /// Try what failed on a host again, now
    Retry {
        /// Which
        host: String,
    },
    /// Count a host's stage as done, without doing it
    Skip {
        /// Which
        stage: String,
        /// Where
        host: String,
    },
    /// Leave a host out: what runs there is stopped, and nobody waits for it
    Drop {
        /// Which
        host: String,
    },
    /// Bring the run to its end: nothing new begins
    Stop {
        /// Stop what runs on the hosts as well
        #[arg(long)]
        now: bool,
    },
}

/// Options of `bundle`.
#[derive(Args, Debug)]
pub(crate) struct BundleArgs {
    /// The run, or the beginning or end of its name [default: the newest]
    pub(crate) run: Option<String>,
    /// The file to write [default: phalanx-RUN.tar.gz here]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Don't ask hosts that failed or are missing what they say now; contacts nothing
    #[arg(long)]
    pub(crate) offline: bool,
    /// Replace a file that is there already
    #[arg(long)]
    pub(crate) force: bool,
}

/// What to do with a recipe.
#[derive(Debug, Subcommand)]
pub(crate) enum RecipeCommand {
    /// Tell everything that is wrong with a recipe
    Lint(RecipeArgs),
    /// Write a JSON Schema, for editors and programs
    Schema(SchemaArgs),
    /// Show a recipe's roles, settings and flows
    Show(RecipeArgs),
}

/// Which recipe.
#[derive(Args, Debug)]
pub(crate) struct RecipeArgs {
    /// A built-in recipe's name, or a folder [default: the built-in one]
    // Another name than that of the option `--recipe`, which means the same.
    #[arg(id = "named_recipe", value_name = "NAME|DIR")]
    pub(crate) recipe: Option<String>,
}

/// Options of `recipe schema`.
#[derive(Args, Debug)]
pub(crate) struct SchemaArgs {
    /// Of which file
    #[arg(long, value_name = "FILE", default_value = "cluster")]
    pub(crate) of: SchemaOf,
    #[command(flatten)]
    pub(crate) recipe: RecipeArgs,
}

/// A file that has a schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SchemaOf {
    /// phalanx.yaml, with the recipe's roles and settings
    Cluster,
    /// recipe.yaml
    Recipe,
    /// A line of a run's journal.jsonl
    Journal,
}

/// What people try that have used other tools, and what it is called here.
const OTHER_WORDS: [(&[&str], &str); 4] = [
    (
        &["run", "apply", "deploy", "start", "up", "sync", "provision"],
        "'phalanx install', 'phalanx check' and 'phalanx verify' carry out the flow of that name; 'phalanx runs' lists \
         the runs",
    ),
    (
        &["status", "state", "list", "ls", "history"],
        "'phalanx runs' lists the runs, 'phalanx show' shows what came of one",
    ),
    (
        &["retry", "continue", "restart"],
        "'phalanx resume' goes on with a run that was left, cut short or failed",
    ),
    (
        &["validate", "lint", "test"],
        "'phalanx plan' reads the cluster file, 'phalanx recipe lint' a recipe; 'phalanx check' looks at the hosts",
    ),
];

/// An error of the command line, with what there is for a word of other tools.
pub(crate) fn mended(mut error: clap::Error) -> clap::Error {
    use clap::error::{ContextKind, ContextValue};

    let Some(ContextValue::String(word)) = error.get(ContextKind::InvalidSubcommand) else {
        return error;
    };
    let known = OTHER_WORDS
        .iter()
        .find(|(words, _)| words.contains(&word.as_str()));
    if let Some((_, there_is)) = known {
        error.remove(ContextKind::SuggestedSubcommand);
        let there_is = clap::builder::StyledStr::from((*there_is).to_owned());
        error.insert(
            ContextKind::Suggested,
            ContextValue::StyledStrs(vec![there_is]),
        );
    }
    error
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::option_use::try_parse;

    #[test]
    fn a_word_of_another_tool_is_answered_with_what_there_is() {
        let told = |word: &str| {
            let error = try_parse(["phalanx", word]).unwrap_err();
            mended(error).to_string()
        };
        let run = told("run");
        assert!(run.contains("'phalanx install'"), "{run}");
        assert!(!run.contains("similar subcommand"), "{run}");
        assert!(told("status").contains("'phalanx show'"));
        let other = told("instll");
        assert!(other.contains("'install'"), "{other}");
    }

    #[test]
    fn a_recipe_is_named_with_or_without_the_option() {
        for args in [&["--recipe", "x"][..], &["x"]] {
            let all = [&["phalanx", "recipe", "lint"], args].concat();
            let cli = try_parse(&all).unwrap();
            let Command::Recipe(RecipeCommand::Lint(lint)) = cli.command else {
                panic!("{all:?}");
            };
            assert_eq!(lint.recipe.or(cli.global.recipe).as_deref(), Some("x"));
        }
    }

    #[test]
    fn hosts_may_be_listed_or_repeated() {
        let cli = try_parse(["phalanx", "plan", "--on", "a,b", "--on", "c"]).unwrap();
        assert_eq!(cli.global.on, ["a", "b", "c"]);
    }
}

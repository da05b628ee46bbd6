//! The archive's own words about itself.

use std::fmt::Write as _;

use phalanx_events::{Event, EventKind, RunState};
use phalanx_report::terminal_text::harmless;

use super::hosts::Asked;
use super::redaction::Counts;

/// What there is to say.
pub(super) struct Readme<'a> {
    pub(super) run: &'a str,
    /// Whether somebody works on it.
    pub(super) running: bool,
    /// What could not be had, and why.
    pub(super) missing: &'a [String],
    /// Names below the folder of logs that were left there.
    pub(super) foreign: &'a [String],
    /// Of which secrets every spelling was looked for,
    pub(super) secrets: Vec<&'a str>,
    /// and why these may not be all.
    pub(super) unknown: Option<&'a str>,
    pub(super) redacted: &'a Counts,
    /// When hosts were asked what they say now; nothing where none was.
    pub(super) asked_at: Option<String>,
    pub(super) asked: &'a [Asked],
}

const CONTENTS: &str = "\
What is what

  report.txt     what came of the run, for people; report.json the same as data
  report.html    the same as one page with a timeline, for a browser; it needs no network
  versions.txt   which programs, recipe and release it was, and what each host's SSH server calls itself
  facts.txt      what each host has told about itself during the run
  journal.jsonl  everything that happened, one event a line, in order
  plan*.json     what was planned, with the recipe's scripts; plan.2.json and so on after a resumption
  logs/          what hosts said: HOST/STAGE.log, STAGE.2.log for a second attempt. In front of each line is the
                 time at which it came to the operator's machine (UTC), or - where that is not known. What was
                 said while the connection was lost came later, all at once. Very long logs lack their middle,
                 and say so there. All else is as the host sent it: a terminal may obey it, a pager does not.
  hosts/         what hosts that failed or are missing said about themselves when this archive was made
";

/// The text.
pub(super) fn text(readme: &Readme<'_>) -> String {
    let mut text = String::new();
    // Writing to a string never fails.
    let _ = writeln!(
        text,
        "A run of phalanx, for a support case: {}\nmade by phalanx {}\n\n{CONTENTS}",
        readme.run,
        env!("CARGO_PKG_VERSION"),
    );
    if readme.running {
        text.push_str("The run was still going on: logs and journal end where they were.\n\n");
    }
    redacted(&mut text, readme);
    list(&mut text, "What could not be had", readme.missing);
    list(
        &mut text,
        "Left out: names below logs/ that no log of a run has, links, and what is no file",
        readme.foreign,
    );
    let asked = readme.asked.iter().map(|asked| match &asked.trouble {
        None => format!("{}: hosts/{}.txt", asked.host, asked.host),
        Some(why) => format!("{}: {why}", asked.host),
    });
    if let Some(at) = &readme.asked_at {
        let title = format!("Hosts that were asked what they say now, at {at}");
        list(&mut text, &title, &asked.collect::<Vec<_>>());
    }
    text
}

fn redacted(text: &mut String, readme: &Readme<'_>) {
    text.push_str("What was taken out\n\n");
    let names = readme.secrets.join(", ");
    let _ = match (names.as_str(), readme.unknown) {
        ("", Some(_)) => writeln!(
            text,
            "  The cluster file could not be read: its secrets are not known, and only patterns were redacted."
        ),
        ("", None) => writeln!(text, "  The cluster file, as it is now, has no secrets."),
        (names, _) => writeln!(
            text,
            "  The secrets of the cluster file as it is now ({names}) were looked for as they are, in base64, in\n  \
             hexadecimal, and as written for URLs, JSON, HTML and shells. Each was replaced by [secret NAME]."
        ),
    };
    if let Some(why) = readme.unknown {
        let _ = writeln!(
            text,
            "  There may be secrets that are not known, since the cluster file has errors:\n    {}",
            harmless(why)
        );
    }
    text.push_str(
        "  What looks like a secret was replaced by [redacted KIND], in scripts too: private keys, values of\n  \
         names such as password or token, logins in addresses, headers, access keys, hashes of passwords.\n  \
         So often was what replaced:\n\n",
    );
    for (what, times) in readme.redacted {
        let _ = writeln!(text, "    {times:>6} x {what}");
    }
    if readme.redacted.is_empty() {
        text.push_str("    nothing was found\n");
    }
    text.push_str(
        "\n  Names and addresses of hosts, users and paths stay: support needs them. No program knows every secret:\n  \
         look through it before you give it away.\n\n",
    );
}

fn list(text: &mut String, title: &str, lines: &[String]) {
    if lines.is_empty() {
        return;
    }
    let _ = writeln!(text, "{title}\n");
    for line in lines {
        let _ = writeln!(text, "  {line}");
    }
    text.push('\n');
}

/// What each host has told.
pub(super) fn facts(events: &[Event]) -> String {
    let state = RunState::of(events);
    let mut text = String::new();
    for (host, known) in &state.hosts {
        let _ = writeln!(text, "{host}");
        if let Some(boot) = &known.boot {
            let _ = writeln!(text, "  (boot {})", harmless(boot));
        }
        for (name, value) in &known.facts {
            let _ = writeln!(text, "  {}: {}", harmless(name), harmless(value));
        }
        text.push('\n');
    }
    text
}

/// Which programs took part.
pub(super) fn versions(events: &[Event]) -> String {
    let mut text = format!("this archive: phalanx {}\n", env!("CARGO_PKG_VERSION"));
    for event in events {
        let _ = match &event.kind {
            EventKind::RunStarted(run) => writeln!(
                text,
                "{} the run began: phalanx {}, recipe {}, release {}, flow {}, cluster {}",
                event.at,
                harmless(&run.version),
                harmless(&run.recipe),
                harmless(run.release.as_deref().unwrap_or("-")),
                harmless(&run.flow),
                harmless(&run.cluster),
            ),
            EventKind::RunResumed(run) => writeln!(
                text,
                "{} it was gone on with: phalanx {}",
                event.at,
                harmless(&run.version)
            ),
            EventKind::HostConnected { host, server, .. } => {
                writeln!(text, "{} {host}: {}", event.at, harmless(server))
            }
            _ => Ok(()),
        };
    }
    text
}

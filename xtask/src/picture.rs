//! The README's pictures, from a real run: an installation on a lab of eight hosts.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::Outcome;
use crate::built::{self, Profile};

/// Where they are.
const FOLDER: &str = "docs/pictures";
/// The lab that `demo` starts.
const LAB: &str = "demo";

/// Makes them anew.
pub(crate) fn run() -> Outcome<()> {
    let phalanx = built::phalanx(Profile::Dev)?;
    fs::create_dir_all(FOLDER)?;
    let made = done(Command::new(&phalanx).args(["demo", "--keep", "--plain"]))
        .and_then(|_| pictures(&phalanx));
    done(Command::new(&phalanx).args(["lab", "down", LAB]))?;
    made
}

fn pictures(phalanx: &Path) -> Outcome<()> {
    let inside = |arguments: &[&str]| {
        let mut command = Command::new(phalanx);
        command.args(["lab", "exec", "--lab", LAB, "--", "phalanx"]);
        command.args(arguments);
        done(&mut command)
    };
    let runs: serde_json::Value = serde_json::from_str(&inside(&["runs", "--json"])?)?;
    let runs = runs["runs"].as_array().into_iter().flatten();
    let mut installed = runs.filter(|run| run["flow"] == "install" && run["outcome"] == "done");
    let run = installed.next_back().and_then(|run| run["run"].as_str());
    let run = run.ok_or("the demo has installed nothing")?.to_owned();
    let screen = fs::canonicalize(FOLDER)?.join("screen.svg");
    inside(&["watch", &run, "--svg", text(&screen)?])?;
    let scratch = tempfile::tempdir()?;
    let page = scratch.path().join("run.html");
    inside(&["show", &run, "--html", text(&page)?])?;
    // What scripts have found stands above the timeline, and has no room in the picture.
    let whole = fs::read_to_string(&page)?;
    fs::write(&page, without_part(&whole, "problems"))?;
    let timeline = fs::canonicalize(FOLDER)?.join("timeline.png");
    done_and(
        Command::new(phalanx_lab::program("chromium", "chromium")?)
            .args([
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--hide-scrollbars",
            ])
            .arg(format!(
                "--user-data-dir={}",
                scratch.path().join("profile").display()
            ))
            .args(["--window-size=1100,640", "--virtual-time-budget=3000"])
            .arg(format!("--screenshot={}", timeline.display()))
            .arg(format!("file://{}", page.display())),
        Stdio::null(),
    )?;
    println!(
        "{} and {}",
        relative(&screen).display(),
        relative(&timeline).display()
    );
    Ok(())
}

/// The page without one part, from its heading to the next.
fn without_part(page: &str, id: &str) -> String {
    let begins = page.find(&format!("<h2 id=\"{id}\""));
    let parts = begins.and_then(|at| {
        let (before, part) = page.split_at_checked(at)?;
        let ends = part.match_indices("<h2 ").nth(1)?.0;
        Some((before, part.get(ends..)?))
    });
    parts.map_or_else(
        || page.to_owned(),
        |(before, after)| format!("{before}{after}"),
    )
}

/// Runs it; gives what it said.
fn done(command: &mut Command) -> Outcome<String> {
    done_and(command, Stdio::inherit())
}

/// The same; its errors go there.
fn done_and(command: &mut Command, errors: Stdio) -> Outcome<String> {
    let ran = command.stdin(Stdio::null()).stderr(errors).output()?;
    if !ran.status.success() {
        return Err(format!("{command:?} ended with {}", ran.status).into());
    }
    Ok(String::from_utf8(ran.stdout)?)
}

fn text(path: &Path) -> Outcome<&str> {
    Ok(path.to_str().ok_or("the path is no text")?)
}

fn relative(path: &Path) -> PathBuf {
    Path::new(FOLDER).join(path.file_name().unwrap_or_default())
}

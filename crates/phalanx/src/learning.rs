//! What earlier runs of the same flow took, learned beside a screen that is there already.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};
use std::thread;

use phalanx_engine::{RunFolder, RunId, plain_file};
use phalanx_events::{Event, EventKind};
use phalanx_plan::PreparedPlan;
use phalanx_report::Learned;
use phalanx_report::live::LiveView;

/// From how many runs an estimate is made, and among how many they are looked for.
const FROM: usize = 5;
const AMONG: usize = 50;
/// So much of a journal tells which flow it is of.
const HEAD: u64 = 16 * 1024;

/// A look at earlier runs that is under way.
pub(crate) struct Learning(mpsc::Receiver<Learned>);

impl Learning {
    /// Begins to look. Where that can't be done there is no estimate.
    pub(crate) fn start(home: &Path, run: &RunId, plan: &Arc<PreparedPlan>) -> Self {
        let (learned, learning) = mpsc::channel();
        let (home, run, plan) = (home.to_owned(), run.clone(), Arc::clone(plan));
        let _ = thread::Builder::new()
            .name("learning".into())
            .spawn(move || learned.send(learn(&home, &run, &plan)));
        Self(learning)
    }

    /// Gives the screen what was learned, once it is. Gives whether it was now.
    pub(crate) fn take_in(&self, view: &mut LiveView) -> bool {
        let learned = self.0.try_recv();
        learned.is_ok_and(|learned| {
            view.learn(learned);
            true
        })
    }
}

fn learn(home: &Path, run: &RunId, plan: &PreparedPlan) -> Learned {
    let runs = RunFolder::list(home).unwrap_or_default();
    let others = runs.iter().filter(|other| *other != run).take(AMONG);
    let folders = others.map(|other| RunFolder::at(home, other));
    let same = folders.filter(|folder| is_same(folder.journal_path(), plan));
    let earlier: Vec<Vec<Event>> = same
        .filter_map(|folder| Some(folder.journal().ok()?.events))
        .take(FROM)
        .collect();
    Learned::from_runs(earlier.iter().map(Vec::as_slice))
}

/// Whether a journal is of the same flow of the same release: its first event says so.
fn is_same(journal: PathBuf, plan: &PreparedPlan) -> bool {
    let Ok(file) = plain_file::open(&journal) else {
        return false;
    };
    let mut lines = BufReader::new(file.take(HEAD)).lines().skip(1);
    let first = lines.next().and_then(Result::ok);
    let event = first.and_then(|line| serde_json::from_str::<Event>(&line).ok());
    event.is_some_and(|event| match event.kind {
        EventKind::RunStarted(run) => {
            run.flow == plan.flow && run.recipe == plan.recipe && run.release == plan.release
        }
        _ => false,
    })
}

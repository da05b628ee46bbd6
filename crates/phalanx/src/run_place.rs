//! Where a run was carried out: in the network of a lab, or outside of all labs. Both may keep their runs in one
//! folder, and their hosts may be called the same.

use std::fmt;

use phalanx_engine::RunId;
use phalanx_events::{Event, Origin};
use phalanx_plan::is_plain_name;
use phalanx_report::terminal_text::harmless;

use crate::cli::Global;
use crate::cluster_source;
use crate::environment::Environment;
use crate::inside;
use crate::load::Loaded;
use crate::trouble::Trouble;

/// A place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// The network of this lab.
    Lab(String),
    /// Where the real servers are.
    Outside,
}

impl Place {
    /// Where this program is.
    fn here() -> Self {
        Self::of_lab(inside::lab().map(|inside| inside.lab.as_str()))
    }

    /// Where a run was carried out last, where that is not here.
    pub(crate) fn elsewhere(events: &[Event]) -> Option<Self> {
        let origin = Origin::last_of(events);
        let place = Self::of_lab(origin.and_then(|origin| origin.lab.as_deref()));
        (place != Self::here()).then_some(place)
    }

    fn of_lab(lab: Option<&str>) -> Self {
        lab.map_or(Self::Outside, |lab| Self::Lab(lab.to_owned()))
    }

    /// How a run is gone on with there.
    pub(crate) fn go_on(
        &self,
        run: &RunId,
        loaded: &Loaded,
        global: &Global,
        environment: &Environment,
    ) -> String {
        match self {
            // It may be somebody else's journal, and is proposed for typing.
            Self::Lab(lab) if is_plain_name(lab) => {
                let command = cluster_source::command(global, environment, Some(lab));
                format!("`{command} resume {run}` goes on with it there")
            }
            Self::Lab(_) => "it can be gone on with there alone".to_owned(),
            // Without the marks that would make it a command in this lab.
            Self::Outside => {
                let mut global = global.clone();
                // The lab's own file is taken here, and not there.
                if global.cluster.is_none() && !cluster_source::is_here() {
                    global.cluster = Some(loaded.origin.cluster_file.clone().into());
                }
                let command = cluster_source::command(&global, environment, None);
                format!("to go on with it, type this outside of the lab: {command} resume {run}")
            }
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lab(lab) => write!(f, "in the lab {}", harmless(lab)),
            Self::Outside => f.write_str("outside of all labs"),
        }
    }
}

/// That a run can't be gone on with here: its hosts are others.
pub(crate) fn other_lab(
    run: &RunId,
    place: &Place,
    loaded: &Loaded,
    global: &Global,
    environment: &Environment,
) -> Trouble {
    let text = format!(
        "the run {run} was carried out {place}, and this is {}: its hosts are others",
        Place::here()
    );
    Trouble::new("resume::other-lab", text).help(place.go_on(run, loaded, global, environment))
}

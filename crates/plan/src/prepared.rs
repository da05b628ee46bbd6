//! What is worked out once from a plan, and then only read.

use std::fmt;
use std::sync::{Arc, OnceLock};

use crate::plan::Plan;
use crate::values::{Compiled, Shared};

/// Keeps what was worked out from a plan beside it. Two caches are always equal: they say nothing
/// that the plan does not say.
#[derive(Default)]
pub struct Cache(OnceLock<Arc<Prepared>>);

/// Everything that many questions to a plan need.
pub(crate) struct Prepared {
    /// The part of a script's environment that is the same for every host and stage.
    pub(crate) environment: Vec<(String, String)>,
    /// What expressions see, but for the host and its facts.
    pub(crate) shared: Arc<Shared>,
    /// Conditions and templates, ready to be worked out.
    pub(crate) compiled: Compiled,
}

impl Cache {
    pub(crate) fn of(&self, plan: &Plan) -> &Arc<Prepared> {
        self.0.get_or_init(|| {
            Arc::new(Prepared {
                environment: crate::environment::common(plan),
                shared: Arc::new(Shared::new(plan)),
                compiled: Compiled::new(plan),
            })
        })
    }
}

impl Clone for Cache {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl PartialEq for Cache {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl fmt::Debug for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cache")
    }
}

//! What earlier runs of a cluster know of a host.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::ids::HostName;

/// What an earlier run knows of a fact of a host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EarlierFact {
    /// What the host told; none: all that could have told it came to its end there, and it was not told.
    pub value: Option<String>,
    /// The run that was told.
    pub run: String,
    /// When, in milliseconds since 1970.
    pub told_ms: i64,
}

/// What is known of hosts that take no part: by host and fact.
pub type EarlierFacts = BTreeMap<HostName, BTreeMap<String, EarlierFact>>;

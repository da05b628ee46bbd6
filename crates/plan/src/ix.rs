//! Places in a plan: a host, a stage and a task are of three types that can't be mistaken for each other.

use std::marker::PhantomData;
use std::ops::{Index, IndexMut};

use serde::{Deserialize, Serialize};

macro_rules! place {
    ($name:ident, $what:literal, $list:literal) => {
        #[doc = concat!("A ", $what, " of a plan, by its place in its [`", $list, "`](crate::plan::PlanData::", $list, ").")]
        ///
        /// Only a plan makes one, so that it leads somewhere in that plan; in another plan it means nothing.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(usize);

        impl $name {
            pub(crate) fn new(place: usize) -> Self {
                Self(place)
            }

            /// How many stand before it: for numbers that people read, and for order.
            pub fn get(self) -> usize {
                self.0
            }
        }

        impl<T> Index<$name> for Table<$name, T> {
            type Output = T;

            fn index(&self, place: $name) -> &T {
                &self.values[place.0]
            }
        }

        impl<T> IndexMut<$name> for Table<$name, T> {
            fn index_mut(&mut self, place: $name) -> &mut T {
                &mut self.values[place.0]
            }
        }

        impl<T> Table<$name, T> {
            /// Each value with its place.
            pub fn iter(&self) -> impl DoubleEndedIterator<Item = ($name, &T)> + ExactSizeIterator {
                let values = self.values.iter().enumerate();
                values.map(|(place, value)| ($name(place), value))
            }
        }
    };
}

place!(HostIx, "host", "hosts");
place!(StageIx, "stage", "stages");
place!(TaskIx, "task", "tasks");

/// One value for each host, stage or task of a plan.
///
/// A place of one plan is asked for only in tables of the same plan. One of another plan may be missing there:
/// that is a mistake in the program, and panics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table<I, T> {
    values: Vec<T>,
    of: PhantomData<I>,
}

impl<I, T> Table<I, T> {
    /// These values, in the plan's order.
    pub(crate) fn of(values: impl IntoIterator<Item = T>) -> Self {
        Self {
            values: values.into_iter().collect(),
            of: PhantomData,
        }
    }

    /// The values, in the plan's order.
    pub fn values(&self) -> std::slice::Iter<'_, T> {
        self.values.iter()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether the plan has none.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }
}

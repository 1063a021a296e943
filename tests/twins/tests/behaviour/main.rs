//! Holds the twins to the behaviour they stand in for, over raw HTTP.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop where it is")]

mod client;
mod faults;
mod fly;
mod github;
mod github_limits;
mod github_places;

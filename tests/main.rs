//! One binary of end-to-end tests: each verb in a world of its own, with exact output, talk and status.
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

mod adopt;
mod audit;
mod bad_input;
mod completions;
mod conformance;
mod crash;
mod edit;
mod etags;
mod explain;
mod faults;
mod floors;
mod github;
mod histories;
mod ignore;
mod import;
mod init;
mod interop;
mod leak;
mod log;
mod machines;
mod process;
mod prompts;
mod push;
mod rollout;
mod saved;
mod seal;
mod set;
mod system_calls;
mod tokens;
mod tools;
mod values;
mod vault;
mod waits;
mod world;

//! The program: a process's surroundings in, an exit code out.

use std::process::ExitCode;

use undrift::settings::World;

/// Freed memory is wiped, so that values do not outlive their use in the copies that parsers and the network stack
/// make of them.
#[global_allocator]
static ALLOCATOR: zeroizing_alloc::ZeroAlloc<std::alloc::System> = zeroizing_alloc::ZeroAlloc(std::alloc::System);

fn main() -> ExitCode {
    ExitCode::from(undrift::run(std::env::args_os(), &mut World::of_this_process()))
}

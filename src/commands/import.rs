//! stub
use crate::cli::{Global, Import};
use crate::error::Exit;
use crate::settings::World;
pub(super) fn run(_: &Import, _: &Global, _: &mut World) -> anyhow::Result<Exit> {
    Ok(Exit::Clean)
}

//! `undrift init`: from nothing to a vault that values can be put into.

use std::fmt::Write;
use std::path::Path;

use anyhow::Context;

use crate::cli::{Global, Init};
use crate::domain::log::{Action, Deed};
use crate::domain::name::EnvironmentName;
use crate::domain::typed::Typed;
use crate::error::{Exit, Refusal};
use crate::settings::World;
use crate::vault::declare::{self, Additions};
use crate::vault::identity::{self, Identities, IdentityError};
use crate::vault::layout::{Layout, PROJECT_FILE, SCHEMA_FILE};
use crate::vault::log::Log;
use crate::vault::recipients::Recipients;
use crate::vault::{attributes, crypt, key, project, read, schema, seal, store};

pub(super) fn run(arguments: &Init, global: &Global, world: &mut World) -> anyhow::Result<Exit> {
    let names = arguments
        .names
        .iter()
        .chain(&global.environments)
        .map(|name| EnvironmentName::parse(name).context("that cannot be an environment's name"))
        .collect::<anyhow::Result<Vec<_>>>()?;
    if names.iter().any(|name| !Typed::new(name.as_str()).is_shown()) {
        return Err(Refusal::OddName("an environment's").into());
    }
    let layout = Layout::at(&world.folder);
    if let Some(above) = Layout::find(&world.folder)
        && above.root() != layout.root()
    {
        let file = above.project_file().display().to_string();
        return Err(
            anyhow::Error::from(Refusal::AlreadyThere(file)).context("this folder belongs to a project already")
        );
    }
    let identities = identities(global, world)?;
    let recipient = identities
        .recipients
        .first()
        .context(
            "the public half of the identity is not known; `ssh-keygen -y` writes it to a .pub file beside the key",
        )?
        .clone();
    prove(&recipient, &identities)?;
    declare(&layout, &names, world)?;
    for name in &names {
        environment(&layout, name, &recipient, &identities, world)?;
    }
    attributes::ensure(&layout).context("cannot write vault/.gitattributes")?;
    schema::ensure(&layout).with_context(|| format!("cannot write {SCHEMA_FILE}"))?;
    ignore(layout.root(), world)?;
    let first = names.first().map_or("staging", EnvironmentName::as_str);
    world.ui.say(&format!(
        "next: `undrift import DIR` takes .env files in, `undrift set NAME -e {first}` sets one value;\n\
         say where they go in undrift.toml, then `undrift audit` tells what differs"
    ));
    Ok(Exit::Clean)
}

/// Insists that the public half belongs to the identity, before anything is encrypted for it.
fn prove(recipient: &str, identities: &Identities) -> anyhow::Result<()> {
    let recipients = Recipients::parse(recipient).context("the public half of the identity cannot be read")?;
    let sealed = crypt::seal(b"undrift", &recipients.keys).context("nothing can be encrypted for the identity")?;
    crypt::open(&sealed, &identities.keys).context("the .pub file beside the identity belongs to another key")?;
    Ok(())
}

/// Finds the person's identity, or makes one where there is none.
fn identities(global: &Global, world: &mut World) -> anyhow::Result<Identities> {
    let chain = world.identity_chain(global);
    match chain.load() {
        Err(IdentityError::NotFound | IdentityError::NotFoundButSsh(_)) => {}
        other => {
            let found = other?;
            world.ui.say(&format!("uses the identity in {}", found.origins.join(", ")));
            return Ok(found);
        }
    }
    let file =
        world.identity_file().context("there is no home folder to keep an identity in; give `--identity FILE`")?;
    let (content, recipient) = identity::generate();
    if let Some(folder) = file.parent() {
        store::make_folder(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    store::create(&file, content.as_bytes()).with_context(|| format!("cannot write {}", file.display()))?;
    world.ui.say(&format!(
        "made the identity {}: keep a copy of it in a safe place, nobody can read the vault without it\n\
         its public key is {recipient}",
        file.display()
    ));
    Ok(world.identity_chain(global).load()?)
}

fn declare(layout: &Layout, names: &[EnvironmentName], world: &mut World) -> anyhow::Result<()> {
    let file = layout.project_file();
    if file.is_file() {
        let project = project::read(layout)?;
        let environments: Vec<_> = names.iter().filter(|n| !project.environments.contains_key(*n)).cloned().collect();
        if !environments.is_empty() {
            let shown = environments.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            declare::add(layout, &Additions { environments, secrets: Vec::new() })
                .with_context(|| format!("cannot edit {PROJECT_FILE}"))?;
            world.ui.say(&format!("declared {shown} in {PROJECT_FILE}"));
        }
        return Ok(());
    }
    let mut text = schema::directive();
    text.push_str("# What undrift keeps in step: environments, targets, secrets. No values stand here.\nversion = 1\n");
    for name in names {
        let _ = write!(text, "\n[environments.{}]\n", key_of(name.as_str()));
        if name.is_production() {
            text.push_str("protected = true # a write needs `--confirm` with its name\n");
        }
    }
    text.push_str(
        "\n# Where values go; each secret goes to every target unless it names its own.\n\
         #\n\
         # [targets.web]\n\
         # kind = \"fly\"\n\
         # app = \"shop-{environment}\"\n\
         #\n\
         # [targets.ci]\n\
         # kind = \"github\"\n\
         # repository = \"acme/shop\"\n\
         # scope = \"environment\"\n\
         # environment = \"{environment}\"\n\
         #\n\
         # [secrets.CHATWOOT_API_TOKEN]\n\
         # targets = [\"web\", { target = \"ci\", name = \"CHATWOOT_TOKEN\" }]\n",
    );
    store::create_public(&file, text.as_bytes()).with_context(|| format!("cannot write {PROJECT_FILE}"))?;
    world.ui.say(&format!("made {PROJECT_FILE}"));
    Ok(())
}

/// A name with a dot is quoted as a TOML key.
fn key_of(name: &str) -> String {
    if name.contains('.') { format!("\"{name}\"") } else { name.to_owned() }
}

fn environment(
    layout: &Layout,
    name: &EnvironmentName,
    recipient: &str,
    identities: &Identities,
    world: &mut World,
) -> anyhow::Result<()> {
    let folder = layout.environment(name);
    let shown = layout.shown(&folder);
    store::make_folder(&folder).with_context(|| format!("cannot make {shown}"))?;
    let file = layout.recipients(name);
    if !file.is_file() {
        let who = world.variable("USER").or(world.variable("USERNAME")).unwrap_or("me").to_owned();
        let text = format!(
            "# Who can read {name}: a public key a line, each below a comment that says whose it is.\n\n# {who}\n{recipient}\n"
        );
        store::create(&file, text.as_bytes()).with_context(|| format!("cannot write {}", layout.shown(&file)))?;
    }
    if layout.key(name).is_file() {
        return Ok(());
    }
    let recipients = read::recipients(layout, name).with_context(|| format!("cannot read {}", layout.shown(&file)))?;
    let key = key::generate().context("cannot make a fingerprint key")?;
    key::create(layout, name, &key, &recipients.keys)
        .with_context(|| format!("cannot make the fingerprint key of `{name}`"))?;
    world.ui.say(&format!("made {shown}, readable by {}", recipients.names.join(", ")));
    let made = read::environments(layout, std::slice::from_ref(name), identities).swap_remove(0);
    if made.files > 0 || !made.sealed.is_unsealed() {
        // Files that were there before are somebody's to look at first.
        world.ui.say(&format!("hint: look at the files in {shown}, then `undrift seal -e {name}`"));
        return Ok(());
    }
    seal::accept(layout, name, &key, &made.sealed)?;
    let deed = Deed::in_vault(Action::Seal, Vec::new());
    Log::of(layout, name, &key).append(&world.author(layout), (world.clock)(), &[deed])?;
    Ok(())
}

/// Keeps this machine's own folder out of git.
fn ignore(root: &Path, world: &mut World) -> anyhow::Result<()> {
    let file = root.join(".gitignore");
    let content = store::read_if_present(&file).context("cannot read .gitignore")?.unwrap_or_default();
    let text = String::from_utf8_lossy(&content);
    if text.lines().any(|line| matches!(line.trim(), ".undrift" | ".undrift/" | "/.undrift" | "/.undrift/")) {
        return Ok(());
    }
    let mut added = content.clone();
    if !added.is_empty() && !added.ends_with(b"\n") {
        added.push(b'\n');
    }
    added.extend_from_slice(b"/.undrift/\n");
    store::replace_public(&file, &added).context("cannot write .gitignore")?;
    world.ui.say("added /.undrift/ to .gitignore");
    Ok(())
}

//! `undrift edit`: one file of an environment as text, in the person's own editor.

use anyhow::Context;
use zeroize::Zeroizing;

use super::set::mention_unfinished;
use super::values;
use crate::cli::{Edit, Global};
use crate::domain::edit::{with_remarks, without_remarks};
use crate::domain::log::{Action, Deed};
use crate::domain::name::{EnvironmentName, GroupName, SecretName};
use crate::domain::typed::Typed;
use crate::error::{Exit, Refusal, show};
use crate::settings::{IDENTITY_VARIABLE, Selection, World};
use crate::ui::AskError;
use crate::ui::editor::{Editor, Watch};
use crate::vault::declare::{self, Additions, NewSecret};
use crate::vault::edit::{self, EditError, Opened};
use crate::vault::identity::Identities;
use crate::vault::layout::{GroupFile, PROJECT_FILE};
use crate::vault::lock::Lock;
use crate::vault::log::Log;
use crate::vault::read::Environment;
use crate::vault::scratch::{self, Scratch};
use crate::vault::seal::Sealing;
use crate::vault::{lock, store, write};

pub(super) fn run(arguments: &Edit, global: &Global, world: &mut World) -> anyhow::Result<Exit> {
    let selection = Selection::resolve(global, world)?;
    selection.needs_environment()?;
    let environment = selection.one_environment()?;
    selection.needs_confirm(&arguments.confirm)?;
    let file = file(arguments.group.as_deref(), environment, &selection)?;
    let path = world.variables.get("PATH").map(AsRef::as_ref);
    let editor = Editor::choose(world.variable("VISUAL"), world.variable("EDITOR"), path)?;
    let identities = world.identity_chain(global).load()?;
    let (opened, found) = open(file, environment, &selection, &identities, world)?;
    let places = world.scratch_places();
    for folder in scratch::sweep(&places) {
        world.ui.say(&format!("note: removed the text that an interrupted edit had left in {}", folder.display()));
    }
    let scratch = Scratch::make(&places).context("cannot make a private folder for the text")?;
    let mut desk = Desk {
        watch: Watch::over(scratch.folder()).context("cannot watch for signals")?,
        scratch,
        editor,
        arguments,
        environment,
        selection: &selection,
        identities: &identities,
        world,
    };
    wipe_in_panic(&desk.scratch);
    if !desk.scratch.is_in_memory {
        desk.world
            .ui
            .say("note: no place in memory was found; while you edit, the text lies in a private folder on the disk");
    }
    let done = desk.edit(opened, found);
    if let Err(error) = desk.scratch.end() {
        let folder = desk.scratch.path("");
        desk.world.ui.say(&format!("warning: the text could not be removed: {}: {error}", folder.display()));
    }
    done
}

/// The release build ends at a panic without a word to anybody but this.
fn wipe_in_panic(scratch: &Scratch) {
    if cfg!(panic = "abort") {
        let folder = scratch.folder();
        let told = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            let _ = folder.wipe();
            told(panic);
        }));
    }
}

/// Returns the file that is meant: the one that is named, or the only one there is.
fn file(group: Option<&str>, environment: &EnvironmentName, selection: &Selection) -> anyhow::Result<GroupFile> {
    let layout = &selection.layout;
    let folder = layout.shown(&layout.environment(environment));
    let groups = layout.groups(environment).with_context(|| format!("cannot read {folder}"))?;
    let meant = match group {
        Some(name) => edit::named(&groups, name),
        None => groups.iter().collect(),
    };
    match meant.as_slice() {
        [file] => Ok((*file).clone()),
        [] => {
            let name = group.unwrap_or("secrets");
            let group = GroupName::parse(name.trim_end_matches(".age").trim_end_matches(".toml"))
                .context("that cannot be a group's name")?;
            if !Typed::new(group.as_str()).is_shown() {
                return Err(Refusal::OddName("a group's").into());
            }
            Ok(layout.new_group(environment, &group))
        }
        several => Err(Refusal::NeedsGroup {
            environment: environment.clone(),
            groups: several.iter().map(|file| edit::called(file, &groups)).collect(),
        }
        .into()),
    }
}

/// Opens the file, and makes sure that it can be written back before anybody has worked on it. The lock is held for
/// that alone, and not while the person edits.
fn open(
    file: GroupFile,
    environment: &EnvironmentName,
    selection: &Selection,
    identities: &Identities,
    world: &mut World,
) -> anyhow::Result<(Opened, Environment)> {
    let layout = &selection.layout;
    let folder = layout.environment(environment);
    store::make_folder(&folder).with_context(|| format!("cannot make {}", layout.shown(&folder)))?;
    let _lock = lock::acquire_patiently(layout, &world.who(), (world.clock)())?;
    let (found, unfinished) = write::open(layout, environment, identities)?;
    mention_unfinished(environment, &unfinished, world);
    if let Some(refusal) = Refusal::locked(&found) {
        return Err(refusal.into());
    }
    let sealing = Sealing::open(layout, environment, found.known_key(), &found.sealed)?;
    let opened = edit::open(file, identities, &sealing)?;
    let recipients = layout.shown(&layout.recipients(environment));
    if let Err(error) = found.recipients {
        return Err(anyhow::Error::from(error).context(format!("cannot read {recipients}")));
    }
    Ok((opened, found))
}

/// How often the editor is opened where nobody is there to stop a script that never mends its text.
const MOST_TRIES: usize = 5;

/// Everything that is there while a person edits.
struct Desk<'a> {
    // The folder goes first, and is watched over until then.
    scratch: Scratch,
    watch: Watch,
    editor: Editor,
    arguments: &'a Edit,
    environment: &'a EnvironmentName,
    selection: &'a Selection,
    identities: &'a Identities,
    world: &'a mut World,
}

impl Desk<'_> {
    /// Opens the editor until the text is written, or given up.
    fn edit(&mut self, mut opened: Opened, mut found: Environment) -> anyhow::Result<Exit> {
        let shown = opened.file.shown.clone();
        let mut text = Zeroizing::new(opened.text.to_vec());
        // A file that is broken already is opened so that it can be mended.
        let mut remarks = self.remarks(&opened, &text, &found);
        let (mut trouble, mut tries) = (None, 0);
        loop {
            let before = Zeroizing::new(with_remarks(&text, &remarks));
            let after = self.open_editor(opened.name(), &before)?;
            let new = Zeroizing::new(without_remarks(&after, &remarks, &text));
            let is_blank = |text: &[u8]| text.trim_ascii().is_empty();
            if *new == *opened.text || (is_blank(&new) && is_blank(&opened.text)) {
                self.world.ui.say(&format!("nothing changed in {shown}"));
                return Ok(Exit::Clean);
            }
            tries += 1;
            // What was left as it was is given up: the text with its mistakes, or the remarks that stand for a question.
            let is_left = if trouble.is_some() { *after == *before } else { *new == *text };
            if is_left || (tries > MOST_TRIES && !self.world.ui.interactive) {
                let faults = || opened.faults(&text, 0, self.arguments.allow_empty, &found);
                return Err(trouble.map_or_else(
                    || Refusal::NotReadable { file: shown.clone(), faults: faults() }.into(),
                    |trouble: anyhow::Error| trouble.context(format!("{shown} has nothing of what you wrote")),
                ));
            }
            if is_blank(&new) {
                return Err(Refusal::NothingLeft { file: shown }.into());
            }
            text = new;
            remarks = self.remarks(&opened, &text, &found);
            trouble = None;
            if !remarks.is_empty() {
                continue;
            }
            let error = match self.write(&opened, &text) {
                Ok(written) => return self.tell(&opened, &text, &written),
                Err(error) => error,
            };
            let is_moved = matches!(error.downcast_ref(), Some(EditError::Moved { .. }));
            if !is_moved && !opened.is_untouched() {
                return Err(error.context(format!("{shown} has what you wrote, and the next write seals it")));
            }
            if !self.world.ui.interactive {
                return Err(error.context(format!("{shown} has nothing of what you wrote")));
            }
            show(&error, &mut self.world.ui);
            if !self.world.ui.offer("open what you wrote again?")? {
                return Err(AskError::Declined.into());
            }
            remarks = vec![format!("{error}")];
            if is_moved {
                let now;
                (now, found) =
                    open(opened.file.clone(), self.environment, self.selection, self.identities, self.world)?;
                remarks.push(format!("meanwhile, by name: {}", opened.difference(&now.text)));
                let beside = format!("now-{}", now.name());
                self.scratch.put(&beside, &now.text).context("cannot write the text")?;
                remarks.push(format!("what is there now stands in {}", self.scratch.path(&beside).display()));
                opened = now;
            }
            remarks.push(
                "take these lines out and save to write this text over it; leave all as it is to give up".to_owned(),
            );
            trouble = Some(error);
        }
    }

    fn open_editor(&mut self, name: &str, text: &[u8]) -> anyhow::Result<Zeroizing<Vec<u8>>> {
        self.scratch.put(name, text).with_context(|| format!("cannot write {}", self.scratch.path(name).display()))?;
        // The key to the whole vault is ours, not the editor's.
        let inherited = self.world.variables.iter().filter(|(name, _)| *name != IDENTITY_VARIABLE);
        let variables = inherited.map(|(name, value)| (name.as_ref(), value.as_ref()));
        self.editor.run(&self.scratch.path(name), &self.world.folder, variables, &self.watch)?;
        self.scratch.read(name).context("cannot read what the editor left; nothing was written")
    }

    /// Returns what a person is told on top of a text that cannot be written; nothing of one that can.
    fn remarks(&self, opened: &Opened, text: &[u8], found: &Environment) -> Vec<String> {
        let faults = |remarks| opened.faults(text, remarks, self.arguments.allow_empty, found);
        let count = faults(0).len();
        if count == 0 {
            return Vec::new();
        }
        let mut remarks = vec!["this text cannot be written yet:".to_owned()];
        remarks.extend(faults(count + 2));
        remarks.push("these lines are taken out again; leave all as it is to give up".to_owned());
        remarks
    }

    /// Writes the text, if the file is still the one that was opened.
    fn write(&mut self, opened: &Opened, text: &[u8]) -> anyhow::Result<Written> {
        let (world, layout, environment) = (&mut *self.world, &self.selection.layout, self.environment);
        let lock = lock::acquire_patiently(layout, &world.who(), (world.clock)())?;
        let (found, unfinished) = write::open(layout, environment, self.identities)?;
        mention_unfinished(environment, &unfinished, world);
        let mut sealing = Sealing::open(layout, environment, found.known_key(), &found.sealed)?;
        let difference = opened.difference(text);
        let touched: Vec<&SecretName> =
            [&difference.set, &difference.changed, &difference.removed].into_iter().flatten().collect();
        values::refuse_rotating(self.selection, environment, &found.sealed, &touched)?;
        let recipients = layout.shown(&layout.recipients(environment));
        let recipients =
            found.recipients.as_ref().map_err(|error| anyhow::anyhow!("cannot read {recipients}: {error}"))?;
        declare::check(layout, &additions(self.selection, &difference.set))
            .with_context(|| format!("what is new cannot be declared in {PROJECT_FILE}"))?;
        opened.replace(text, recipients, &mut sealing)?;
        let readers = recipients.names.join(", ");
        Ok(Written { _lock: lock, found, readers })
    }

    /// Says and writes down which names a written text touched.
    fn tell(&mut self, opened: &Opened, text: &[u8], written: &Written) -> anyhow::Result<Exit> {
        let (world, layout, environment) = (&mut *self.world, &self.selection.layout, self.environment);
        let (shown, readers) = (&opened.file.shown, &written.readers);
        let difference = opened.difference(text);
        world.ui.say(&format!("{difference} in {shown}, readable by {readers}"));
        for name in opened.undated(text) {
            world.ui.say(&format!("note: {name} has a new value, and its `rotated` is the day of the old one"));
        }
        if let Some(key) = written.found.known_key() {
            let mut deeds: Vec<Deed> = [
                (Action::Set, &difference.set),
                (Action::Edit, &difference.changed),
                (Action::Remove, &difference.removed),
            ]
            .into_iter()
            .filter(|(_, names)| !names.is_empty())
            .map(|(action, names)| Deed::in_vault(action, names.clone()))
            .collect();
            if deeds.is_empty() {
                deeds.push(Deed::in_vault(Action::Edit, Vec::new()));
            }
            Log::of(layout, environment, key).append(&world.author(layout), (world.clock)(), &deeds)?;
        }
        let declared = |name: &SecretName| self.selection.project.secrets.contains_key(name);
        let new = additions(self.selection, &difference.set);
        let named: Vec<String> = new.secrets.iter().map(|secret| secret.name.to_string()).collect();
        declare::add(layout, &new).with_context(|| format!("cannot edit {PROJECT_FILE}"))?;
        if !named.is_empty() {
            world.ui.say(&format!("declared {} in {PROJECT_FILE}", named.join(", ")));
        }
        let left = difference.removed.iter().filter(|name| declared(name)).map(SecretName::as_str);
        let left: Vec<&str> = left.collect();
        if !left.is_empty() {
            world.ui.say(&format!("note: still declared in {PROJECT_FILE}: {}", left.join(", ")));
        }
        world.ui.say(&format!("hint: `undrift plan -e {environment}` shows where it differs now"));
        Ok(Exit::Clean)
    }
}

/// Returns what undrift.toml lacks of these.
fn additions(selection: &Selection, names: &[SecretName]) -> Additions {
    let new = names.iter().filter(|name| !selection.project.secrets.contains_key(*name));
    let secrets =
        new.map(|name| NewSecret { name: name.clone(), targets: selection.targets.clone(), environments: Vec::new() });
    Additions { environments: Vec::new(), secrets: secrets.collect() }
}

/// An environment that was just written, and the lock under which that is told.
struct Written {
    _lock: Lock,
    found: Environment,
    readers: String,
}

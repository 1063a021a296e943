//! Giving a secret another name in `undrift.toml`, with all that speaks of it.

use std::collections::BTreeSet;
use std::io;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};
use toml_edit::{Array, DocumentMut, value};

use crate::domain::declaration::{NotifyRules, Project, TokenSource};
use crate::domain::name::{EnvironmentName, SecretName, TargetName};
use crate::vault::layout::{Layout, PROJECT_FILE};
use crate::vault::project::ProjectError;
use crate::vault::{project, store};

/// The declarations with a secret under its new name, before they are written.
#[derive(Debug)]
pub struct Renamed {
    text: String,
    /// What they declare.
    pub project: Project,
}

/// Why a declaration was not renamed.
#[derive(Debug, thiserror::Error)]
pub enum RenameError {
    /// The file could not be read or written.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The token of a target would be called otherwise in some of its environments alone.
    #[error(
        "the token of `{0}` is called so in every environment of that target, and is renamed in all of them or in none"
    )]
    Token(TargetName),
    /// What opens the way to those who are told of audits would be called otherwise in some environments alone.
    #[error(
        "`[notify]` takes `vault:{0}` from every environment that has it, and it is renamed in all of them or in none"
    )]
    Notify(SecretName),
    /// What changes together with others would be called otherwise in some environments alone.
    #[error(
        "{0} changes together with others in every environment that has it, and is renamed in all of them or in none"
    )]
    Together(SecretName),
    /// What a probe asks with would be called otherwise in some of the environments of its secret alone.
    #[error(
        "the probe of {0} is the same in every environment of {0}, so that what it asks with is renamed in all of them or \
         in none"
    )]
    Probe(SecretName),
    /// A probe is written in a form that is not edited, or cannot ask with such a name.
    #[error("the probe of {0} cannot be made to ask with the new name; change it by hand first")]
    OddProbe(SecretName),
    /// The declarations would not hold.
    #[error("{PROJECT_FILE} would not hold: {0}")]
    Wrong(ProjectError),
    /// The section is written in a form that is not edited.
    #[error("{PROJECT_FILE} has {0} in a form that cannot be edited; write it as `[secrets.{0}]` first")]
    OddForm(SecretName),
}

/// Gives a secret another name in some environments. Where others keep the old name, the declaration is parted in two.
/// Nothing is written yet; `None` where nothing speaks of it.
pub fn renamed(
    layout: &Layout,
    old: &SecretName,
    new: &SecretName,
    environments: &[EnvironmentName],
) -> Result<Option<Renamed>, RenameError> {
    let content = store::read(&layout.project_file()).map_err(io::Error::other)?;
    let text = String::from_utf8(content).map_err(io::Error::other)?;
    let before = project::parse(&text).map_err(RenameError::Wrong)?;
    let is_meant = |name: &&EnvironmentName| environments.contains(*name);
    let is_old = |source: &TokenSource| matches!(source, TokenSource::Vault(name) if name == old);
    for (name, target) in before.targets.iter().filter(|(_, target)| target.token.as_ref().is_some_and(is_old)) {
        if !before.environments.keys().filter(|it| target.serves(it)).all(|it| is_meant(&it)) {
            return Err(RenameError::Token(name.clone()));
        }
    }
    let stays_somewhere = before.environments.keys().any(|it| may_have(&before, old, it) && !is_meant(&it));
    if stays_somewhere && before.notify.iter().flat_map(NotifyRules::sources).any(is_old) {
        return Err(RenameError::Notify(old.clone()));
    }
    if stays_somewhere && before.together_with(old).is_some() {
        return Err(RenameError::Together(old.clone()));
    }
    let (moved, kept): (Vec<_>, Vec<_>) =
        before.environments.keys().filter(|name| before.expects(old, name)).partition(is_meant);
    let probes = probes_to_follow(&before, old, environments)?;
    let mut edited = with_spans_replaced(&text, old, new, kept.is_empty(), &probes);
    if !moved.is_empty() && !kept.is_empty() {
        edited = parted(&edited, (old, &kept), (new, &moved)).ok_or_else(|| RenameError::OddForm(old.clone()))?;
    }
    if edited == text && probes.is_empty() {
        return Ok(None);
    }
    let project = project::parse(&edited).map_err(RenameError::Wrong)?;
    let has_arrived = before.environments.keys().all(|name| {
        let is_moved = before.expects(old, name) && is_meant(&name);
        project.expects(new, name) == is_moved && project.expects(old, name) == (before.expects(old, name) && !is_moved)
    });
    if let Some(name) = probes.iter().find(|name| !asks_with(&project, name, new) || asks_with(&project, name, old)) {
        return Err(RenameError::OddProbe((*name).clone()));
    }
    let same_targets = before.secrets.get(old).map(|it| &it.targets) == project.secrets.get(new).map(|it| &it.targets);
    if has_arrived && same_targets && !project.is_token(old) && project.together_with(old).is_none() {
        Ok(Some(Renamed { text: edited, project }))
    } else {
        Err(RenameError::OddForm(old.clone()))
    }
}

impl Renamed {
    /// Writes the file.
    pub fn write(&self, layout: &Layout) -> io::Result<()> {
        store::replace(&layout.project_file(), self.text.as_bytes())
    }
}

/// Returns whether an environment may have a secret: one that is not declared may be anywhere.
fn may_have(project: &Project, secret: &SecretName, environment: &EnvironmentName) -> bool {
    !project.secrets.contains_key(secret) || project.expects(secret, environment)
}

fn asks_with(project: &Project, name: &SecretName, secret: &SecretName) -> bool {
    project.probe(name).is_some_and(|probe| probe.secrets().contains(secret))
}

/// Returns the secrets whose probes ask with a secret that gets another name in some environments: in all in which they
/// have both, for a probe is the same in each.
fn probes_to_follow<'a>(
    before: &'a Project,
    old: &SecretName,
    environments: &[EnvironmentName],
) -> Result<BTreeSet<&'a SecretName>, RenameError> {
    let has_old = |it: &EnvironmentName| may_have(before, old, it);
    let is_kept = |it: &EnvironmentName| has_old(it) && !environments.contains(it);
    let mut follow = BTreeSet::new();
    for name in before.secrets.keys().filter(|name| asks_with(before, name, old)) {
        let both = before.environments.keys().filter(|it| before.expects(name, it) && has_old(it));
        let (kept, moved): (Vec<_>, Vec<_>) = both.partition(|it| is_kept(it));
        // Where they never meet, the probe goes with the name, unless that stays somewhere.
        let is_kept = !kept.is_empty() || moved.is_empty() && before.environments.keys().any(is_kept);
        if is_kept && !moved.is_empty() {
            return Err(RenameError::Probe(name.clone()));
        }
        if !is_kept {
            follow.insert(name);
        }
    }
    Ok(follow)
}

/// Writes the new name over the old one: where a token, an address or a password comes from it, among what changes
/// together, in these probes, and in the declaration if all of it is meant.
fn with_spans_replaced(
    text: &str,
    old: &SecretName,
    new: &SecretName,
    all: bool,
    probes: &BTreeSet<&SecretName>,
) -> String {
    let Ok(document) = DeTable::parse(text) else { return text.to_owned() };
    let below = |section: &str| document.get_ref().get(section).and_then(|section| section.get_ref().as_table());
    let mut spans: Vec<(Range<usize>, String)> = Vec::new();
    if let Some((key, _)) = below("secrets").and_then(|secrets| secrets.get_key_value(old.as_str())).filter(|_| all) {
        spans.push((key.span(), new.to_string()));
    }
    let sources = ["targets", "notify"].into_iter().filter_map(|section| document.get_ref().get(section));
    for source in sources.flat_map(all_texts).filter(|it| it.get_ref().as_str() == Some(&format!("vault:{old}"))) {
        spans.push((source.span(), format!("\"vault:{new}\"")));
    }
    let together = below("rotation").and_then(|rotation| rotation.get("together")).into_iter();
    for name in together.flat_map(all_texts).filter(|it| it.get_ref().as_str() == Some(old.as_str())) {
        spans.push((name.span(), format!("\"{new}\"")));
    }
    let secrets = below("secrets");
    let asking = probes.iter().filter_map(|name| secrets?.get(name.as_str())?.get_ref().as_table()?.get("probe"));
    for written in asking.flat_map(texts) {
        // Nothing else in it is touched: not even how it is quoted.
        let renamed = text[written.span()].replace(&format!("{{{old}}}"), &format!("{{{new}}}"));
        spans.push((written.span(), renamed));
    }
    spans.sort_by_key(|(span, _)| std::cmp::Reverse(span.start));
    let mut edited = text.to_owned();
    for (span, name) in spans {
        edited.replace_range(span, &name);
    }
    edited
}

/// Returns every text in a value, however deep it stands.
fn all_texts<'a>(value: &'a Spanned<DeValue<'a>>) -> Vec<&'a Spanned<DeValue<'a>>> {
    match value.get_ref() {
        DeValue::Table(table) => table.values().flat_map(all_texts).collect(),
        DeValue::Array(array) => array.iter().flat_map(all_texts).collect(),
        DeValue::String(_) => vec![value],
        _ => Vec::new(),
    }
}

/// Returns the texts of a probe in which secrets may stand.
fn texts<'a>(probe: &'a Spanned<DeValue<'a>>) -> Vec<&'a Spanned<DeValue<'a>>> {
    let Some(probe) = probe.get_ref().as_table() else { return Vec::new() };
    let headers = probe.get("headers").and_then(|headers| headers.get_ref().as_table());
    let texts = ["url", "body"].into_iter().filter_map(|key| probe.get(key));
    texts.chain(headers.into_iter().flat_map(|headers| headers.values())).collect()
}

/// Parts a declaration in two, each for environments of its own.
fn parted(
    text: &str,
    (old, kept): (&SecretName, &[&EnvironmentName]),
    (new, moved): (&SecretName, &[&EnvironmentName]),
) -> Option<String> {
    let mut document: DocumentMut = text.parse().ok()?;
    let secrets = document.get_mut("secrets")?.as_table_like_mut()?;
    let list = |names: &[&EnvironmentName]| value(names.iter().map(|name| name.as_str()).collect::<Array>());
    secrets.get_mut(old.as_str())?.as_table_like_mut()?.insert("environments", list(kept));
    let mut other = secrets.get(old.as_str())?.clone();
    if let Some(table) = other.as_table_mut() {
        // The comments above the old declaration speak of that one.
        table.decor_mut().set_prefix("\n");
    }
    other.as_table_like_mut()?.insert("environments", list(moved));
    secrets.insert(new.as_str(), other);
    Some(document.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_changed_and_nothing_beside_it() {
        let names = ["OLD", "NEW"].map(|name| SecretName::parse(name).expect("a name"));
        let [staging, production] = ["staging", "production"].map(|name| EnvironmentName::parse(name).expect("a name"));
        let head = "version = 1 # ours\n[environments.staging]\n[environments.production]\n[targets.web] # OLD\n\
                    kind = \"fly\"\napp = \"shop-{environment}\"\ntoken = 'vault:OLD' # OLD\n";
        let renamed = |text: &str, environments: &[EnvironmentName]| {
            let folder = tempfile::tempdir().expect("a folder");
            let layout = Layout::at(folder.path());
            std::fs::write(layout.project_file(), text).expect("writing");
            super::renamed(&layout, &names[0], &names[1], environments).map(|it| it.map(|it| it.text))
        };
        let all = [staging.clone(), production.clone()];
        for declared in ["[secrets.OLD] # OLD\n# why\ntargets = [\"web\"]\n", "[secrets]\n  OLD = {} # OLD\n", ""] {
            let text = format!("{head}{declared}");
            let expected = head.replace("'vault:OLD'", "\"vault:NEW\"")
                + &declared.replace("[secrets.OLD]", "[secrets.NEW]").replace("  OLD =", "  NEW =");
            assert_eq!(renamed(&text, &all).expect("an edit"), Some(expected));
            let error = renamed(&text, std::slice::from_ref(&staging)).expect_err("a token of both");
            assert!(matches!(error, RenameError::Token(_)), "{error}");
        }
        let head = head.replace("token = 'vault:OLD' # OLD\n", "");
        let told = format!(
            "{head}[[notify.webhook]]\nurl = 'vault:OLD' # OLD\n[notify.mail]\nsmtp = 'smtps://m'\nfrom = 'a@b'\n\
             to = ['c@d']\nuser = 'OLD'\npassword = 'vault:OLD'\n[notify.issue]\nrepository = 'a/b'\n\
             token = 'vault:OLD'\n"
        );
        let expected = told.replace("'vault:OLD'", "\"vault:NEW\"");
        assert_eq!(renamed(&told, &all).expect("an edit"), Some(expected));
        let error = renamed(&told, std::slice::from_ref(&staging)).expect_err("an address for both");
        assert!(matches!(error, RenameError::Notify(_)), "{error}");
        let together = format!("{head}[secrets.OLD]\n[secrets.X]\n[rotation]\ntogether = [['X', 'OLD']] # OLD\n");
        let expected = together.replace("[secrets.OLD]", "[secrets.NEW]").replace("'OLD'", "\"NEW\"");
        assert_eq!(renamed(&together, &all).expect("an edit"), Some(expected));
        let error = renamed(&together, std::slice::from_ref(&staging)).expect_err("a list for both");
        assert!(matches!(error, RenameError::Together(_)), "{error}");
        assert_eq!(renamed(&head, &all).expect("nothing to do"), None);
        let text = format!("{head}# old\n[secrets.OLD]\ntargets = [\"web\"]\n");
        let parted = renamed(&text, &[staging]).expect("an edit").expect("another text");
        assert_eq!(
            parted,
            format!(
                "{head}# old\n[secrets.OLD]\ntargets = [\"web\"]\nenvironments = [\"production\"]\n\n\
                 [secrets.NEW]\ntargets = [\"web\"]\nenvironments = [\"staging\"]\n"
            )
        );
        let odd = format!("{head}[secrets]\nOLD.targets = [\"web\"]\nOLD.environments = [\"staging\"]\n");
        assert!(matches!(renamed(&odd, &all), Err(RenameError::OddForm(_))));
    }

    #[test]
    fn what_a_probe_asks_with_follows_its_name() {
        let [staging, production] = ["staging", "production"].map(|name| EnvironmentName::parse(name).expect("a name"));
        let all = [staging, production];
        let head = "version = 1\n[environments.staging]\n[environments.production]\n";
        let renamed = |text: &str, new: &str, environments: &[EnvironmentName]| {
            let folder = tempfile::tempdir().expect("a folder");
            let layout = Layout::at(folder.path());
            std::fs::write(layout.project_file(), text).expect("writing");
            let [old, new] = ["BASE", new].map(|name| SecretName::parse(name).expect("a name"));
            super::renamed(&layout, &old, &new, environments).map(|it| it.map(|it| it.text))
        };
        let probes = [
            "probe = { url = '{BASE}/me', headers = { X-Key = \"{value} {BASE}{BASE}\" } } # {BASE}\n",
            "[secrets.TOKEN.probe]\nmethod = \"POST\"\nurl = \"https://x.example/\"\nbody = '''{\"a\": \"{BASE}\",\n{value}}'''\n",
            "probe.url = \"{BASE}\"\nprobe.headers.X-Key = \"{value}\"\n",
        ];
        for probe in probes {
            let text = format!("{head}[secrets.TOKEN]\n{probe}");
            let expected = text.replace("{BASE}", "{HOST}").replace("# {HOST}", "# {BASE}");
            assert_eq!(renamed(&text, "HOST", &all).expect("an edit"), Some(expected));
            // Nobody knows where it is, and the probe is one for both environments.
            let error = renamed(&text, "HOST", &all[..1]).expect_err("a probe of both");
            assert!(matches!(error, RenameError::Probe(_)), "{error}");
            // `{value}` is the value in question.
            let error = renamed(&text, "value", &all).expect_err("another question");
            assert!(matches!(error, RenameError::OddProbe(_) | RenameError::Wrong(_)), "{error}");
        }
        // A brace that is written otherwise is not found.
        let odd = format!("{head}[secrets.TOKEN]\n{}", probes[2].replace("{BASE}", "\\u007bBASE}"));
        let error = renamed(&odd, "HOST", &all).expect_err("an odd form");
        assert!(matches!(error, RenameError::OddProbe(_)), "{error}");
        // The probe goes along where all that it asks with does.
        let (first, second, both) = ("['staging']", "['production']", "['staging', 'production']");
        for (base, token, meant, follows) in [
            (first, both, &all[..1], Some(true)),
            (both, first, &all[..1], Some(true)),
            (both, first, &all[1..], Some(false)),
            (both, both, &all[..], Some(true)),
            (both, both, &all[..1], None),
            (second, first, &all[1..], Some(true)),
        ] {
            let probe = probes[0];
            let text = format!(
                "{head}[secrets.BASE]\nenvironments = {base}\n[secrets.TOKEN]\nenvironments = {token}\n{probe}"
            );
            let edited = renamed(&text, "HOST", meant).ok().flatten();
            assert_eq!(edited.map(|it| it.contains("'{HOST}/me'")), follows, "{base} {token}");
        }
    }
}

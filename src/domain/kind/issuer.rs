//! Known issuers of tokens and keys: what their values look like, from one file that is part of the program.

use std::sync::{LazyLock, OnceLock};

use regex_lite::Regex;
use vault_schema::issuers::{self, IssuersFile};

use crate::domain::probe::Probe;

/// One kind of value that an issuer hands out.
#[derive(Debug)]
pub struct Issuer {
    name: String,
    facts: issuers::Issuer,
    /// Compiled when the first value of the kind is looked at: most projects have a few of the kinds at most.
    pattern: OnceLock<Option<Regex>>,
    probe: Option<Probe>,
}

impl PartialEq for Issuer {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Issuer {}

impl Issuer {
    /// Returns the kind's name in `undrift.toml`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns what is known of it.
    pub fn facts(&self) -> &issuers::Issuer {
        &self.facts
    }

    /// Returns how the issuer is asked whether a value is alive.
    pub fn probe(&self) -> Option<&Probe> {
        self.probe.as_ref()
    }

    /// Returns whether a text is of the kind.
    pub(super) fn fits(&self, text: &str) -> bool {
        // A test compiles every pattern, so that none is ever missing.
        let pattern = self.pattern.get_or_init(|| super::whole(&self.facts.pattern).ok());
        pattern.as_ref().is_none_or(|pattern| pattern.is_match(text))
    }
}

/// Returns every kind, sorted by name. The file is read when the first is asked for.
pub fn all() -> &'static [Issuer] {
    static ALL: LazyLock<Vec<Issuer>> = LazyLock::new(|| {
        let file: IssuersFile = toml::from_str(issuers::TEXT).unwrap_or_default();
        let issuer = |(name, facts): (String, issuers::Issuer)| {
            // A test reads every probe, so that none is ever missing.
            let probe = facts.probe.as_ref().and_then(|declared| Probe::read(declared, None).ok());
            Issuer { name, facts, pattern: OnceLock::new(), probe }
        };
        file.into_iter().map(issuer).collect()
    });
    &ALL
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::kind::Pattern;

    /// Writes out what is repeated: `ghp_{x*36}`.
    fn expand(text: &str) -> String {
        let mut expanded = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let (repeated, after) = after.split_once('}').expect("a closed repetition");
            let (what, times) = repeated.split_once('*').expect("a number of times");
            expanded += before;
            expanded += &what.repeat(times.parse().expect("a number"));
            rest = after;
        }
        expanded + rest
    }

    #[test]
    fn every_pattern_tells_its_examples_apart() {
        let file: IssuersFile = toml::from_str(issuers::TEXT).expect("the file");
        assert_eq!(all().len(), file.len());
        for issuer in all() {
            let (name, facts) = (issuer.name(), issuer.facts());
            assert!(Pattern::parse(&facts.pattern).is_ok(), "{name}");
            assert!(!facts.fits.is_empty() && facts.misses.len() >= 2, "{name} has too few examples");
            for text in &facts.fits {
                assert!(issuer.fits(&expand(text)), "{name} does not know {text}");
            }
            for text in &facts.misses {
                assert!(!issuer.fits(&expand(text)), "{name} takes {text}");
            }
            for link in [&facts.rotate, &facts.documentation] {
                assert!(link.starts_with("https://") && !link.contains(char::is_whitespace), "{name}: {link}");
            }
            if let Some(probe) = &facts.probe {
                assert_eq!(Probe::read(probe, None).err(), None, "{name}");
                // Nothing of a project is sent to an issuer but the value itself.
                assert!(matches!(issuer.probe(), Some(Probe::Request(request)) if request.address.base.is_none()));
            }
            assert!(["a ", "an ", "the "].iter().any(|article| facts.looks.starts_with(article)), "{name}");
            assert!(!facts.issuer.is_empty());
        }
    }

    #[test]
    fn the_file_is_sorted_and_its_examples_look_like_no_real_value() {
        let names: Vec<&str> =
            issuers::TEXT.lines().filter_map(|line| line.strip_prefix('[')?.strip_suffix(']')).collect();
        assert!(names.is_sorted(), "{names:?}");
        let examples = all().iter().flat_map(|issuer| issuer.facts().fits.iter());
        for text in examples {
            assert!(text.contains('{'), "{text} is written out, and a scanner may take it for a real one");
            assert!(all().iter().all(|issuer| !issuer.fits(text)), "{text}");
        }
    }
}

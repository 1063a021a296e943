//! `issuers.toml`: what the values of known issuers look like, and where new ones are made. It is part of the program.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::project::Probe;

/// The text of the file.
pub const TEXT: &str = include_str!("../issuers.toml");

/// The whole file: kinds by the name that undrift.toml gives them.
pub type IssuersFile = BTreeMap<String, Issuer>;

/// One kind of value that an issuer hands out.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Issuer {
    /// Who hands it out.
    pub issuer: String,
    /// What it is, for people: "a token of GitHub, which begins with …".
    pub looks: String,
    /// A regular expression for the whole value.
    pub pattern: String,
    /// Where a new one is made.
    pub rotate: String,
    /// Where the issuer explains it.
    pub documentation: String,
    /// How the issuer is asked whether a value is alive: a question that every value of the kind may ask.
    pub probe: Option<Probe>,
    /// Whether it is no secret by itself.
    #[serde(default)]
    pub public: bool,
    /// Texts that are of this kind; `{x*36}` stands for 36 times `x`.
    pub fits: Vec<String>,
    /// Texts that are not.
    pub misses: Vec<String>,
}

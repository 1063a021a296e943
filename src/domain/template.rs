//! Templates of `undrift.toml`: `shop-{environment}`, `{ENVIRONMENT}_{name}`.

use super::name::{EnvironmentName, SecretName};

/// A text with placeholders that are known to exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Environment,
    EnvironmentUpper,
    Name,
    NameUpper,
}

/// Why a text is not a template.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// Nothing there.
    #[error("is empty")]
    Empty,
    /// A placeholder that does not exist here.
    #[error("has the unknown placeholder `{{{0}}}`")]
    UnknownPlaceholder(String),
    /// `{` without `}`.
    #[error("has a `{{` that is never closed")]
    Unclosed,
    /// A secret's name template that gives every secret the same name.
    #[error("has no `{{name}}`, so that every secret would be called the same")]
    NoName,
}

impl Template {
    /// Parses a template for a place: `{environment}` and `{ENVIRONMENT}` may occur.
    pub fn place(text: &str) -> Result<Self, TemplateError> {
        Self::parse(text, false)
    }

    /// Parses a template for a secret's name there: `{name}` or `{NAME}` must occur.
    pub fn secret(text: &str) -> Result<Self, TemplateError> {
        let template = Self::parse(text, true)?;
        if template.0.iter().any(|part| matches!(part, Part::Name | Part::NameUpper)) {
            Ok(template)
        } else {
            Err(TemplateError::NoName)
        }
    }

    fn parse(text: &str, names: bool) -> Result<Self, TemplateError> {
        if text.is_empty() {
            return Err(TemplateError::Empty);
        }
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            if !before.is_empty() {
                parts.push(Part::Text(before.to_owned()));
            }
            let (placeholder, after) = after.split_once('}').ok_or(TemplateError::Unclosed)?;
            parts.push(match placeholder {
                "environment" => Part::Environment,
                "ENVIRONMENT" => Part::EnvironmentUpper,
                "name" if names => Part::Name,
                "NAME" if names => Part::NameUpper,
                other => return Err(TemplateError::UnknownPlaceholder(other.to_owned())),
            });
            rest = after;
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.to_owned()));
        }
        Ok(Self(parts))
    }

    /// Fills in the environment of a place.
    pub fn fill_place(&self, environment: &EnvironmentName) -> String {
        self.fill(environment, "")
    }

    /// Fills in the environment and the secret's name.
    pub fn fill_secret(&self, environment: &EnvironmentName, name: &SecretName) -> String {
        self.fill(environment, name.as_str())
    }

    fn fill(&self, environment: &EnvironmentName, name: &str) -> String {
        self.0
            .iter()
            .map(|part| match part {
                Part::Text(text) => text.clone(),
                Part::Environment => environment.to_string(),
                // An upper-case environment stands in names of variables, where `-` and `.` are not allowed.
                Part::EnvironmentUpper => environment.as_str().to_ascii_uppercase().replace(['-', '.'], "_"),
                Part::Name => name.to_owned(),
                Part::NameUpper => name.to_ascii_uppercase(),
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fills_environment_and_name() {
        let environment = EnvironmentName::parse("eu-staging").expect("a name");
        let name = SecretName::parse("Api_Key").expect("a name");
        let fill = |text: &str| Template::secret(text).map(|t| t.fill_secret(&environment, &name));
        assert_eq!(fill("{name}"), Ok("Api_Key".to_owned()));
        assert_eq!(fill("{ENVIRONMENT}_{NAME}"), Ok("EU_STAGING_API_KEY".to_owned()));
        assert_eq!(fill("FIXED"), Err(TemplateError::NoName));
        let place = Template::place("shop-{environment}").expect("a template");
        assert_eq!(place.fill_place(&environment), "shop-eu-staging");
    }

    #[test]
    fn refuses_what_it_does_not_know() {
        assert_eq!(Template::place("shop-{env}"), Err(TemplateError::UnknownPlaceholder("env".to_owned())));
        assert_eq!(Template::place("shop-{name}"), Err(TemplateError::UnknownPlaceholder("name".to_owned())));
        assert_eq!(Template::place("shop-{"), Err(TemplateError::Unclosed));
        assert_eq!(Template::place(""), Err(TemplateError::Empty));
    }
}

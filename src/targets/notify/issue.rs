//! One issue at GitHub that is open as long as something is wrong. It is found again by a mark that its text begins with,
//! and by who wrote it, so that nobody else can have theirs rewritten; where that cannot be found out, none is made.

use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::domain::secret::SecretValue;
use crate::targets::TargetError;
use crate::targets::client::{Ask, Client, Origin, OriginSettings};
use crate::targets::github::API_VERSION;

/// How many pages of issues are searched. Ours was written lately, and stands near the beginning.
const PAGES: usize = 10;

/// The repository whose issue it is.
#[derive(Debug)]
pub struct Desk {
    origin: Origin,
    owner: String,
    name: String,
}

/// The issue as it should be.
#[derive(Debug)]
pub struct Issue<'a> {
    /// What its text begins with.
    pub mark: &'a str,
    /// Its title.
    pub title: &'a str,
    /// Its text, which begins with the mark.
    pub body: &'a str,
    /// Whether it is open.
    pub open: bool,
}

/// What became of the issue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    /// It was made.
    Opened(u64),
    /// It was closed, and is open again.
    Reopened(u64),
    /// It is open, with another text.
    Updated(u64),
    /// It is closed.
    Closed(u64),
    /// There is nothing to say, and nothing was said.
    AsItWas,
}

#[derive(Deserialize)]
struct Found {
    number: u64,
    state: String,
    body: Option<String>,
    user: Option<User>,
    /// What is a pull request is listed too.
    pull_request: Option<Value>,
}

#[derive(Deserialize)]
struct User {
    login: String,
    #[serde(rename = "type", default)]
    kind: String,
}

impl Desk {
    /// Checks the settings. Nothing is asked of GitHub yet.
    pub fn new(client: &Client, api_url: &str, token: &SecretValue, repository: &str) -> Result<Self, TargetError> {
        let token = token.expose().trim();
        if token.is_empty() {
            return Err(TargetError::NoToken);
        }
        let settings = OriginSettings {
            base_url: api_url,
            authorization: Zeroizing::new(format!("Bearer {token}")),
            headers: &[("accept", "application/vnd.github+json"), ("x-github-api-version", API_VERSION)],
            place: format!("the repository {repository}"),
            unstated_wait: client.settings().secondary_wait,
            budgeted: true,
        };
        let (owner, name) = repository.split_once('/').unwrap_or((repository, ""));
        Ok(Self { origin: Origin::new(client, settings)?, owner: owner.to_owned(), name: name.to_owned() })
    }

    /// Makes the issue what it should be.
    pub async fn settle(&self, wanted: &Issue<'_>) -> Result<Settled, TargetError> {
        let content = json!({ "title": wanted.title, "body": wanted.body });
        let Some(there) = self.find(wanted.mark).await? else {
            if !wanted.open {
                return Ok(Settled::AsItWas);
            }
            let answer = self.send(&Method::POST, &[], &content).await?;
            return Ok(Settled::Opened(answer.number));
        };
        let is_open = there.state == "open";
        let number = there.number.to_string();
        let change = match (is_open, wanted.open) {
            (false, false) => return Ok(Settled::AsItWas),
            (true, true) => content,
            (false, true) => json!({ "title": wanted.title, "body": wanted.body, "state": "open" }),
            (true, false) => json!({
                "title": wanted.title, "body": wanted.body, "state": "closed", "state_reason": "completed"
            }),
        };
        self.send(&Method::PATCH, &[&number], &change).await?;
        Ok(match (is_open, wanted.open) {
            (_, false) => Settled::Closed(there.number),
            (true, true) => Settled::Updated(there.number),
            (false, true) => Settled::Reopened(there.number),
        })
    }

    /// Finds the issue: the newest that begins with the mark and that this very token's owner wrote.
    async fn find(&self, mark: &str) -> Result<Option<Found>, TargetError> {
        let author = self.author().await?;
        let mut query = vec![("state", "all"), ("sort", "updated"), ("direction", "desc"), ("per_page", "100")];
        query.extend(author.as_deref().map(|login| ("creator", login)));
        let is_ours = |found: &Found| {
            let is_author = found.user.as_ref().is_some_and(|user| match &author {
                Some(login) => user.login.eq_ignore_ascii_case(login),
                None => user.kind == "Bot",
            });
            let begins = found.body.as_deref().is_some_and(|body| body.starts_with(mark));
            is_author && begins && found.pull_request.is_none()
        };
        let path = ["repos", &self.owner, &self.name, "issues"];
        let mut read = self.origin.get_page::<Vec<Found>>(&path, &query, Ask::Anew).await?;
        for _ in 0..PAGES {
            let (page, answer) = read;
            if let Some(found) = page.into_iter().find(is_ours) {
                return Ok(Some(found));
            }
            match self.origin.get_next_page(&answer, Ask::Anew).await? {
                Some(next) => read = next,
                None => return Ok(None),
            }
        }
        // To make another one each time would be a flood.
        Err(TargetError::Unexpected(format!("ours is not among the first {PAGES} pages of issues")))
    }

    /// Returns whose the token is. That of an app or a workflow is nobody's, and what it writes is a bot's.
    async fn author(&self) -> Result<Option<String>, TargetError> {
        match self.origin.get(&["user"], &[]).await {
            Ok(answer) => Ok(Some(answer.json::<User>()?.login)),
            Err(TargetError::Forbidden { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn send(&self, method: &Method, path: &[&str], content: &Value) -> Result<Found, TargetError> {
        let path = [&["repos", self.owner.as_str(), self.name.as_str(), "issues"], path].concat();
        self.origin.send(method, &path, Some(content.to_string().as_bytes())).await?.json()
    }
}

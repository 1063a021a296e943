//! GitHub's own description of its API, held against what we send and what the twin answers.

use jsonschema::Validator;
use serde_json::{Value, json};
use twins::{GITHUB_TOKEN, GitHubPlace, GitHubTwin, Request, Store, Visibility};
use undrift::domain::access::DeclaredAccess;
use undrift::domain::place::{GithubHolder, GithubStore};
use undrift::domain::secret::SecretValue;
use undrift::targets::client::Client;
use undrift::targets::github::{GithubPlace, GithubSettings};
use undrift::targets::{AnyTarget, Effect, Target, Write};

use super::{hasty, name, run};
use crate::tools;

const VARIABLE: &str = "UNDRIFT_GITHUB_OPENAPI";

/// The description, an `OpenAPI` document of version 3.0.
struct Description(Value);

impl Description {
    /// Takes a document, and turns its one departure from JSON Schema, `nullable`, into JSON Schema.
    fn new(mut document: Value) -> Self {
        allow_null(&mut document);
        Self(document)
    }

    /// Returns the path template and the operation of a request. A template without parameters goes before one with.
    fn operation(&self, request: &Request) -> Option<(&str, &Value)> {
        let paths = self.0["paths"].as_object()?;
        let mut fitting: Vec<_> = paths.iter().filter(|(template, _)| fits(template, &request.path)).collect();
        fitting.sort_by_key(|(template, _)| template.matches('{').count());
        let (template, operations) = fitting.first()?;
        Some((template, operations.get(request.method.to_lowercase())?))
    }

    fn resolve<'a>(&'a self, value: &'a Value) -> &'a Value {
        match value["$ref"].as_str().and_then(|reference| self.0.pointer(reference.strip_prefix('#')?)) {
            Some(resolved) => self.resolve(resolved),
            None => value,
        }
    }

    fn validator(&self, schema: &Value) -> Validator {
        let mut schema = schema.clone();
        schema["components"] = self.0["components"].clone();
        jsonschema::draft4::options().build(&schema).expect("the description has sound schemas")
    }

    /// Checks the query, the body and the answer of one exchange.
    fn check(&self, request: &Request) -> Result<(), String> {
        let (_, operation) = self.operation(request).ok_or("the description has no such operation")?;
        self.check_query(request, operation)?;
        match body_schema(&operation["requestBody"]) {
            Some(schema) => self.check_body(schema, &request.body).map_err(|error| format!("request: {error}"))?,
            None if request.body.is_empty() => {}
            None => return Err("the operation takes no body".to_owned()),
        }
        let answer = operation["responses"].get(request.status.to_string());
        let answer = answer.ok_or_else(|| format!("no status {}", request.status))?;
        match body_schema(self.resolve(answer)) {
            Some(schema) => self.check_body(schema, &request.response_body).map_err(|error| format!("answer: {error}")),
            None if request.response_body.is_empty() => Ok(()),
            None => Err("the answer has no body".to_owned()),
        }
    }

    fn check_query(&self, request: &Request, operation: &Value) -> Result<(), String> {
        let parameters: Vec<&Value> = operation["parameters"].as_array().into_iter().flatten().collect();
        for (key, value) in request.query.split('&').filter_map(|pair| pair.split_once('=')) {
            let parameter = parameters.iter().map(|parameter| self.resolve(parameter));
            let parameter =
                parameter.into_iter().find(|parameter| parameter["in"] == "query" && parameter["name"] == key);
            let schema = &parameter.ok_or_else(|| format!("no query parameter {key}"))?["schema"];
            let value = value.parse::<i64>().map_or_else(|_| Value::from(value), Value::from);
            if !self.validator(schema).is_valid(&value) {
                return Err(format!("{key}={value} is not as described"));
            }
        }
        Ok(())
    }

    fn check_body(&self, schema: &Value, body: &[u8]) -> Result<(), String> {
        let body: Value = serde_json::from_slice(body).map_err(|error| error.to_string())?;
        let errors: Vec<String> = self.validator(schema).iter_errors(&body).map(|error| error.to_string()).collect();
        if errors.is_empty() { Ok(()) } else { Err(errors.join("; ")) }
    }
}

fn body_schema(holder: &Value) -> Option<&Value> {
    holder["content"]["application/json"].get("schema")
}

fn fits(template: &str, path: &str) -> bool {
    let (template, path): (Vec<_>, Vec<_>) = (template.split('/').collect(), path.split('/').collect());
    template.len() == path.len()
        && template.iter().zip(&path).all(|(expected, segment)| expected.starts_with('{') || expected == segment)
}

fn allow_null(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(allow_null),
        Value::Object(members) => {
            members.values_mut().for_each(allow_null);
            if members.get("nullable") == Some(&Value::Bool(true)) {
                members.remove("nullable");
                let schema = Value::Object(std::mem::take(members));
                members.insert("anyOf".to_owned(), json!([{ "type": "null" }, schema]));
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Every place there is, with the twin's view of it.
fn places() -> Vec<(GithubStore, GithubHolder, GitHubPlace)> {
    let repository = || GithubHolder::Repository { repository: "acme/shop".to_owned() };
    let environment =
        || GithubHolder::Environment { repository: "acme/shop".to_owned(), environment: "eu/west".to_owned() };
    let organization = || GithubHolder::Organization { organization: "acme".to_owned() };
    let of_repository = || GitHubPlace::repository("acme/shop");
    let of_environment = || GitHubPlace::environment("acme/shop", "eu/west");
    let of_organization = || GitHubPlace::organization("acme");
    vec![
        (GithubStore::Actions, repository(), of_repository()),
        (GithubStore::Actions, environment(), of_environment()),
        (GithubStore::Actions, organization(), of_organization()),
        (GithubStore::Dependabot, repository(), of_repository().in_store(Store::Dependabot)),
        (GithubStore::Dependabot, organization(), of_organization().in_store(Store::Dependabot)),
        (GithubStore::Codespaces, repository(), of_repository().in_store(Store::Codespaces)),
        (GithubStore::Codespaces, organization(), of_organization().in_store(Store::Codespaces)),
        (GithubStore::Variables, repository(), of_repository()),
        (GithubStore::Variables, environment(), of_environment()),
        (GithubStore::Variables, organization(), of_organization()),
    ]
}

fn exchanges() -> Vec<Request> {
    let twin = GitHubTwin::start();
    twin.create_repository("acme/shop");
    twin.create_environment("acme/shop", "eu/west");
    let client = Client::new(&hasty());
    for (store, holder, place) in places() {
        let token = SecretValue::copied_from(GITHUB_TOKEN);
        let settings = GithubSettings {
            api_url: twin.url(),
            store,
            holder,
            access: Some(DeclaredAccess::Selected(["acme/shop".to_owned()].into())),
            token: &token,
            of_workflow: false,
        };
        let target = AnyTarget::Github(GithubPlace::new(&client, settings).expect("the settings are good"));
        let new = name("NEW");
        let write = |value: &'static str, last_written| {
            let (target, name) = (&target, &new);
            async move {
                let value = SecretValue::copied_from(value);
                let effects = target.write(&[Write { name, value: &value, last_written }]).await;
                assert!(matches!(effects[..], [Effect::Accepted(_)]), "{effects:?}");
            }
        };
        run(async {
            write("created", None).await;
            let seen = target.look(&[&new]).await.expect("the place can be read");
            write("changed", seen.entries[&new].written).await;
            target.remove(&[&new]).await;
            for number in 0..120 {
                if store == GithubStore::Variables {
                    twin.set_variable(&place, &format!("NAME_{number}"), "value");
                } else {
                    twin.set(&place, &format!("NAME_{number}"), "value");
                }
            }
            if let (GitHubPlace::Organization { .. }, false) = (&place, store == GithubStore::Variables) {
                twin.share(&place, "NAME_7", Visibility::All, &[]);
                twin.share(&place, "NAME_8", Visibility::Selected, &["acme/shop"]);
            }
            target.observe().await.expect("the place can be read");
        });
    }
    // That a name is absent is answered by 404, which the description does not speak of.
    twin.requests().into_iter().filter(|request| request.status != 404).collect()
}

#[test]
fn what_we_send_and_are_answered_is_as_github_describes_it() {
    let Some(path) = tools::named_by(VARIABLE, "GitHub's description of its API") else { return };
    let text = std::fs::read_to_string(path).expect("the description can be read");
    let description = Description::new(serde_json::from_str(&text).expect("the description is JSON"));
    let requests = exchanges();
    let mut faults: Vec<String> = Vec::new();
    for request in &requests {
        if let Err(fault) = description.check(request) {
            faults.push(format!("{} {}?{}: {fault}", request.method, request.path, request.query));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    let kinds: std::collections::BTreeSet<_> = requests
        .iter()
        .filter_map(|request| Some((description.operation(request)?.0, request.method.as_str(), request.status)))
        .collect();
    // Of each place: the list, one name, a creation, an update, a removal and, but for variables, the key. Of an
    // organization's: who may use one name. And once: what the id of a repository is.
    assert_eq!(kinds.len(), 7 * 6 + 3 * 5 + 4 + 1, "{kinds:?}");
}

#[test]
fn a_departure_from_the_description_is_noticed() {
    let Some(path) = tools::named_by(VARIABLE, "GitHub's description of its API") else { return };
    let text = std::fs::read_to_string(path).expect("the description can be read");
    let description = Description::new(serde_json::from_str(&text).expect("the description is JSON"));
    let good = exchanges().into_iter().find(|request| request.method == "PUT").expect("something was written");
    assert_eq!(description.check(&good), Ok(()));
    let numeric = Request { body: b"{\"encrypted_value\":\"c2VjcmV0\",\"key_id\":7}".to_vec(), ..good.clone() };
    let unsealed = Request { body: b"{\"encrypted_value\":\"hunter2\",\"key_id\":\"7\"}".to_vec(), ..good.clone() };
    let strange_status = Request { status: 202, ..good.clone() };
    let strange_query = Request { query: "perpage=100".to_owned(), ..good.clone() };
    let strange_path = Request { path: "/repos/acme/shop/secrets".to_owned(), ..good };
    for request in [numeric, unsealed, strange_status, strange_query, strange_path] {
        assert!(description.check(&request).is_err(), "{request:?}");
    }
}

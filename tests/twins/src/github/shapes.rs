//! The large JSON objects of the API, in which almost every field is an address nobody follows.

use serde_json::{Value, json};

use super::state::{Environment, Repository};

const REPOSITORY_PATHS: &[(&str, &str)] = &[
    ("archive_url", "/{archive_format}{/ref}"),
    ("assignees_url", "/assignees{/user}"),
    ("blobs_url", "/git/blobs{/sha}"),
    ("branches_url", "/branches{/branch}"),
    ("collaborators_url", "/collaborators{/collaborator}"),
    ("comments_url", "/comments{/number}"),
    ("commits_url", "/commits{/sha}"),
    ("compare_url", "/compare/{base}...{head}"),
    ("contents_url", "/contents/{+path}"),
    ("contributors_url", "/contributors"),
    ("deployments_url", "/deployments"),
    ("downloads_url", "/downloads"),
    ("events_url", "/events"),
    ("forks_url", "/forks"),
    ("git_commits_url", "/git/commits{/sha}"),
    ("git_refs_url", "/git/refs{/sha}"),
    ("git_tags_url", "/git/tags{/sha}"),
    ("hooks_url", "/hooks"),
    ("issue_comment_url", "/issues/comments{/number}"),
    ("issue_events_url", "/issues/events{/number}"),
    ("issues_url", "/issues{/number}"),
    ("keys_url", "/keys{/key_id}"),
    ("labels_url", "/labels{/name}"),
    ("languages_url", "/languages"),
    ("merges_url", "/merges"),
    ("milestones_url", "/milestones{/number}"),
    ("notifications_url", "/notifications{?since,all,participating}"),
    ("pulls_url", "/pulls{/number}"),
    ("releases_url", "/releases{/id}"),
    ("stargazers_url", "/stargazers"),
    ("statuses_url", "/statuses/{sha}"),
    ("subscribers_url", "/subscribers"),
    ("subscription_url", "/subscription"),
    ("tags_url", "/tags"),
    ("teams_url", "/teams"),
    ("trees_url", "/git/trees{/sha}"),
    ("url", ""),
];

const USER_PATHS: &[(&str, &str)] = &[
    ("events_url", "/events{/privacy}"),
    ("followers_url", "/followers"),
    ("following_url", "/following{/other_user}"),
    ("gists_url", "/gists{/gist_id}"),
    ("organizations_url", "/orgs"),
    ("received_events_url", "/received_events"),
    ("repos_url", "/repos"),
    ("starred_url", "/starred{/owner}{/repo}"),
    ("subscriptions_url", "/subscriptions"),
    ("url", ""),
];

pub(super) fn repository(repository: &Repository, base: &str) -> Value {
    let full_name = &repository.full_name;
    let (owner, name) = full_name.split_once('/').unwrap_or_default();
    let created_at = repository.created_at.to_string();
    let mut json = json!({
        "id": repository.id,
        "node_id": format!("R_{}", repository.id),
        "name": name,
        "full_name": full_name,
        "owner": account(owner, "Organization", base),
        "private": true,
        "visibility": "private",
        "html_url": format!("https://github.com/{full_name}"),
        "clone_url": format!("https://github.com/{full_name}.git"),
        "git_url": format!("git:github.com/{full_name}.git"),
        "ssh_url": format!("git@github.com:{full_name}.git"),
        "svn_url": format!("https://github.com/{full_name}"),
        "default_branch": "main",
        "created_at": created_at,
        "updated_at": created_at,
        "pushed_at": created_at,
    });
    extend(&mut json, ["fork", "archived", "disabled", "has_pages", "has_discussions"], &false.into());
    extend(&mut json, ["has_issues", "has_projects", "has_wiki"], &true.into());
    extend(&mut json, ["description", "homepage", "language", "license", "mirror_url"], &Value::Null);
    extend(&mut json, ["forks", "forks_count", "open_issues", "open_issues_count"], &0.into());
    extend(&mut json, ["size", "stargazers_count", "watchers", "watchers_count"], &0.into());
    extend(&mut json, ["network_count", "subscribers_count"], &0.into());
    addresses(&mut json, REPOSITORY_PATHS, &format!("{base}/repos/{full_name}"));
    json
}

pub(super) fn environment(repository: &Repository, environment: &Environment, base: &str) -> Value {
    let (full_name, name) = (&repository.full_name, &environment.name);
    let encoded = encode(name);
    json!({
        "id": environment.id,
        "node_id": format!("EN_{}", environment.id),
        "name": name,
        "url": format!("{base}/repos/{full_name}/environments/{encoded}"),
        "html_url": format!("https://github.com/{full_name}/deployments/activity_log?environments_filter={encoded}"),
        "created_at": environment.created_at.to_string(),
        "updated_at": environment.created_at.to_string(),
        "protection_rules": [],
        "deployment_branch_policy": null,
    })
}

/// The profile of the user a token belongs to.
pub(super) fn user(login: &str, base: &str) -> Value {
    let mut json = account(login, "User", base);
    json["created_at"] = "2008-01-14T04:33:35Z".into();
    json["updated_at"] = "2008-01-14T04:33:35Z".into();
    json["user_view_type"] = "private".into();
    json["two_factor_authentication"] = true.into();
    extend(&mut json, ["bio", "blog", "company", "email", "hireable", "location", "name"], &Value::Null);
    extend(&mut json, ["followers", "following", "public_gists", "public_repos", "private_gists"], &0.into());
    extend(&mut json, ["collaborators", "disk_usage", "owned_private_repos", "total_private_repos"], &0.into());
    json
}

fn account(login: &str, kind: &str, base: &str) -> Value {
    let mut json = json!({
        "login": login,
        "id": 583_231,
        "node_id": "MDQ6VXNlcjU4MzIzMQ==",
        "avatar_url": "https://avatars.githubusercontent.com/u/583231?v=4",
        "gravatar_id": "",
        "html_url": format!("https://github.com/{login}"),
        "type": kind,
        "site_admin": false,
    });
    addresses(&mut json, USER_PATHS, &format!("{base}/users/{login}"));
    json
}

fn addresses(json: &mut Value, paths: &[(&str, &str)], base: &str) {
    for (field, path) in paths {
        json[*field] = format!("{base}{path}").into();
    }
}

fn extend<const COUNT: usize>(json: &mut Value, fields: [&str; COUNT], value: &Value) {
    for field in fields {
        json[field] = value.clone();
    }
}

/// Percent-encodes everything but the unreserved characters.
fn encode(text: &str) -> String {
    text.bytes().fold(String::new(), |mut encoded, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(byte.into());
        } else {
            encoded.push('%');
            encoded.push_str(&hex::encode_upper([byte]));
        }
        encoded
    })
}

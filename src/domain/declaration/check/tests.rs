use super::*;
use crate::domain::access::DeclaredAccess;
use crate::domain::declaration::Binding;
use crate::domain::name::RemoteName;
use crate::domain::place::{GithubHolder, GithubStore, Location};
use crate::domain::probe::Probe;

/// What every declaration below may refer to.
const HEAD: &str = r#"
version = 1
[environments.staging]
[environments.production]
protected = true
[targets.web]
kind = "fly"
app = "shop-{environment}"
"#;

fn check_text(text: &str) -> Result<Project, Vec<Fault>> {
    check(&toml::from_str::<ProjectFile>(text).expect("the text has only known keys"))
}

/// Returns each fault as `where: what`.
fn faults(text: &str) -> Vec<String> {
    let faults = check_text(text).err().unwrap_or_default();
    faults.iter().map(|fault| format!("{}: {}", written(&fault.path), fault.kind)).collect()
}

fn written(path: &Path) -> String {
    let steps = path.iter().map(|step| match step {
        PathStep::Key(key) => format!(".{key}"),
        PathStep::Index(index) => format!("[{index}]"),
    });
    steps.collect::<String>().trim_start_matches('.').to_owned()
}

fn project(more: &str) -> Project {
    check_text(&format!("{HEAD}{more}")).expect("the declarations are sound")
}

fn environment(name: &str) -> EnvironmentName {
    EnvironmentName::parse(name).expect("a name")
}

/// Returns what is pushed to a target in an environment, as `SECRET -> place NAME`.
fn pushed(project: &Project, environment_name: &str, target: &str) -> Vec<String> {
    let places = project.places(&environment(environment_name));
    let at_target = places.iter().filter(|place| place.target.as_str() == target);
    let bindings = at_target.flat_map(|place| project.bindings(place).into_iter().map(move |binding| (place, binding)));
    bindings
        .map(|(place, Binding { secret, remote_name })| format!("{secret} -> {} {remote_name}", place.location))
        .collect()
}

const BAD_ADDRESS: &str = "secrets.A.probe.url: a probe asks at `https://`; \
    `http://` is for this machine's own addresses only, and no user stands in front of the host";

const SECRET_IN_ADDRESS: &str = "secrets.A.probe.url: a secret stands in `url` at its beginning alone, \
    with the path behind it: `{BASE_URL}/api/v1/profile`";
const NO_WEBHOOK: &str = "notify.webhook[0].url: a webhook's address is `https://…`, or `env:NAME` or `vault:NAME` where \
                          it is; `http://` is for this machine's own addresses only";

/// One declaration after [`HEAD`], and the one fault it has.
const FAULTS: &[(&str, &str)] = &[
    // What cannot be made.
    (
        "[secrets.A]\ngenerate = 'words:6'",
        "secrets.A.generate: `generate` is too short to be safe; the shortest is `words:12`",
    ),
    // References to what is not declared.
    (
        "[secrets.A]\nenvironments = ['staging', 'produktion']",
        "secrets.A.environments[1]: there is no environment `produktion`; did you mean `production`?",
    ),
    ("[secrets.A]\nenvironments = ['zzz']", "secrets.A.environments[0]: there is no environment `zzz`"),
    (
        "[targets.ci]\nkind = 'github'\nrepository = 'acme/shop'\nenvironments = ['stagin']",
        "targets.ci.environments[0]: there is no environment `stagin`; did you mean `staging`?",
    ),
    ("[secrets.A]\ntargets = ['wev']", "secrets.A.targets[0]: there is no target `wev`; did you mean `web`?"),
    (
        "[secrets.A]\ntargets = ['web', { target = 'mobile', name = 'B' }]",
        "secrets.A.targets[1]: there is no target `mobile`",
    ),
    (
        "[secrets.A]\ntargets = ['web', { target = 'web', name = 'B' }]",
        "secrets.A.targets[1]: the target `web` stands twice; a secret has one name at a target",
    ),
    (
        "[[ignore]]\ntarget = 'webb'\nname = 'A'\nreason = 'ours'",
        "ignore[0].target: there is no target `webb`; did you mean `web`?",
    ),
    // Names.
    (
        "[environments.'../x']",
        "environments.../x: `../x` may have only letters, digits, `-`, `_` and `.`, and may not start with `-` or `.`",
    ),
    ("[secrets.A-B]", "secrets.A-B: `A-B` may have only letters, digits and `_`, and may not start with a digit"),
    ("[targets.'']\nkind = 'fly'\napp = 'other'", "targets.: `` is empty"),
    // Keys that are missing, or another kind's.
    ("[targets.ci]\nkind = 'fly'", "targets.ci: a `fly` target needs the key `app`"),
    ("[targets.ci]\nkind = 'github'", "targets.ci: a `github` target needs the key `repository`"),
    (
        "[targets.ci]\nkind = 'github'\nrepository = 'acme/shop'\nscope = 'environment'",
        "targets.ci: a `github` target needs the key `environment`",
    ),
    (
        "[targets.ci]\nkind = 'fly'\napp = 'other'\nrepository = 'acme/shop'",
        "targets.ci.repository: `repository` does not belong to a `fly` target",
    ),
    (
        "[targets.ci]\nkind = 'fly'\napp = 'other'\nscope = 'repository'",
        "targets.ci.scope: `scope` does not belong to a `fly` target",
    ),
    (
        "[targets.ci]\nkind = 'fly'\napp = 'other'\nenvironment = 'staging'",
        "targets.ci.environment: `environment` does not belong to a `fly` target",
    ),
    (
        "[targets.ci]\nkind = 'fly'\napp = 'other'\nstore = 'actions'",
        "targets.ci.store: `store` does not belong to a `fly` target",
    ),
    (
        "[targets.ci]\nkind = 'github'\nrepository = 'acme/shop'\napp = 'shop'",
        "targets.ci.app: `app` does not belong to a `github` target",
    ),
    (
        "[targets.ci]\nkind = 'github'\nrepository = 'acme/shop'\nrollout = 'manual'",
        "targets.ci.rollout: `rollout` does not belong to a `github` target",
    ),
    (
        "[targets.ci]\nkind = 'github'\nrepository = 'acme/shop'\nenvironment = 'staging'",
        "targets.ci.environment: `environment` does not belong to a `github` target: \
         it needs `scope = \"environment\"`",
    ),
    // Templates.
    (
        "[targets.ci]\nkind = 'fly'\napp = 'other-{env}'",
        "targets.ci.app: the template has the unknown placeholder `{env}`",
    ),
    ("[targets.ci]\nkind = 'fly'\napp = ''", "targets.ci.app: the template is empty"),
    (
        "[targets.ci]\nkind = 'fly'\napp = 'other'\nname = 'FIXED'",
        "targets.ci.name: the template has no `{name}`, so that every secret would be called the same",
    ),
    (
        "[targets.ci]\nkind = 'github'\nrepository = 'acme/shop'\nscope = 'environment'\nenvironment = '{environment'",
        "targets.ci.environment: the template has a `{` that is never closed",
    ),
    (
        "[targets.ci]\nkind = 'github'\nrepository = 'acme/{name}'",
        "targets.ci.repository: the template has the unknown placeholder `{name}`",
    ),
    // Two targets at one place.
    (
        "[targets.ci]\nkind = 'fly'\napp = 'shop-production'\nenvironments = ['production']",
        "targets.web: is the same place as the target `ci` in `production`: fly:shop-production",
    ),
    (
        "[targets.ci]\nkind = 'github'\nrepository = 'acme/shop'\nenvironments = ['staging']\n\
         [targets.old]\nkind = 'github'\nrepository = 'Acme/Shop'",
        "targets.old: is the same place as the target `ci` in `staging`: github:Acme/Shop",
    ),
    // Organizations, and stores that are not everywhere.
    (
        "[targets.ci]\nkind = 'github'\nscope = 'organization'",
        "targets.ci: a `github` target needs the key `organization`",
    ),
    (
        "[targets.ci]\nkind = 'github'\nscope = 'organization'\norganization = 'acme/shop'",
        "targets.ci.organization: an organization is written by its name alone, without `/`",
    ),
    (
        "[targets.ci]\nkind = 'github'\nscope = 'organization'\norganization = 'acme'\nrepository = 'acme/shop'",
        "targets.ci.repository: `repository` does not belong to a `github` target: \
         those that may use its secrets stand in `repositories`",
    ),
    (
        "[targets.ci]\nkind = 'github'\nrepository = 'acme/shop'\nvisibility = 'all'",
        "targets.ci.visibility: `visibility` does not belong to a `github` target: \
         it needs `scope = \"organization\"`",
    ),
    (
        "[targets.ci]\nkind = 'github'\nscope = 'organization'\norganization = 'acme'\nvisibility = 'selected'",
        "targets.ci: a `github` target needs the key `repositories`",
    ),
    (
        "[targets.ci]\nkind = 'github'\nscope = 'organization'\norganization = 'acme'\nvisibility = 'all'\n\
         repositories = ['acme/shop']",
        "targets.ci.repositories: `repositories` does not belong to a `github` target: \
         it needs `visibility = \"selected\"`",
    ),
    (
        "[targets.ci]\nkind = 'github'\nscope = 'organization'\norganization = 'acme'\nrepositories = ['acme/a', 'shop']",
        "targets.ci.repositories[1]: a repository is written `owner/name`",
    ),
    (
        "[targets.ci]\nkind = 'github'\nscope = 'organization'\norganization = 'acme'\nrepositories = ['other/shop']",
        "targets.ci.repositories[0]: `acme` can share with its own repositories alone: `acme/NAME`",
    ),
    (
        "[targets.ci]\nkind = 'github'\nrepository = 'acme/shop'\nscope = 'environment'\n\
         environment = '{environment}'\nstore = 'dependabot'",
        "targets.ci.store: the store `dependabot` is of repositories and organizations; \
         an environment has `actions` and `variables`",
    ),
    (
        "[targets.ci]\nkind = 'github'\nrepository = 'acme/shop'\nscope = 'environment'\n\
         environment = '{environment}'\nstore = 'codespaces'",
        "targets.ci.store: the store `codespaces` is of repositories and organizations; \
         an environment has `actions` and `variables`",
    ),
    (
        "[targets.ci]\nkind = 'github'\nscope = 'organization'\norganization = 'acme'\nenvironments = ['staging']\n\
         [targets.old]\nkind = 'github'\nscope = 'organization'\norganization = 'ACME'",
        "targets.old: is the same place as the target `ci` in `staging`: github:ACME",
    ),
    // Probes: nothing of a value in an address, no other host than the one that is written, no answer without a meaning.
    ("[secrets.A]\nprobe = {}", "secrets.A.probe: a probe asks by a `url`, or by a `command`, and not by both"),
    (
        "[secrets.A]\nprobe = { url = 'https://x.example', headers = { a = '{value}' }, command = ['./p'] }",
        "secrets.A.probe: a probe asks by a `url`, or by a `command`, and not by both",
    ),
    (
        "[secrets.A]\nprobe = { command = ['./p'], dead = [401] }",
        "secrets.A.probe.dead: `dead` belongs to a probe with a `url`",
    ),
    (
        "[secrets.A]\nprobe = { command = [] }",
        "secrets.A.probe.command: `command` is a program and its arguments: `[\"./probe\"]`",
    ),
    (
        "[secrets.A]\nprobe = { url = 'https://x.example/?token={value}', headers = { a = '{value}' } }",
        "secrets.A.probe.url: `{value}` never stands in `url`, which servers and proxies write down; \
         put it into a header or the `body`",
    ),
    (
        "[secrets.A]\nprobe = { url = 'https://x.example/{A}', headers = { a = '{value}' } }",
        "secrets.A.probe.url: `{value}` never stands in `url`, which servers and proxies write down; \
         put it into a header or the `body`",
    ),
    ("[secrets.A]\nprobe = { url = 'http://x.example', headers = { a = '{value}' } }", BAD_ADDRESS),
    ("[secrets.A]\nprobe = { url = 'https://', headers = { a = '{value}' } }", BAD_ADDRESS),
    ("[secrets.A]\nprobe = { url = 'https:///x', headers = { a = '{value}' } }", BAD_ADDRESS),
    ("[secrets.A]\nprobe = { url = 'https://good.example@x.example', headers = { a = '{value}' } }", BAD_ADDRESS),
    ("[secrets.A]\nprobe = { url = '', headers = { a = '{value}' } }", BAD_ADDRESS),
    ("[secrets.A]\nprobe = { url = 'https://{BASE}/x', headers = { a = '{value}' } }", SECRET_IN_ADDRESS),
    ("[secrets.A]\nprobe = { url = '{BASE}.evil.example/x', headers = { a = '{value}' } }", SECRET_IN_ADDRESS),
    ("[secrets.A]\nprobe = { url = '{BASE}/x/{OTHER}', headers = { a = '{value}' } }", SECRET_IN_ADDRESS),
    (
        "[secrets.A]\nprobe = { url = 'https://x.example', headers = { a = '{vaule}' } }",
        "secrets.A.probe.url: `{value}` stands in no header and not in the `body`, \
         so that every value would get the same answer",
    ),
    (
        "[secrets.A]\nprobe = { url = 'https://x.example', headers = { a = '{value}', b = '{A}' } }",
        "secrets.A.probe.headers.b: the value in question is written `{value}`; by its name it is the one in the vault",
    ),
    (
        "[secrets.A]\nprobe = { url = 'https://x.example', headers = { 'a b' = '{value}' } }",
        "secrets.A.probe.headers.a b: that is no name of a header",
    ),
    (
        "[secrets.A]\nprobe = { url = 'https://x.example', headers = { a = '{value}', Host = 'y.example' } }",
        "secrets.A.probe.headers.Host: this header is not for a probe to set: \
         it says where a request goes, or how it is sent",
    ),
    (
        "[secrets.A]\nprobe = { url = 'https://x.example', headers = { a = \"{value}\\nb: c\" } }",
        "secrets.A.probe.headers.a: a header is one line of ASCII",
    ),
    (
        "[secrets.A]\nprobe = { url = 'https://x.example', body = '{value}' }",
        "secrets.A.probe.body: a `body` is sent by `method = \"POST\"` alone",
    ),
    (
        "[secrets.A]\nprobe = { url = 'https://x.example', headers = { a = '{value}' }, dead = [200] }",
        "secrets.A.probe.dead[0]: `200` stands in `alive` and in `dead`",
    ),
    (
        "[secrets.A]\nprobe = { url = 'https://x.example', headers = { a = '{value}' }, alive = [404] }",
        "secrets.A.probe.alive[0]: `404` says nothing of a value: it is the answer of an address where nothing is",
    ),
    (
        "[secrets.A]\nprobe = { url = 'https://x.example', headers = { a = '{value}' }, dead = [401, 500] }",
        "secrets.A.probe.dead[1]: `500` says nothing of a value: it is the answer of a service that is broken",
    ),
    (
        "[secrets.A]\nprobe = { url = 'https://x.example', headers = { a = '{value}' }, dead = [429] }",
        "secrets.A.probe.dead[0]: `429` says nothing of a value: it is the answer of a service that is busy",
    ),
    (
        "[secrets.A]\nprobe = { url = 'https://x.example', headers = { a = '{value}' }, dead = [40] }",
        "secrets.A.probe.dead[0]: `40` is no status of an answer; those are 200 to 499",
    ),
    (
        "[secrets.A]\nprobe = { url = 'https://x.example', headers = { a = '{value}' }, alive = [] }",
        "secrets.A.probe.alive: without any status, no answer would say that a value is alive",
    ),
    // Ignore rules.
    ("[[ignore]]\nname = 'A'\nreason = ' '", "ignore[0].reason: an ignore rule needs a reason"),
    // Who is told, and how often there is something to tell.
    (
        "[audit]\nevery = 'weekly'",
        "audit.every: `every` is a number of days, weeks, months or years: `7d`, `2w`, `1m`; ten years at most",
    ),
    (
        "[notify]\non = 'drift'",
        "notify: `[notify]` names nobody to tell: it needs a `[[notify.webhook]]`, `[notify.mail]` or `[notify.issue]`",
    ),
    ("[[notify.webhook]]\nurl = 'http://hooks.example.com/x'", NO_WEBHOOK),
    ("[[notify.webhook]]\nurl = 'AUDIT_WEBHOOK'", NO_WEBHOOK),
    ("[[notify.webhook]]\nurl = 'env:A B'", NO_WEBHOOK),
    (
        "[notify.mail]\nsmtp = 'smtps://me:canary@mail.example.com'\nfrom = 'a@b'\nto = ['c@d']",
        "notify.mail.smtp: a mail server is `smtps://HOST` or `smtp://HOST`, with a port if need be, and without a name \
         or password",
    ),
    (
        "[notify.mail]\nsmtp = 'smtps://m'\nfrom = 'Ops <a@b>'\nto = ['c@d']",
        "notify.mail.from: a mail address is written `name@host`, and nothing else beside it",
    ),
    (
        "[notify.mail]\nsmtp = 'smtps://m'\nfrom = 'a@b'\nto = ['c@d', \"e@f\\nBcc: g@h\"]",
        "notify.mail.to[1]: a mail address is written `name@host`, and nothing else beside it",
    ),
    ("[notify.mail]\nsmtp = 'smtps://m'\nfrom = 'a@b'\nto = []", "notify.mail.to: `to` names nobody"),
    (
        "[notify.mail]\nsmtp = 'smtps://m'\nfrom = 'a@b'\nto = ['c@d']\nuser = 'me'",
        "notify.mail: `user` and `password` go together",
    ),
    (
        "[notify.mail]\nsmtp = 'smtps://m'\nfrom = 'a@b'\nto = ['c@d']\nuser = 'me'\npassword = 'canary'",
        "notify.mail.password: a password comes from `env:NAME` or `vault:NAME`",
    ),
    ("[notify.issue]\nrepository = 'shop'", "notify.issue.repository: a repository is written `owner/name`"),
    ("[notify.issue]\nrepository = 'acme/../x'", "notify.issue.repository: a repository is written `owner/name`"),
    (
        "[notify.issue]\nrepository = 'acme/shop'\ntoken = 'ghp_x'",
        "notify.issue.token: a token comes from `env:NAME` or `vault:NAME`",
    ),
    (
        "[secrets.A]\nfinish-after = 'soon'",
        "secrets.A.finish-after: `finish-after` is a number of hours, days or weeks: `24h`, `3d`, `2w`; a year at most",
    ),
    (
        "[secrets.A]\noverlap = true\n[secrets.A_PREVIOUS]",
        "secrets.A.overlap: in a rotation the old value is `A_PREVIOUS` at the places, and that is another secret here; \
         rename one of them",
    ),
    ("[secrets.A]\n[rotation]\ntogether = [['A']]", "rotation.together[0]: these change together: at least two names"),
    (
        "[secrets.A]\n[secrets.B]\n[rotation]\ntogether = [['A', 'BB']]",
        "rotation.together[0][1]: there is no secret `BB`; did you mean `B`?",
    ),
    (
        "[secrets.A]\n[secrets.B]\n[secrets.C]\n[rotation]\ntogether = [['A', 'B'], ['C', 'A']]",
        "rotation.together[1][1]: `A` stands twice; what changes together stands in one list",
    ),
    (
        "[[ignore]]\nname = 'A'\nreason = 'ours'\nuntil = 2027-03-31T12:00:00Z",
        "ignore[0].until: `until` is a date, such as 2027-03-31",
    ),
    (
        "[[ignore]]\nname = 'A'\nreason = 'ours'\nuntil = 12:00:00",
        "ignore[0].until: `until` is a date, such as 2027-03-31",
    ),
];

#[test]
fn each_fault_says_where_it_lies_and_what_it_is() {
    for (declaration, fault) in FAULTS {
        assert_eq!(faults(&format!("{HEAD}{declaration}")), [*fault], "{declaration}");
    }
}

#[test]
fn a_probe_is_the_secrets_own_or_that_of_its_kind_or_none() {
    let asks = |more: &str| {
        let project = project(&format!("[secrets.A]\n{more}"));
        project.probe(&SecretName::parse("A").expect("a name")).map(Probe::asks)
    };
    assert_eq!(asks(""), None);
    assert_eq!(asks("kind = 'token'"), None);
    assert_eq!(asks("kind = 'github-token'").as_deref(), Some("https://api.github.com/rate_limit"));
    assert_eq!(asks("kind = 'github-token'\nprobe = false"), None);
    assert_eq!(asks("kind = 'github-token'\nprobe = { command = ['./probe'] }").as_deref(), Some("./probe"));
    let own = "probe = { url = 'http://127.0.0.1:1/x', headers = { a = '{value}' } }";
    assert_eq!(asks(own).as_deref(), Some("http://127.0.0.1:1/x"));
}

#[test]
fn another_version_is_refused() {
    let fault = "version: version 2 is not one this undrift reads; it reads version 1";
    assert_eq!(faults("version = 2"), [fault]);
}

#[test]
fn every_fault_is_reported_at_once() {
    let text = r#"
        [targets.ci]
        kind = "github"
        repository = "acme"
        app = "shop"
        name = "FIXED"
        token = "ghp_0123"
        api-url = "http://example.com"
        environments = ["stagin"]
        [secrets.A]
        targets = ["webb"]
        environments = ["produktion"]
        [[ignore]]
        target = "c"
        name = "A"
        reason = ""
        until = 2027-03-31T12:00:00Z
    "#;
    assert_eq!(
        faults(&format!("{HEAD}{text}")),
        [
            "targets.ci.environments[0]: there is no environment `stagin`; did you mean `staging`?",
            "targets.ci.name: the template has no `{name}`, so that every secret would be called the same",
            "targets.ci.token: a token comes from `env:NAME` or `vault:NAME`",
            "targets.ci.api-url: an API is reached by `https://`; `http://` is for this machine's own addresses only",
            "targets.ci.app: `app` does not belong to a `github` target",
            "targets.ci.repository: a repository is written `owner/name`",
            "secrets.A.targets[0]: there is no target `webb`; did you mean `web`?",
            "secrets.A.environments[0]: there is no environment `produktion`; did you mean `production`?",
            "ignore[0].target: there is no target `c`; did you mean `ci`?",
            "ignore[0].reason: an ignore rule needs a reason",
            "ignore[0].until: `until` is a date, such as 2027-03-31",
        ]
    );
}

#[test]
fn a_repository_is_an_owner_and_a_name() {
    let fault_of = |repository: &str| {
        faults(&format!("{HEAD}[targets.ci]\nkind = 'github'\nrepository = '{repository}'\nenvironments = ['staging']"))
    };
    for good in ["acme/shop", "acme/shop-{environment}", "{environment}/shop"] {
        assert!(fault_of(good).is_empty(), "{good}");
    }
    for bad in ["shop", "acme/", "/shop", "acme//shop", "/acme/shop", "acme/shop/", "https://github.com/acme/shop"] {
        assert_eq!(fault_of(bad), ["targets.ci.repository: a repository is written `owner/name`"], "{bad}");
    }
}

#[test]
fn a_token_comes_from_a_variable_or_the_vault() {
    let token_of = |token: &str| {
        let project = check_text(&format!("{HEAD}token = '{token}'"))?;
        Ok::<_, Vec<Fault>>(project.targets["web"].token.clone())
    };
    let deploy = SecretName::parse("DEPLOY").expect("a name");
    assert_eq!(token_of("env:FLY_TOKEN"), Ok(Some(TokenSource::Variable("FLY_TOKEN".to_owned()))));
    assert_eq!(token_of("vault:DEPLOY"), Ok(Some(TokenSource::Vault(deploy))));
    for bad in ["", "env:", "vault:", "vault:a-b", "FLY_TOKEN", "file:token", "ENV:A"] {
        let path = vec!["targets".into(), "web".into(), "token".into()];
        assert_eq!(token_of(bad), Err(vec![Fault { path, kind: FaultKind::Token }]), "{bad}");
    }
}

#[test]
fn tokens_go_to_https_or_to_this_machine() {
    for good in [
        "https://api.example.com",
        "https://api.example.com:8443/v1",
        "http://localhost",
        "http://localhost:8080/v1",
        "http://127.0.0.1:8080",
        "http://127.8.9.10/?a=b",
        "http://[::1]",
        "http://[::1]:8080/v1#top",
    ] {
        assert!(is_safe_url(good), "{good}");
        let api_url = project(&format!("api-url = '{good}'")).targets["web"].api_url.clone();
        assert_eq!(api_url.as_deref(), Some(good));
    }
    for bad in [
        "",
        "https://",
        "api.example.com",
        "ftp://localhost",
        "file:///etc/passwd",
        "http://",
        "http://api.example.com",
        "http://10.0.0.1",
        "http://0.0.0.0",
        "http://localhost.evil.com",
        "http://127.0.0.1.evil.com",
        "http://evil.com/localhost",
        "http://evil.com#@localhost",
        "http://127.0.0.1@evil.com",
        "http://127.0.0.1:80@evil.com",
        "http://localhost:pass@evil.com/",
        "http://localhost\\@evil.com",
        "http://localhost\\.evil.com",
        "http://localhost:80.evil.com",
        "http://[::1].evil.com",
        "http://[::1]evil.com",
        "http://[::1",
        "http://[2001:db8::1]",
        "http:///localhost",
        "http:localhost",
    ] {
        assert!(!is_safe_url(bad), "{bad}");
        let fault = "targets.web.api-url: an API is reached by `https://`; \
                     `http://` is for this machine's own addresses only";
        assert_eq!(faults(&format!("{HEAD}api-url = '{bad}'")), [fault], "{bad}");
    }
}

#[test]
fn places_are_those_of_the_environment() {
    let project = project(
        r#"
        [targets.ci]
        kind = "github"
        repository = "acme/shop"
        environments = ["staging"]
        [targets.deploy]
        kind = "github"
        repository = "acme/{environment}"
        scope = "environment"
        environment = "{ENVIRONMENT}"
    "#,
    );
    let places = |name: &str| {
        let places = project.places(&environment(name));
        places.iter().map(|place| format!("{} {}", place.target, place.location)).collect::<Vec<_>>()
    };
    assert_eq!(
        places("staging"),
        ["ci github:acme/shop", "deploy github:acme/staging@STAGING", "web fly:shop-staging"]
    );
    assert_eq!(places("production"), ["deploy github:acme/production@PRODUCTION", "web fly:shop-production"]);
    assert!(project.environments["production"].protected && !project.environments["staging"].protected);
}

#[test]
fn a_secret_is_called_by_its_own_name_or_by_the_template() {
    let project = project(
        r#"
        [targets.ci]
        kind = "github"
        repository = "acme/shop"
        name = "{ENVIRONMENT}_{name}"
        [secrets.everywhere]
        [secrets.NAMED]
        targets = ["web", { target = "ci", name = "own_Name" }]
        environments = ["production"]
        [secrets.PLAIN]
        targets = ["ci"]
    "#,
    );
    // Fly keeps names as they are written, GitHub lists them in upper case.
    assert_eq!(
        pushed(&project, "production", "web"),
        ["NAMED -> fly:shop-production NAMED", "everywhere -> fly:shop-production everywhere"]
    );
    assert_eq!(
        pushed(&project, "production", "ci"),
        [
            "NAMED -> github:acme/shop OWN_NAME",
            "PLAIN -> github:acme/shop PRODUCTION_PLAIN",
            "everywhere -> github:acme/shop PRODUCTION_EVERYWHERE",
        ]
    );
}

#[test]
fn a_secret_is_pushed_in_its_own_environments_alone() {
    let project = project("[secrets.A]\nenvironments = ['staging']\n[secrets.B]\n[secrets.C]\ntargets = []");
    assert_eq!(pushed(&project, "staging", "web"), ["A -> fly:shop-staging A", "B -> fly:shop-staging B"]);
    assert_eq!(pushed(&project, "production", "web"), ["B -> fly:shop-production B"]);
    let expects = |name: &str, environment_name: &str| {
        project.expects(&SecretName::parse(name).expect("a name"), &environment(environment_name))
    };
    assert!(expects("A", "staging") && expects("C", "production"));
    assert!(!expects("A", "production") && !expects("D", "staging"));
}

#[test]
fn an_ignore_rule_covers_one_name_until_its_last_day() {
    let project = project(
        "[[ignore]]\ntarget = 'web'\nname = 'A'\nreason = 'ours'\nuntil = 2027-03-31\n\
         [[ignore]]\nname = 'B'\nreason = 'theirs'",
    );
    let [dated, everywhere] = project.ignores.as_slice() else { panic!("two rules are declared") };
    let covers = |rule: &IgnoreRule, target: &str, name: &str, (month, day): (i8, i8)| {
        let location = match target {
            "ci" => Location::Github {
                store: GithubStore::Actions,
                holder: GithubHolder::Repository { repository: "acme/shop".to_owned() },
            },
            _ => Location::FlyApp { app: "shop".to_owned() },
        };
        let place = Place {
            environment: EnvironmentName::parse("staging").expect("a name"),
            target: TargetName::parse(target).expect("a name"),
            location,
        };
        rule.covers(&place, &RemoteName::new(name), Date::new(2027, month, day).expect("a date"))
    };
    assert!(covers(dated, "web", "A", (1, 1)));
    assert!(covers(dated, "web", "A", (3, 31)), "the last day is one of them");
    assert!(!covers(dated, "web", "A", (4, 1)));
    assert!(!covers(dated, "ci", "A", (1, 1)));
    assert!(!covers(dated, "web", "B", (1, 1)));
    assert!(!covers(dated, "web", "a", (1, 1)));
    assert!(covers(everywhere, "ci", "B", (12, 31)));
    let lower = IgnoreRule { name: "b".to_owned(), ..everywhere.clone() };
    assert!(covers(&lower, "ci", "B", (12, 31)), "GitHub lists names in upper case however they are written");
}

#[test]
fn an_organizations_secrets_are_for_nobody_else_unless_it_is_written() {
    let access = |keys: &str| {
        let text = format!("[targets.ci]\nkind = 'github'\nscope = 'organization'\norganization = 'acme'\n{keys}");
        project(&text).targets["ci"].spec.access(&environment("staging"))
    };
    let selected = |names: &[&str]| DeclaredAccess::Selected(names.iter().map(|name| (*name).to_owned()).collect());
    for (keys, expected) in [
        ("", DeclaredAccess::Private),
        ("visibility = 'private'", DeclaredAccess::Private),
        ("visibility = 'all'", DeclaredAccess::All),
        ("repositories = ['acme/a', 'Acme/{environment}']", selected(&["acme/a", "Acme/staging"])),
        ("visibility = 'selected'\nrepositories = []", selected(&[])),
    ] {
        assert_eq!(access(keys), Some(expected), "{keys}");
    }
    assert_eq!(project("").targets["web"].spec.access(&environment("staging")), None);
}

#[test]
fn a_secret_is_published_only_where_that_is_written_down() {
    let project = project(
        r#"
        [targets.vars]
        kind = "github"
        repository = "acme/shop"
        store = "variables"
        name = "{ENVIRONMENT}_{name}"
        [secrets.TOKEN]
        [secrets.REGION]
        targets = ["web", "vars"]
    "#,
    );
    assert_eq!(pushed(&project, "staging", "vars"), ["REGION -> github-variables:acme/shop STAGING_REGION"]);
    assert_eq!(pushed(&project, "staging", "web").len(), 2);
}

#[test]
fn stores_are_places_of_their_own() {
    let project = project(
        r#"
        [targets.actions]
        kind = "github"
        repository = "acme/shop"
        [targets.dependabot]
        kind = "github"
        repository = "acme/shop"
        store = "dependabot"
        [targets.org-codespaces]
        kind = "github"
        scope = "organization"
        organization = "{environment}-org"
        store = "codespaces"
        [targets.vars]
        kind = "github"
        repository = "acme/shop"
        scope = "environment"
        environment = "{environment}"
        store = "variables"
    "#,
    );
    let places = project.places(&environment("staging"));
    let shown: Vec<String> = places.iter().map(|place| place.location.to_string()).collect();
    assert_eq!(
        shown,
        [
            "github:acme/shop",
            "github-dependabot:acme/shop",
            "github-codespaces:staging-org",
            "github-variables:acme/shop@staging",
            "fly:shop-staging",
        ]
    );
}

#[test]
fn two_environments_do_not_share_a_name_at_a_place() {
    let text = "[targets.all]\nkind = 'github'\nrepository = 'acme/all'\n[secrets.A]";
    let found = faults(&format!("{HEAD}{text}"));
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with("targets.all: `staging` and `production` would both write `A` at github:acme/all"));
    for apart in ["name = '{ENVIRONMENT}_{name}'", "environments = ['staging']"] {
        let text = format!("{HEAD}[targets.all]\nkind = 'github'\nrepository = 'acme/all'\n{apart}\n[secrets.A]");
        assert_eq!(faults(&text), Vec::<String>::new(), "{apart}");
    }
}

#[test]
fn what_opens_a_target_is_pushed_nowhere_unless_it_is_written_down() {
    let bound = |secret: &str| {
        let text = format!(
            "version = 1\n[environments.staging]\n[targets.web]\nkind = 'fly'\napp = 'shop'\ntoken = 'vault:DEPLOY'\n{secret}"
        );
        let project = check_text(&text).expect("a project");
        let staging = EnvironmentName::parse("staging").expect("a name");
        project.bindings(&project.places(&staging)[0]).len()
    };
    assert_eq!(bound("[secrets.DEPLOY]"), 0);
    assert_eq!(bound("[secrets.DEPLOY]\ntargets = ['web']"), 1);
}

#[test]
fn what_tells_of_audits_is_pushed_nowhere_unless_that_is_written() {
    let project = project(
        "[secrets.A]\n[secrets.AUDIT_WEBHOOK]\n[secrets.PASSWORD]\n[secrets.ISSUES]\n[notify]\n\
         [[notify.webhook]]\nurl = 'vault:AUDIT_WEBHOOK'\n[notify.issue]\nrepository = 'acme/shop'\ntoken = 'vault:ISSUES'\n\
         [notify.mail]\nsmtp = 'smtps://m'\nfrom = 'a@b'\nto = ['c@d']\nuser = 'me'\npassword = 'vault:PASSWORD'",
    );
    assert_eq!(pushed(&project, "staging", "web"), ["A -> fly:shop-staging A"]);
    let notify = project.notify.expect("rules");
    assert_eq!((notify.on, notify.sources().count()), (vault_schema::project::NotifyOn::Change, 3));
}

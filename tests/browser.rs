//! The page in a real browser: it shows, filters and opens what is known, asks for nothing, and holds no value.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::tools;
use crate::world::{World, repository, twins};

/// A headless Chromium, driven over the protocol of `chromedriver` on loopback.
struct Browser {
    driver: Child,
    address: String,
    session: String,
    /// Its profile and everything else that it writes.
    folder: TempDir,
}

impl Browser {
    /// Starts one, or says that it is not here.
    fn start(check: &str) -> Option<Self> {
        if !tools::has("chromedriver", check) || !tools::has("chromium", check) {
            return None;
        }
        let folder = TempDir::new().unwrap();
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            .env("HOME", folder.path())
            .env("TMPDIR", folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines();
        let port = lines.find_map(|line| {
            let line = line.unwrap();
            line.split_once("successfully on port ")
                .and_then(|(_, port)| port.trim_end_matches('.').parse::<u16>().ok())
        });
        let mut browser =
            Self { driver, address: format!("127.0.0.1:{}", port.expect("a port")), session: String::new(), folder };
        let profile = browser.folder.path().join("profile");
        let arguments = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            &format!("--user-data-dir={}", profile.display()),
        ];
        let capabilities = json!({ "capabilities": { "alwaysMatch": {
            "goog:chromeOptions": { "args": arguments, "binary": "/usr/bin/chromium" },
            "goog:loggingPrefs": { "browser": "ALL", "performance": "ALL" },
        }}});
        let opened = browser.send("POST", "/session", &capabilities);
        opened["sessionId"].as_str().expect("a session").clone_into(&mut browser.session);
        // What it shows of its own accord at first is no page of ours.
        browser.command("/url", &json!({ "url": "about:blank" }));
        browser.noticed();
        Some(browser)
    }

    /// Sends one command and returns the value of the answer.
    #[track_caller]
    fn send(&self, method: &str, path: &str, body: &Value) -> Value {
        let answer = self.try_to_send(method, path, body).unwrap();
        assert!(answer["value"]["error"].is_null(), "{path}: {answer}");
        answer["value"].clone()
    }

    fn try_to_send(&self, method: &str, path: &str, body: &Value) -> io::Result<Value> {
        let body = if method == "POST" { body.to_string() } else { String::new() };
        let mut stream = TcpStream::connect(&self.address)?;
        stream.set_read_timeout(Some(Duration::from_secs(60)))?;
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
            self.address,
            body.len()
        )?;
        // It leaves the connection open, so that only the header tells where the answer ends.
        let mut answer = BufReader::new(stream);
        let mut length = 0;
        loop {
            let mut line = String::new();
            answer.read_line(&mut line)?;
            let line = line.trim_end().to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            if let Some(text) = line.strip_prefix("content-length:") {
                length = text.trim().parse().map_err(io::Error::other)?;
            }
        }
        let mut body = vec![0; length];
        answer.read_exact(&mut body)?;
        Ok(serde_json::from_slice(&body)?)
    }

    fn command(&self, path: &str, body: &Value) -> Value {
        self.send("POST", &format!("/session/{}{path}", self.session), body)
    }

    fn open(&self, file: &Path) {
        self.command("/url", &json!({ "url": format!("file://{}", file.display()) }));
    }

    /// Runs a script in the page and returns what it returns.
    fn run(&self, script: &str) -> Value {
        self.command("/execute/sync", &json!({ "script": script, "args": [] }))
    }

    /// Returns what was written to the console, and every address that the page asked for.
    fn noticed(&self) -> (Vec<Value>, Vec<String>) {
        let console = self.command("/se/log", &json!({ "type": "browser" }));
        let events = self.command("/se/log", &json!({ "type": "performance" }));
        let asked = events.as_array().unwrap().iter().filter_map(|event| {
            let event: Value = serde_json::from_str(event["message"].as_str()?).ok()?;
            let message = &event["message"];
            (message["method"] == "Network.requestWillBeSent")
                .then(|| message["params"]["request"]["url"].as_str().unwrap_or_default().to_owned())
        });
        (console.as_array().unwrap().clone(), asked.collect())
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The browser ends with its session, also after a test that failed.
        if !self.session.is_empty() {
            let _ = self.try_to_send("DELETE", &format!("/session/{}", self.session), &Value::Null);
        }
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

const CANARY: &str = "canary-of-the-page-4711";

/// Returns how many elements of a kind are to be seen.
fn visible(browser: &Browser, selector: &str) -> u64 {
    let script = format!(
        "return [...document.querySelectorAll('{selector}')].filter((it) => \
         it.checkVisibility({{ visibilityProperty: true }})).length"
    );
    browser.run(&script).as_u64().unwrap()
}

fn choose(browser: &Browser, control: &str, value: &str) {
    browser.run(&format!(
        "const it = document.getElementById('{control}'); it.value = '{value}'; \
         it.dispatchEvent(new Event('input', {{ bubbles: true }}))"
    ));
}

#[test]
fn the_page_shows_filters_and_asks_for_nothing() {
    let Some(browser) = Browser::start("the page in a browser") else { return };
    let (fly, github) = twins();
    let world = World::with_twins(&fly, &github);
    world.shop();
    world.set("API_TOKEN", CANARY);
    let _ = world.run(&["push", "-e", "staging", "--yes"]).status(0);
    world.set("SMTP_PASSWORD", &format!("{CANARY}-again"));
    github.set(&repository(), "CODECOV_TOKEN", CANARY);
    fly.set("shop-production", "LEGACY", CANARY);
    let _ = world.run(&["audit", "--write", "html=audit.html"]).status(1);
    let page = world.read("audit.html");
    assert!(!page.contains(CANARY));
    assert!(!page.contains(&fly.digest_of(CANARY)));

    let file = world.path("audit.html");
    browser.open(&file);
    assert_eq!(browser.run("return document.title"), "undrift audit: drift");
    assert_eq!(visible(&browser, ".matrix button"), 6);
    assert_eq!(visible(&browser, "#filters"), 1);
    assert_eq!(browser.run("return document.getElementById('shown').textContent"), "6 of 6 shown");

    choose(&browser, "by-environment", "production");
    assert_eq!(visible(&browser, ".matrix button"), 1);
    choose(&browser, "by-environment", "");
    choose(&browser, "by-target", "ci");
    assert_eq!(visible(&browser, ".matrix button"), 3);
    choose(&browser, "by-target", "");
    choose(&browser, "by-verdict", "behind");
    assert_eq!(visible(&browser, ".matrix button"), 1);
    assert_eq!(visible(&browser, "[aria-labelledby=attention] li"), 1);
    choose(&browser, "by-verdict", "open");
    assert_eq!(visible(&browser, ".matrix button"), 3);
    choose(&browser, "by-verdict", "");
    choose(&browser, "by-name", "SHOP_tok");
    assert_eq!(visible(&browser, ".matrix button"), 2, "a name there finds its row");
    choose(&browser, "by-name", "");

    // By the keyboard alone: into the matrix, to the next cell, into it, and out again.
    assert_eq!(browser.run("return document.querySelectorAll('.matrix button[tabindex=\"0\"]').length"), 2);
    browser.run("document.querySelector('section[data-e=staging] button[tabindex=\"0\"]').focus()");
    let key = |key: &str| {
        browser.run(&format!(
            "document.activeElement.dispatchEvent(new KeyboardEvent('keydown', {{ key: '{key}', bubbles: true }}))"
        ));
    };
    key("ArrowDown");
    browser.run("document.activeElement.click()");
    assert_eq!(visible(&browser, "#details"), 1);
    let details = browser.run("return document.getElementById('details').innerText");
    let details = details.as_str().unwrap();
    for expected in ["at github:acme/shop", "in sync", "the receipt of our last write"] {
        assert!(details.contains(expected), "{expected}: {details}");
    }
    browser.run("document.querySelector('#details button').click()");
    assert_eq!(visible(&browser, "#details"), 0);

    // A script that somebody has smuggled in does not run.
    browser.run(
        "const it = document.createElement('script'); it.textContent = 'window.smuggled = true'; document.body.append(it)",
    );
    assert_eq!(browser.run("return window.smuggled === true"), false);
    let (console, asked) = browser.noticed();
    let refused = |line: &Value| line["message"].as_str().is_some_and(|it| it.contains("Content Security Policy"));
    assert_eq!(console.iter().filter(|line| !refused(line)).collect::<Vec<_>>(), Vec::<&Value>::new());
    assert_eq!(console.len(), 1, "only what was smuggled in is refused: {console:?}");
    let elsewhere: Vec<_> = asked.iter().filter(|url| **url != format!("file://{}", file.display())).collect();
    assert!(elsewhere.is_empty() && !asked.is_empty(), "{asked:?}");
}

#[test]
fn every_control_has_a_name_and_narrow_screens_scroll_down_alone() {
    let Some(browser) = Browser::start("the page on narrow screens") else { return };
    let (fly, github) = twins();
    let world = World::with_twins(&fly, &github);
    world.shop();
    let _ = world.run(&["audit", "--write", "html=audit.html"]).status(1);
    browser.open(&world.path("audit.html"));
    for (width, height) in [(400, 800), (1600, 1000)] {
        let metrics = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        let body = json!({ "cmd": "Emulation.setDeviceMetricsOverride", "params": metrics });
        browser.command("/goog/cdp/execute", &body);
        let wider = browser.run("return document.documentElement.scrollWidth > innerWidth");
        assert_eq!(wider, false, "wider than {width}");
    }
    let tree = browser.command("/goog/cdp/execute", &json!({ "cmd": "Accessibility.getFullAXTree", "params": {} }));
    let nodes = tree["nodes"].as_array().unwrap();
    let role = |node: &Value| node["role"]["value"].as_str().unwrap_or_default().to_owned();
    let controls: Vec<_> = nodes
        .iter()
        .filter(|node| ["button", "combobox", "searchbox", "region", "table"].contains(&role(node).as_str()))
        .collect();
    assert!(controls.len() > 8);
    for node in controls.iter().filter(|node| role(node) != "table") {
        assert!(node["name"]["value"].as_str().is_some_and(|name| !name.is_empty()), "{node}");
    }
}

#[test]
fn ten_thousand_rows_open_and_filter() {
    let Some(browser) = Browser::start("a page of ten thousand rows") else { return };
    let (fly, github) = twins();
    let world = World::with_twins(&fly, &github);
    world.shop();
    let json = world.run(&["audit", "-e", "staging", "--format", "json"]).status(1).output;
    let mut report: vault_schema::audit::Report = serde_json::from_str(&json).unwrap();
    let entry = report.entries[0].clone();
    report.entries = (0..10_000)
        .map(|index| {
            let (target, secret) = (format!("target-{}", index / 50), format!("SECRET_{}", index % 50));
            let place = format!("fly:shop-{target}");
            let detail = format!("what is known of row {index}");
            vault_schema::audit::Entry {
                target,
                place,
                detail,
                remote_name: secret.clone(),
                secret: Some(secret),
                ..entry.clone()
            }
        })
        .collect();
    world.write("many.html", undrift::report::html::audit(&report, &[]));
    browser.open(&world.path("many.html"));
    assert_eq!(browser.run("return document.getElementById('shown').textContent"), "10000 of 10000 shown");
    choose(&browser, "by-name", "target-17");
    assert_eq!(browser.run("return document.getElementById('shown').textContent"), "550 of 10000 shown");
    choose(&browser, "by-name", "");
    choose(&browser, "by-target", "target-171");
    assert_eq!(visible(&browser, ".matrix button"), 50);
    browser.run("document.querySelector('tr:not([hidden]) button:not(.off)').click()");
    let details = browser.run("return document.getElementById('details').innerText");
    let details = details.as_str().unwrap();
    assert!(details.contains("what is known of row 8550") && details.contains("fly:shop-target-171"), "{details}");
    browser.run("document.querySelector('#details button').click()");
    // What was filtered away is there again.
    choose(&browser, "by-target", "");
    assert_eq!(browser.run("return document.getElementById('shown').textContent"), "10000 of 10000 shown");
    assert_eq!(browser.run("return document.querySelectorAll('.matrix td[hidden], .matrix .off').length"), 0);
    assert_eq!(browser.noticed().0, Vec::<Value>::new());
}

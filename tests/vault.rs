//! The vault as it may be found: written by other tools, damaged, for others, far too large.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use age::secrecy::ExposeSecret;
use insta::assert_snapshot;
use undrift::vault::layout::Layout;
use undrift::vault::lock;

use crate::tools;
use crate::world::World;

/// A vault with one good file, and declarations for what is in it.
fn world() -> World {
    let world = World::new();
    let _ = world.run(&["init", "staging"]).status(0);
    let _ = world.run_with(&["set", "GOOD", "-e", "staging"], "value").status(0);
    world
}

/// Seals a plaintext for the world's own recipients, as any age program would.
fn seal(world: &World, path: &str, plaintext: &[u8], armored: bool) {
    let text = world.read("vault/staging/recipients.txt");
    let key = text.lines().find(|line| line.starts_with("age1")).unwrap();
    let recipient: age::x25519::Recipient = key.parse().unwrap();
    let encryptor = age::Encryptor::with_recipients(std::iter::once(&recipient as &dyn age::Recipient)).unwrap();
    let format = if armored { age::armor::Format::AsciiArmor } else { age::armor::Format::Binary };
    let armor = age::armor::ArmoredWriter::wrap_output(Vec::new(), format).unwrap();
    let mut writer = encryptor.wrap_output(armor).unwrap();
    writer.write_all(plaintext).unwrap();
    world.write(path, writer.finish().and_then(age::armor::ArmoredWriter::finish).unwrap());
}

#[test]
fn every_broken_file_is_named_and_hides_no_other() {
    let world = world();
    world.by_hand("staging");
    let good = std::fs::read(world.path("vault/staging/secrets.toml.age")).unwrap();
    world.write("vault/staging/cut.toml.age", &good[..good.len() / 2]);
    world.write("vault/staging/empty.toml.age", "");
    world.write("vault/staging/garbage.toml.age", b"\x00\xff garbage canary-4711");
    world.write("vault/staging/plain.env.age", "CANARY=canary-4711\n");
    seal(&world, "vault/staging/syntax.toml.age", b"A = \"1\"\nB = \"canary-4711\nC = \"2\"\n", true);
    seal(&world, "vault/staging/twice.toml.age", b"GOOD = \"other\"\nD = \"1\"\n", true);
    seal(&world, "vault/staging/types.toml.age", b"PORT = 8080\n\"B-C\" = \"x\"\n", true);
    seal(&world, "vault/staging/quote.env.age", b"E=1\nF='canary-4711\nG=2\n", true);
    seal(&world, "vault/staging/latin.toml.age", b"H = \"\xe9\"\n", true);
    let other = age::x25519::Identity::generate();
    let sealed = age::encrypt_and_armor(&other.to_public(), b"X = \"1\"").unwrap();
    world.write("vault/staging/theirs.toml.age", sealed);
    let audit = world.run(&["audit"]).status(2);
    assert!(!audit.transcript().contains("canary"), "{}", audit.transcript());
    assert_snapshot!("broken_files", audit.transcript());
    let json = world.run(&["audit", "--format", "json"]).status(2).json();
    assert_eq!(json["complete"], false);
    assert_snapshot!("broken_files_list", world.run(&["list"]).status(2).transcript());
}

#[test]
fn a_file_far_too_large_is_refused_unread() {
    let world = world();
    File::create(world.path("vault/staging/large.toml.age")).unwrap().set_len(100 * 1024 * 1024).unwrap();
    let audit = world.run(&["audit"]).status(2);
    assert!(audit.output.contains("vault/staging/large.toml.age: is larger than 16777216 bytes"), "{}", audit.output);
}

#[test]
fn a_wrong_identity_names_file_environment_and_those_who_can() {
    let mut world = world();
    let other = age::x25519::Identity::generate();
    let key = other.to_string();
    world.variables.insert("UNDRIFT_IDENTITY".to_owned(), key.expose_secret().into());
    assert_snapshot!("wrong_identity", world.run(&["audit"]).status(2).transcript());
}

#[test]
fn an_environment_for_others_is_left_out_unless_it_is_named() {
    let world = World::new();
    let _ = world.run(&["init"]).status(0);
    let _ = world.run_with(&["set", "A", "-e", "staging"], "1").status(0);
    let other = age::x25519::Identity::generate();
    world.write("vault/production/recipients.txt", format!("# carol\n{}\n", other.to_public()));
    std::fs::remove_file(world.path("vault/production/key.age")).unwrap();
    world.write("vault/production/a.toml.age", age::encrypt_and_armor(&other.to_public(), b"A = \"1\"").unwrap());
    let audit = world.run(&["audit"]).status(0);
    assert_eq!(
        audit.talk.lines().next(),
        Some(
            "note: left out: no identity opens the files of `production`, such as vault/production/a.toml.age; \
             its recipients are carol"
        )
    );
    assert_snapshot!("locked_named", world.run(&["audit", "-e", "production"]).status(2).transcript());
}

#[test]
fn several_recipients_ssh_keys_and_binary_files_read_alike() {
    let world = world();
    seal(&world, "vault/staging/binary.toml.age", b"BINARY = \"1\"\n", false);
    seal(&world, "vault/staging/dotenv.env.age", b"\xef\xbb\xbfexport DOT='a # b' # why\r\nMULTI=\"x\ny\"\r\n", true);
    world.seal();
    assert_eq!(world.value("staging", "BINARY"), "1");
    assert_eq!(world.value("staging", "DOT"), "a # b");
    assert_eq!(world.value("staging", "MULTI"), "x\ny");
}

#[test]
fn a_key_that_cannot_be_read_stops_every_write() {
    let (fly, github) = crate::world::twins();
    let world = World::with_twins(&fly, &github);
    world.shop();
    world.write("vault/staging/key.age", "garbage");
    assert_snapshot!("key_unreadable", world.run(&["push", "-e", "staging", "--yes"]).status(2).transcript());
    assert!(fly.values("shop-staging").is_empty());
    assert_eq!(world.read("vault/staging/key.age"), "garbage");
}

#[test]
fn a_value_on_which_readers_disagree_can_be_changed() {
    let world = world();
    seal(&world, "vault/staging/old.env.age", b"DOLLAR=pa$HOME\n", true);
    world.seal();
    let _ = world.run_with(&["set", "DOLLAR", "-e", "staging"], "pa$$word").status(0);
    assert_eq!(world.value("staging", "DOLLAR"), "pa$$word");
}

#[test]
fn what_was_said_of_an_old_value_is_not_said_of_the_new_one() {
    let world = world();
    let dated = b"[DATED]\nvalue = \"old\"\nrotated = 2026-01-01\nexpires = 2026-11-25\n";
    seal(&world, "vault/staging/dated.toml.age", dated, true);
    world.seal();
    let set = |value: &str| world.run_with(&["set", "DATED", "-e", "staging"], value).status(0).talk;
    assert!(!set("old").contains("note:"));
    assert!(set("new").contains("note: the old value would have expired on 2026-11-25"));
    assert!(!set("newer").contains("note:"));
    assert_eq!(world.value("staging", "DATED"), "newer");
}

#[test]
fn nothing_is_written_while_another_writes() {
    let world = world();
    world.write("plain/api_staging.env", "NEW=1\n");
    let before = std::fs::read(world.path("vault/staging/secrets.toml.age")).unwrap();
    let layout = Layout::at(&world.path(""));
    let held = lock::acquire(&layout, "bob", world.now).unwrap();
    let verbs = [&["set", "NEW", "-e", "staging"][..], &["import", "plain", "--yes"][..]];
    for verb in verbs {
        let refused = world.run_with(verb, "1").status(2);
        assert!(
            refused.talk.starts_with("error: another undrift is writing for this project: bob"),
            "{}",
            refused.talk
        );
    }
    assert_eq!(std::fs::read(world.path("vault/staging/secrets.toml.age")).unwrap(), before);
    assert_eq!(std::fs::read_dir(world.path("vault/staging")).unwrap().count(), 5);
    let _ = world.run(&["import", "plain", "--dry-run"]).status(0);
    drop(held);
    for verb in verbs {
        let _ = world.run_with(verb, "1").status(0);
    }
}

#[test]
fn a_new_name_waits_until_every_file_can_be_read() {
    let world = world();
    world.by_hand("staging");
    world.write("vault/staging/broken.toml.age", "not age");
    let refused = world.run_with(&["set", "NEW", "-e", "staging"], "x").status(2);
    assert_eq!(
        refused.talk.lines().next(),
        Some(
            "error: NEW may stand in a file that must be mended first: vault/staging/broken.toml.age: is not an age file"
        )
    );
    let _ = world.run_with(&["set", "GOOD", "-e", "staging"], "changed").status(0);
    assert_eq!(world.value("staging", "GOOD"), "changed");
}

#[test]
fn wrong_declarations_are_named_by_line() {
    let world = world();
    world.write("undrift.toml", "version = 1\n[environments.staging]\n[targets.web]\nkind = \"fly\"\nap = \"shop\"\n");
    assert_snapshot!("unknown_key", world.run(&["audit"]).status(2).transcript());
}

#[test]
fn the_real_age_reads_and_is_read() {
    const CHECK: &str = "interoperation with the real age";
    if !tools::has("age", CHECK) {
        return;
    }
    let world = world();
    let identity = world.home().join(".config/undrift/identity.txt");
    world.write("plain/api_staging.env", "IMPORTED=by undrift\n");
    let _ = world.run(&["import", "plain", "--yes"]).status(0);
    let age = |path: &Path| Command::new("age").args(["-d", "-i"]).arg(&identity).arg(path).output().unwrap();
    let sealed: Vec<_> = crate::world::files(&world.path("vault"))
        .into_keys()
        .filter(|path| path.extension().is_some_and(|e| e == "age"))
        .collect();
    assert_eq!(sealed.len(), 3);
    for path in &sealed {
        let opened = age(path);
        assert!(opened.status.success(), "{}: {}", path.display(), String::from_utf8_lossy(&opened.stderr));
    }
    assert_eq!(age(&world.path("vault/staging/secrets.toml.age")).stdout, b"GOOD = \"value\"\n");
    for (path, armor) in [("armored.toml.age", true), ("binary.toml.age", false)] {
        let name = path.split('.').next().unwrap().to_uppercase();
        age_encrypt(&world, &format!("vault/staging/{path}"), armor, &format!("{name} = \"by age\"\n"));
        world.seal();
        assert_eq!(world.value("staging", &name), "by age");
    }
    let audit = world.run(&["audit", "--format", "json"]).status(1).json();
    assert_eq!(audit["complete"], true);
}

#[test]
fn a_vault_written_by_the_real_age_alone_is_audited_and_pushed() {
    if !tools::has("age", "a vault written by the real age alone") {
        return;
    }
    let (fly, github) = crate::world::twins();
    let world = World::with_twins(&fly, &github);
    let identity = world.home().join(".config/undrift/identity.txt");
    std::fs::create_dir_all(identity.parent().unwrap()).unwrap();
    assert!(Command::new("age-keygen").arg("-o").arg(&identity).stderr(Stdio::null()).status().unwrap().success());
    let recipient = Command::new("age-keygen").arg("-y").arg(&identity).output().unwrap().stdout;
    world.write("vault/staging/recipients.txt", recipient);
    let plaintext = "API_TOKEN = \"1\"\nSMTP_PASSWORD = \"2\"\n\n[STRIPE_KEY]\nvalue = \"3\"\nrotated = 2026-11-01\n";
    age_encrypt(&world, "vault/staging/shop.toml.age", true, plaintext);
    world.write("undrift.toml", crate::world::SHOP);
    let _ = world.run(&["audit"]).status(1);
    let _ = world.run(&["push", "-e", "staging", "--yes"]).status(2);
    world.seal();
    let _ = world.run(&["push", "-e", "staging", "--yes"]).status(0);
    let _ = world.run(&["audit"]).status(0);
    assert_eq!(fly.values("shop-staging")["SMTP_PASSWORD"], "2");
}

fn age_encrypt(world: &World, path: &str, armor: bool, plaintext: &str) {
    let mut command = Command::new("age");
    command.arg("-R").arg(world.path("vault/staging/recipients.txt")).arg("-o").arg(world.path(path));
    if armor {
        command.arg("-a");
    }
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(plaintext.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
}

#[test]
fn an_ssh_key_opens_what_the_real_age_sealed_for_it() {
    const CHECK: &str = "ssh identities with the real age and ssh-keygen";
    if !tools::has("age", CHECK) || !tools::has("ssh-keygen", CHECK) {
        return;
    }
    let world = World::new();
    let key = world.home().join(".ssh/id_ed25519");
    std::fs::create_dir_all(key.parent().unwrap()).unwrap();
    let made = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-C", "alice@laptop", "-f"])
        .arg(&key)
        .status();
    assert!(made.unwrap().success());
    let init = world.run(&["init", "staging"]).status(0);
    assert!(init.talk.starts_with("uses the identity in [folder]/home/.ssh/id_ed25519\n"), "{}", init.talk);
    age_encrypt(&world, "vault/staging/a.toml.age", true, "A = \"1\"\n");
    world.seal();
    let list = world.run(&["list"]).status(1);
    assert!(list.output.contains("A       set, not declared"), "{}", list.output);
}

/// Deviations of the age crate from the published vectors, each known and none of our making.
const DEVIATIONS: [(&str, &str); 3] = [
    ("armor_whitespace_outside", "the crate refuses white space around the armor"),
    ("stanza_missing_body", "the crate accepts the body that early versions left out"),
    ("stanza_missing_final_line", "the crate accepts the last line that early versions left out"),
];

/// How many vectors agree, and how many are left out.
const VECTORS: (usize, usize) = (95, 45);

#[test]
fn the_published_age_vectors_hold() {
    let Some(folder) = tools::named_by("UNDRIFT_AGE_VECTORS", "the published age test vectors") else { return };
    let (mut agree, mut left_out, mut differ) = (0, 0, Vec::new());
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        match vector(&path) {
            Vector::LeftOut => left_out += 1,
            Vector::Agrees => agree += 1,
            Vector::Differs(how) => differ.push((path.file_name().unwrap().to_string_lossy().into_owned(), how)),
        }
    }
    differ.sort();
    let names: Vec<_> = differ.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, DEVIATIONS.map(|(name, _)| name), "{differ:?}");
    // Those left out need a passphrase or a post-quantum key, which vault files never have.
    assert_eq!((agree, left_out), VECTORS, "as many vectors as there were");
}

enum Vector {
    /// It needs what vault files never have: a passphrase, or a key of a kind that is not read.
    LeftOut,
    Agrees,
    Differs(String),
}

fn vector(path: &Path) -> Vector {
    let content = std::fs::read(path).unwrap();
    let end = content.windows(2).position(|window| window == b"\n\n").unwrap();
    let header = std::str::from_utf8(&content[..end]).unwrap();
    let mut file = content[end + 2..].to_vec();
    let field = |name: &str| header.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    if field("compressed").is_some() {
        let mut plain = Vec::new();
        std::io::Read::read_to_end(&mut flate2::read::ZlibDecoder::new(file.as_slice()), &mut plain).unwrap();
        file = plain;
    }
    if field("passphrase").is_some() {
        return Vector::LeftOut;
    }
    let keys: Vec<_> = header.lines().filter_map(|line| line.strip_prefix("identity: ")).collect();
    let mut identities: Vec<undrift::vault::crypt::AnyIdentity> = Vec::new();
    for key in keys {
        match key.parse::<age::x25519::Identity>() {
            Ok(identity) => identities.push(Box::new(identity)),
            Err(_) => return Vector::LeftOut,
        }
    }
    let opened = undrift::vault::crypt::open(&file, &identities);
    match (field("expect").unwrap(), opened) {
        ("success", Ok(plaintext)) => {
            let digest = hex::encode(<sha2::Sha256 as sha2::Digest>::digest(&*plaintext));
            if field("payload") == Some(digest.as_str()) {
                Vector::Agrees
            } else {
                Vector::Differs("another plaintext".to_owned())
            }
        }
        ("success", Err(error)) => Vector::Differs(format!("not opened: {error}")),
        (expected, Ok(_)) => Vector::Differs(format!("opened, where {expected} was expected")),
        (_, Err(_)) => Vector::Agrees,
    }
}

//! Kinds of values, what is odd about values, and values that are composed of others.

use insta::assert_snapshot;

use crate::world::{SHOP, World, twins};

/// A project with two environments and no target, with these secrets declared.
fn world(secrets: &str) -> World {
    let world = World::new();
    let _ = world.run(&["init", "staging", "production"]).status(0);
    let declared = world.read("undrift.toml");
    world.write("undrift.toml", format!("{declared}\n{secrets}"));
    world
}

/// Puts this text in place of the values of an environment, as `age` would, and vouches for it.
fn write_values(world: &World, environment: &str, text: &str) {
    let recipients = world.read(&format!("vault/{environment}/recipients.txt"));
    let key = recipients.lines().find(|line| line.starts_with("age1")).unwrap();
    let recipient: age::x25519::Recipient = key.parse().unwrap();
    let sealed = age::encrypt_and_armor(&recipient, text.as_bytes()).unwrap();
    world.write(&format!("vault/{environment}/secrets.toml.age"), sealed);
    let _ = world.run(&["seal", "-e", environment, "--yes", "--confirm", environment]).status(0);
}

#[test]
fn a_kind_that_does_not_exist_is_named_with_its_line_and_the_nearest() {
    let world = world(
        "[secrets.A]\nkind = \"github_token\"\n\n[secrets.B]\npattern = \"(\"\n\n[secrets.C]\nkind = \"zzz\"\ndeprecated = \" \"\n\
         accept = [{ code = \"UD301\", reason = \"\" }]\n",
    );
    assert_snapshot!("unknown_kind", world.run(&["list"]).status(2).transcript());
}

#[test]
fn set_warns_and_writes_all_the_same() {
    let world = world("[secrets.A]\nkind = \"github-token\"\n");
    assert_snapshot!("set_warns", world.run_with(&["set", "A", "-e", "staging"], "canary-4711").status(0).transcript());
    assert_eq!(world.value("staging", "A"), "canary-4711");
    let placeholder = world.run_with(&["set", "A", "-e", "staging", "--exact"], "changeme\n").status(0);
    assert!(placeholder.talk.contains("A ends with a line end (UD224)\n"), "{}", placeholder.talk);
    assert!(placeholder.talk.contains("A is a placeholder (UD225)\n"), "{}", placeholder.talk);
}

#[test]
fn list_marks_what_is_odd() {
    let world = world("[secrets.A]\nkind = \"password\"\n\n[secrets.B]\n\n[secrets.URL]\n");
    for environment in ["staging", "production"] {
        write_values(&world, environment, "A = \"Kf83mz2Qw\"\nB = \"todo\"\n[URL]\ncompose = \"x://${A}\"\n");
    }
    assert_snapshot!("list_marks", world.run(&["list"]).status(1).transcript());
    let json = world.run(&["list", "--format", "json"]).status(1).json();
    assert_eq!(json["findings"]["B"]["staging"][0], "UD225");
    assert_eq!(json["secrets"]["URL"]["staging"], "composed");
}

#[test]
fn an_audit_names_what_is_odd_and_notes_change_no_status() {
    let (fly, github) = twins();
    let world = World::with_twins(&fly, &github);
    world.shop();
    let _ = world.run_with(&["set", "API_TOKEN", "-e", "staging"], "one-and-the-same").status(0);
    let _ = world.run_with(&["set", "SMTP_PASSWORD", "-e", "staging"], "one-and-the-same").status(0);
    let _ = world.run(&["push", "-e", "staging", "--yes"]).status(0);
    let audit = world.run(&["audit", "-e", "staging"]).status(0);
    assert_snapshot!("audit_note", audit.transcript());
    assert_snapshot!("audit_note_all", world.run(&["audit", "-e", "staging", "--all"]).status(0).output);
    world.write("undrift.toml", SHOP.replace("[secrets.API_TOKEN]\n", "[secrets.API_TOKEN]\nkind = \"slack-token\"\n"));
    assert_snapshot!("audit_wrong_kind", world.run(&["audit", "-e", "staging"]).status(1).transcript());
}

#[test]
fn a_rotated_part_makes_the_whole_behind_and_the_next_push_writes_it() {
    let (fly, github) = twins();
    let world = World::with_twins(&fly, &github);
    world.shop();
    world.write("undrift.toml", format!("{SHOP}\n[secrets.DB_PASSWORD]\nkind = \"password\"\ntargets = []\n\n[secrets.DATABASE_URL]\nkind = \"postgres-url\"\ntargets = [\"web\"]\n"));
    let values = "API_TOKEN = \"token-1\"\nSMTP_PASSWORD = \"password-1\"\nSTRIPE_KEY = \"stripe-1\"\nDB_PASSWORD = \"one/Kf83mz2Qw\"\n\n[DATABASE_URL]\ncompose = \"postgres://shop:${DB_PASSWORD:url}@db/$${shop\"\n";
    write_values(&world, "staging", values);
    let _ = world.run(&["push", "-e", "staging", "--yes"]).status(0);
    let url = |password: &str| format!("postgres://shop:{password}@db/${{shop");
    assert_eq!(fly.values("shop-staging")["DATABASE_URL"], url("one%2FKf83mz2Qw"));
    assert!(!fly.values("shop-staging").contains_key("DB_PASSWORD"), "a part with no target was pushed");
    let got = world.run(&["get", "DATABASE_URL", "-e", "staging"]).status(0);
    assert_eq!(got.output, format!("{}\n", url("one%2FKf83mz2Qw")));
    let exported = world.run(&["export", "-e", "staging", "--format", "json", "--only", "DATABASE_URL"]).status(0);
    assert!(exported.output.contains(&url("one%2FKf83mz2Qw")), "{}", exported.output);

    let _ = world.run_with(&["set", "DB_PASSWORD", "-e", "staging"], "two+Kf83mz2Qw").status(0);
    let audit = world.run(&["audit", "-e", "staging"]).status(1);
    assert!(audit.output.contains("DATABASE_URL  behind"), "{}", audit.output);
    let _ = world.run(&["push", "-e", "staging", "--yes"]).status(0);
    assert_eq!(fly.values("shop-staging")["DATABASE_URL"], url("two%2BKf83mz2Qw"));
    let _ = world.run(&["audit", "-e", "staging"]).status(0);
}

#[test]
fn a_template_is_never_written_over() {
    let world = world("[secrets.A]\n\n[secrets.URL]\n");
    write_values(&world, "staging", "A = \"1\"\n[URL]\ncompose = \"x://${A}\"\n");
    assert_snapshot!("set_composed", world.run_with(&["set", "URL", "-e", "staging"], "plain").status(2).transcript());
    assert_eq!(world.value("staging", "URL"), "x://1");
    world.write("plain/staging.env", "URL=x://other\n");
    let import = world.run(&["import", "plain", "-e", "staging", "--yes", "--prefer", "plain/staging.env"]).status(2);
    assert!(import.talk.contains("URL is composed of A"), "{}", import.transcript());
    assert_eq!(world.value("staging", "URL"), "x://1");
}

#[test]
fn what_others_are_composed_of_is_not_taken_away() {
    let world = world("[secrets.A]\n\n[secrets.URL]\n");
    write_values(&world, "staging", "A = \"1\"\n[URL]\ncompose = \"x://${A}\"\n");
    assert_snapshot!("rm_part", world.run(&["rm", "A", "-e", "staging", "--yes"]).status(2).transcript());
    let rename = world.run(&["rename", "A", "B", "-e", "staging", "--yes"]).status(2);
    assert!(rename.talk.starts_with("error: URL is composed of A in `staging`\n"), "{}", rename.talk);
    assert_eq!(world.value("staging", "URL"), "x://1");
    let _ = world.run(&["rm", "A", "URL", "-e", "staging", "--yes"]).status(0);
}

#[test]
fn a_plain_text_is_never_a_template() {
    let world = world("[secrets.A]\n\n[secrets.B]\n\n[secrets.C]\n");
    write_values(&world, "staging", "A = \"1\"\nB = \"x://${A}\"\n[C]\nvalue = \"x://${A}\"\n");
    for name in ["B", "C"] {
        assert_eq!(world.run(&["get", name, "-e", "staging"]).status(0).output, "x://${A}\n");
    }
}

#[test]
fn what_cannot_be_composed_is_named_and_its_parts_can_be_set() {
    let world = world("[secrets.A]\n\n[secrets.B]\n\n[secrets.C]\n\n[secrets.D]\n\n[secrets.E]\n");
    write_values(
        &world,
        "staging",
        "[A]\ncompose = \"${B}\"\n[B]\ncompose = \"${A}\"\n[C]\ncompose = \"${MISSING}\"\n[D]\ncompose = \"canary-4711${\"\n\
         [E]\nvalue = \"1\"\ncompose = \"${A}\"\n",
    );
    let list = world.run(&["list", "-e", "staging"]).status(2);
    assert!(!list.transcript().contains("canary"), "{}", list.transcript());
    assert_snapshot!("not_composed", list.transcript());
    assert_snapshot!("get_not_composed", world.run(&["get", "C", "-e", "staging"]).status(2).transcript());
    write_values(&world, "staging", "[C]\ncompose = \"x${MISSING}\"\n");
    let _ = world.run_with(&["set", "MISSING", "-e", "staging"], "1").status(0);
    assert_eq!(world.value("staging", "C"), "x1");
}

//! What it costs to open a vault, against the curve operations that nobody can do without and against `age -d`.
//!
//! `cargo bench --bench vault` runs criterion's groups and then prints the ratios of `docs/performance.md`;
//! `cargo bench --bench vault -- ratios` prints these alone.
#![expect(clippy::unwrap_used, reason = "a bench that cannot make its fixtures has nothing to measure")]
#![expect(clippy::print_stdout, reason = "printing figures is what this program is for")]

mod common;

use std::hint::black_box;
use std::num::NonZero;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use criterion::{Criterion, Throughput};
use tempfile::TempDir;
use undrift::domain::name::EnvironmentName;
use undrift::vault::crypt::{self, AnyRecipient};
use undrift::vault::identity::{self, Identities, IdentityChain};
use undrift::vault::layout::{GroupFormat, Layout};
use undrift::vault::recipients::Recipients;
use undrift::vault::{group, read};
use x25519_dalek::{PublicKey, StaticSecret};

use common::{in_turns, milliseconds, ratio};

/// The program wipes what it frees, so what is measured here has to as well.
#[global_allocator]
static ALLOCATOR: zeroizing_alloc::ZeroAlloc<std::alloc::System> = zeroizing_alloc::ZeroAlloc(std::alloc::System);

const FILES: usize = 1_000;

/// A thousand small files on the disk, with the identity that opens them.
struct Vault {
    folder: TempDir,
    layout: Layout,
    environment: EnvironmentName,
    identities: Identities,
}

impl Vault {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let (identity, recipient) = identity::generate();
        let file = folder.path().join("identity.txt");
        std::fs::write(&file, identity.as_bytes()).unwrap();
        let identities = IdentityChain { files: vec![file], ..IdentityChain::default() }.load().unwrap();
        let recipients = Recipients::parse(&recipient).unwrap();
        let layout = Layout::at(folder.path());
        let environment = EnvironmentName::parse("bench").unwrap();
        std::fs::create_dir_all(layout.environment(&environment)).unwrap();
        std::fs::write(layout.recipients(&environment), recipient).unwrap();
        for number in 0..FILES {
            let path = layout.environment(&environment).join(format!("file-{number:04}.toml.age"));
            std::fs::write(path, crypt::seal(small(number).as_bytes(), &recipients.keys).unwrap()).unwrap();
        }
        Self { folder, layout, environment, identities }
    }

    fn read(&self) {
        let read = read::environments(&self.layout, std::slice::from_ref(&self.environment), &self.identities);
        assert_eq!(read[0].inventory.entries.len(), FILES);
        assert!(read[0].inventory.is_complete());
        black_box(read);
    }
}

/// A file of one secret, as many keep it.
fn small(number: usize) -> String {
    format!("SECRET_{number:04} = \"a value of forty-eight characters, as tokens are {number:04}\"\n")
}

/// The curve operations of opening as many files: one of a file's own point, and one of the base point, because age
/// mixes our public key into each file's key.
struct Curve {
    secret: StaticSecret,
    points: Vec<PublicKey>,
}

impl Curve {
    fn new() -> Self {
        let fresh = || {
            let mut bytes = [0; 32];
            getrandom::fill(&mut bytes).unwrap();
            StaticSecret::from(bytes)
        };
        Self { secret: fresh(), points: (0..FILES).map(|_| PublicKey::from(&fresh())).collect() }
    }

    fn multiply(&self) {
        let threads = thread::available_parallelism().map_or(1, NonZero::get);
        let next = AtomicUsize::new(0);
        let work = || {
            while let Some(point) = self.points.get(next.fetch_add(1, Ordering::Relaxed)) {
                let secret = black_box(&self.secret);
                black_box(secret.diffie_hellman(black_box(point)));
                black_box(PublicKey::from(secret));
            }
        };
        thread::scope(|scope| {
            for _ in 1..threads {
                scope.spawn(work);
            }
            work();
        });
    }
}

/// Opens every file with a process of its own, as a script does.
fn loop_over_age(folder: &Path) {
    let script = "for file in vault/bench/*.age; do age -d -i identity.txt \"$file\" > /dev/null || exit 1; done";
    assert!(Command::new("sh").args(["-c", script]).current_dir(folder).status().unwrap().success());
}

fn has_age() -> bool {
    Command::new("age").arg("--version").output().is_ok()
}

fn recipients(count: usize) -> Vec<AnyRecipient> {
    let lines: Vec<String> = (0..count).map(|_| identity::generate().1).collect();
    Recipients::parse(&lines.join("\n")).unwrap().keys
}

fn open(criterion: &mut Criterion) {
    let (vault, curve) = (Vault::new(), Curve::new());
    let mut group = criterion.benchmark_group("open 1000 files");
    group.sample_size(30).throughput(Throughput::Elements(FILES as u64));
    group.bench_function("X25519 alone", |bencher| bencher.iter(|| curve.multiply()));
    group.bench_function("vault::read::environments", |bencher| bencher.iter(|| vault.read()));
    group.finish();
}

fn parse(criterion: &mut Criterion) {
    let files: Vec<String> = (0..FILES).map(small).collect();
    let large = files.concat();
    let mut group = criterion.benchmark_group("parse 1000 secrets");
    group.throughput(Throughput::Elements(FILES as u64));
    let parse = |text: &str| black_box(group::parse("file.toml.age", GroupFormat::Toml, black_box(text.as_bytes())));
    group.bench_function("in 1000 files", |bencher| bencher.iter(|| files.iter().for_each(|file| drop(parse(file)))));
    group.bench_function("in one file", |bencher| bencher.iter(|| parse(&large)));
    group.finish();
}

fn seal(criterion: &mut Criterion) {
    let text = small(0);
    let mut group = criterion.benchmark_group("seal one file");
    for count in [1, 10] {
        let recipients = recipients(count);
        let work = || crypt::seal(black_box(text.as_bytes()), &recipients).unwrap();
        group.bench_function(format!("for {count}"), |bencher| bencher.iter(work));
    }
    group.finish();
}

fn ratios() {
    let (vault, curve) = (Vault::new(), Curve::new());
    println!("| {FILES} files decrypted and parsed, against | ratio (middle half) | ours | theirs |");
    println!("| --- | --- | --- | --- |");
    let [ours, floor] = in_turns(60, [&mut || vault.read(), &mut || curve.multiply()]);
    println!(
        "| the X25519 operations alone | {} | {} | {} |",
        ratio(&ours, &floor),
        milliseconds(&ours),
        milliseconds(&floor)
    );
    if has_age() {
        let [ours, theirs] = in_turns(5, [&mut || vault.read(), &mut || loop_over_age(vault.folder.path())]);
        println!(
            "| a loop of `age -d`, theirs by ours | {} | {} | {} |",
            ratio(&theirs, &ours),
            milliseconds(&ours),
            milliseconds(&theirs)
        );
    } else {
        println!("`age` is not installed, so the loop over it was left out.");
    }
}

fn main() {
    // Cargo says `--bench`; without it (`cargo test --benches`) criterion runs everything once and measures nothing.
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if !arguments.iter().any(|argument| argument == "ratios") {
        let mut criterion = Criterion::default().configure_from_args();
        open(&mut criterion);
        parse(&mut criterion);
        seal(&mut criterion);
        criterion.final_summary();
    }
    if arguments == ["--bench"] || arguments.iter().any(|argument| argument == "ratios") {
        ratios();
    }
}

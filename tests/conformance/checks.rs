//! The promises, one function each.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures_util::FutureExt;
use futures_util::future::join_all;
use twins::{Fault, FaultKind};
use undrift::domain::fingerprint::FingerprintKey;
use undrift::domain::observation::{Evidence, Observation, SealedEvidence};
use undrift::targets::client::ClientSettings;
use undrift::targets::error::{Broken, Limit};
use undrift::targets::{Coming, Effect, EvidenceKind, Target, TargetError};
use vault_schema::audit::Reason;
use vault_schema::verdict::Rollout;

use super::raw::Raw;
use super::{Harness, hasty, name, rewrite, run, seen, write, write_all};

/// 300,000 spaces, compressed.
const BOMB: &str = concat!(
    "H4sIAAAAAAACA+3BAQ0AAADCoCrvn9IeDigAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAPgx3yofVOCTBAA="
);

const LIMITED: u16 = 429;

fn status(code: u16, headers: &[(&str, &str)]) -> FaultKind {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    FaultKind::Status { code, headers, body: "{\"message\":\"no\"}".to_owned() }
}

fn short() -> ClientSettings {
    ClientSettings { request_timeout: Duration::from_millis(500), retries: 1, ..hasty() }
}

fn names(observation: &Observation) -> Vec<&str> {
    observation.entries.keys().map(undrift::domain::name::RemoteName::as_str).collect()
}

fn sealed(observation: &Observation, wanted: &str) -> SealedEvidence {
    let key = FingerprintKey::new(zeroize::Zeroizing::new([7; 32]));
    observation.entries[&name(wanted)].seal(&key)
}

fn reason<T: std::fmt::Debug>(result: Result<T, TargetError>) -> Reason {
    result.expect_err("it must fail").reason()
}

pub(super) fn an_empty_place_is_read_as_empty<H: Harness>() {
    let harness = H::start();
    let observation = run(harness.target(&hasty()).observe()).expect("the place can be read");
    assert!(observation.entries.is_empty());
}

pub(super) fn a_long_listing_is_read_to_its_end<H: Harness>() {
    let harness = H::start();
    let expected: BTreeSet<String> = (0..H::MANY).map(|number| format!("NAME_{number:04}")).collect();
    for name in &expected {
        harness.set(name, "value");
    }
    let observation = run(harness.target(&hasty()).observe()).expect("the place can be read");
    assert_eq!(names(&observation), expected.iter().map(String::as_str).collect::<Vec<_>>());
}

pub(super) fn values_arrive_byte_for_byte<H: Harness>() {
    let large = "0123456789abcdef".repeat(3 * 1024);
    let all: String = (1..128u8).map(char::from).collect();
    let values = [
        ("EMPTY", ""),
        ("LINES", "first\nsecond\r\nthird"),
        ("TRAILING", "value\n"),
        ("SPACES", "  value\t "),
        ("EQUALS", "a=b=c=="),
        ("QUOTES", "\"'`\\\"$HOME ${X} #"),
        ("UNICODE", "naïve 密码 🔑 \u{feff}\u{2028}"),
        ("CONTROL", &all),
        ("NULL", "a\0b"),
        ("LARGE", &large),
    ];
    let harness = H::start();
    let target = harness.target(&hasty());
    run(async {
        let effects = write_all(&target, &values).await;
        assert!(effects.iter().all(|effect| matches!(effect, Effect::Accepted(_))), "{effects:?}");
        let observation = target.observe().await.expect("the place can be read");
        assert_eq!(observation.entries.len(), values.len());
    });
    let expected: BTreeMap<String, Vec<u8>> =
        values.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec())).collect();
    assert_eq!(harness.values(), expected);
    assert_eq!(seen(harness.server(), H::WRITE), if H::BULK { 1 } else { values.len() });
}

pub(super) fn the_evidence_is_of_the_kind_it_says<H: Harness>() {
    let harness = H::start();
    harness.set("A", "value");
    let target = harness.target(&hasty());
    let observation = run(target.observe()).expect("the place can be read");
    let observed = &observation.entries[&name("A")];
    match target.describe().evidence {
        EvidenceKind::OpaqueDigest => assert!(matches!(observed.evidence, Evidence::OpaqueDigest(_))),
        EvidenceKind::Times => assert!(matches!(observed.evidence, Evidence::Times { .. })),
        EvidenceKind::Value => {
            assert!(matches!(&observed.evidence, Evidence::Value(value) if value.expose() == "value"));
        }
    }
    assert_eq!(observed.rollout.rollout, Rollout::None);
    assert_eq!(target.describe().writes_per_look > 1, H::BULK);
}

pub(super) fn the_evidence_moves_when_somebody_writes<H: Harness>() {
    let harness = H::start();
    harness.server().clock().pin("2026-11-21T08:00:00Z".parse().expect("a literal time"));
    harness.set("A", "one");
    harness.set("B", "one");
    let target = harness.target(&hasty());
    run(async {
        let before = target.observe().await.expect("the place can be read");
        let again = target.observe().await.expect("the place can be read");
        assert!(sealed(&again, "A").unmoved(&sealed(&before, "A")), "nobody wrote");
        harness.set("A", "two");
        for after in [target.observe().await, target.look(&[&name("A"), &name("B")]).await] {
            let after = after.expect("the place can be read");
            assert!(!sealed(&after, "A").unmoved(&sealed(&before, "A")), "somebody wrote A");
            assert!(sealed(&after, "B").unmoved(&sealed(&before, "B")), "nobody wrote B");
        }
    });
}

pub(super) fn what_a_write_answers_is_what_a_look_shows<H: Harness>() {
    let harness = H::start();
    let target = harness.target(&hasty());
    let key = FingerprintKey::new(zeroize::Zeroizing::new([7; 32]));
    run(async {
        let effect = write(&target, "A", "one").await;
        let after = target.look(&[&name("A")]).await.expect("the place can be read");
        match effect {
            Effect::Accepted(Some(evidence)) => assert!(sealed(&after, "A").unmoved(&evidence.seal(&key))),
            Effect::Accepted(None) => {}
            other => panic!("{other:?}"),
        }
    });
}

pub(super) fn a_look_shows_what_is_there_and_no_more<H: Harness>() {
    let harness = H::start();
    for present in ["A", "B", "C", "D", "E"] {
        harness.set(present, "value");
    }
    let target = harness.target(&hasty());
    run(async {
        let wanted = [name("A"), name("GONE"), name("E")];
        let few = target.look(&wanted.each_ref()).await.expect("the place can be read");
        assert!(few.entries.contains_key(&wanted[0]) && few.entries.contains_key(&wanted[2]));
        assert!(!few.entries.contains_key(&wanted[1]));
        let wanted = ["A", "B", "GONE", "D", "E"].map(name);
        let many = target.look(&wanted.each_ref()).await.expect("the place can be read");
        assert!(!many.entries.contains_key(&wanted[2]));
        assert!(wanted.iter().filter(|name| name.as_str() != "GONE").all(|name| many.entries.contains_key(name)));
        let none = target.look(&[&name("../public-key")]).await.expect("a strange name is merely not there");
        assert!(!none.entries.contains_key(&name("../public-key")));
    });
}

pub(super) fn a_removal_removes_and_may_come_late<H: Harness>() {
    let harness = H::start();
    harness.set("A", "value");
    harness.set("B", "value");
    harness.set("C", "value");
    let target = harness.target(&hasty());
    run(async {
        let gone = [name("A"), name("NEVER_THERE"), name("B")];
        let effects = target.remove(&gone.each_ref()).await;
        assert_eq!(effects.len(), 3);
        assert!(effects.iter().all(|effect| matches!(effect, Effect::Accepted(None))), "{effects:?}");
        let observation = target.observe().await.expect("the place can be read");
        assert_eq!(names(&observation), ["C"]);
    });
}

pub(super) fn nothing_to_do_is_not_done<H: Harness>() {
    let harness = H::start();
    let target = harness.target(&hasty());
    run(async {
        assert!(target.write(&[]).await.is_empty());
        assert!(target.remove(&[]).await.is_empty());
    });
    assert!(harness.server().requests().is_empty());
}

pub(super) fn refusals_are_told_apart<H: Harness>() {
    let harness = H::start();
    harness.set("A", "value");
    let url = harness.server().url();
    let read = |token: &str| run(harness.target_at(&url, token, &hasty()).observe());
    assert!(matches!(read("no-such-token"), Err(TargetError::Unauthorized)));
    assert!(matches!(read(H::STRANGER), Err(TargetError::Forbidden { .. })));
    assert!(read(H::READER).is_ok());
    let write_with = |token: &str| run(rewrite(&harness.target_at(&url, token, &hasty()), "A", "new"));
    assert!(matches!(write_with("no-such-token"), Effect::Refused(TargetError::Unauthorized)));
    assert!(matches!(write_with(H::READER), Effect::Refused(TargetError::Forbidden { .. })));
    let remove_with = |token: &str| {
        run(async { harness.target_at(&url, token, &hasty()).remove(&[&name("A")]).await.pop().expect("one effect") })
    };
    assert!(matches!(remove_with(H::READER), Effect::Refused(TargetError::Forbidden { .. })));
    assert_eq!(harness.values(), BTreeMap::from([("A".to_owned(), b"value".to_vec())]));
    harness.remove_place();
    assert!(matches!(read(H::TOKEN), Err(TargetError::NotFound { .. })));
    assert!(matches!(write_with(H::TOKEN), Effect::Refused(TargetError::NotFound { .. })));
}

pub(super) fn no_message_shows_the_token<H: Harness>() {
    let harness = H::start();
    let target = harness.target_at(&harness.server().url(), "canary-4711", &hasty());
    let told = format!("{target:?} {:?}", run(target.observe()));
    assert!(!told.contains("canary"), "{told}");
}

pub(super) fn a_read_waits_as_long_as_it_is_told<H: Harness>() {
    let harness = H::start();
    let limited = status(LIMITED, &[("retry-after", "1")]);
    harness.server().inject(Fault::new(limited));
    let start = Instant::now();
    run(harness.target(&hasty()).observe()).expect("the second attempt works");
    assert!(start.elapsed() >= Duration::from_secs(1), "{:?}", start.elapsed());
    assert_eq!(harness.server().requests().len(), 2);
}

pub(super) fn a_wait_beyond_patience_is_an_error_at_once<H: Harness>() {
    let harness = H::start();
    harness.server().inject(Fault::new(status(LIMITED, &[("retry-after", "3600")])).always());
    let before = harness.server().clock().now();
    let Err(TargetError::RateLimited { until: Some(until), .. }) = run(harness.target(&hasty()).observe()) else {
        panic!("it must be rate limited");
    };
    let wait = until.duration_since(before).as_secs();
    assert!((3590..=3610).contains(&wait), "by the service's clock: {wait}");
    assert_eq!(harness.server().requests().len(), 1);
}

pub(super) fn a_limited_write_waits_before_the_next_look_and_is_not_sent_again_by_itself<H: Harness>() {
    let harness = H::start();
    let target = harness.target(&hasty());
    harness.server().inject(Fault::new(status(LIMITED, &[("retry-after", "1")])).method(H::WRITE));
    let effect = run(write(&target, "A", "one"));
    assert!(matches!(effect, Effect::Refused(TargetError::TurnedAway(Limit::Platform))), "{effect:?}");
    assert_eq!(seen(harness.server(), H::WRITE), 1);
    run(async {
        let mut turn = pin!(target.make_ready(Coming::Removal));
        assert!(turn.as_mut().now_or_never().is_none(), "the limit lasts");
        turn.await;
        assert!(target.make_ready(Coming::Removal).now_or_never().is_some(), "it is waited for once");
        assert!(matches!(write(&target, "A", "one").await, Effect::Accepted(_)));
    });
    assert_eq!(seen(harness.server(), H::WRITE), 2);
    harness.server().inject(Fault::new(status(LIMITED, &[("retry-after", "3600")])).method(H::WRITE));
    let effects = run(write_all(&target, &[("B", "two"), ("C", "two")]));
    assert!(matches!(effects[0], Effect::Refused(TargetError::RateLimited { .. })), "{effects:?}");
    assert!(matches!(effects[1], Effect::Refused(TargetError::RateLimited { .. }) | Effect::Skipped), "{effects:?}");
    assert_eq!(harness.values().into_keys().collect::<Vec<_>>(), ["A"]);
}

pub(super) fn a_read_survives_passing_trouble<H: Harness>() {
    let passing = [
        status(500, &[]),
        status(502, &[]),
        status(503, &[("retry-after", "0")]),
        status(408, &[]),
        status(LIMITED, &[]),
        FaultKind::ResetBefore,
        FaultKind::ResetAfter,
        FaultKind::CutBody,
    ];
    for fault in passing {
        let harness = H::start();
        harness.set("A", "value");
        harness.server().inject(Fault::new(fault.clone()).times(2));
        let observation = run(harness.target(&hasty()).observe());
        assert_eq!(names(&observation.unwrap_or_else(|error| panic!("{fault:?}: {error}"))), ["A"]);
        assert_eq!(harness.server().requests().len(), 3, "{fault:?}");
    }
}

pub(super) fn lasting_trouble_is_reported_for_what_it_is<H: Harness>() {
    let lasting = [
        (status(500, &[]), Reason::Rejected, 3),
        (status(503, &[("retry-after", "3600")]), Reason::Rejected, 1),
        (status(400, &[]), Reason::Rejected, 1),
        (status(422, &[]), Reason::Rejected, 1),
        (status(401, &[]), Reason::Unauthorized, 1),
        (status(403, &[]), Reason::Forbidden, 1),
        (status(404, &[]), Reason::NotFound, 1),
        (status(LIMITED, &[]), Reason::RateLimited, 3),
        (status(204, &[]), Reason::Unexpected, 1),
        (status(304, &[]), Reason::Unexpected, 1),
        (FaultKind::ResetBefore, Reason::Unreachable, 3),
        (FaultKind::CutBody, Reason::Unreachable, 3),
        (FaultKind::Garbage, Reason::Unexpected, 1),
        (FaultKind::status(200, "{}"), Reason::Unexpected, 1),
        (FaultKind::status(200, "[]"), Reason::Unexpected, 1),
        (FaultKind::status(200, "null"), Reason::Unexpected, 1),
        (FaultKind::status(200, ""), Reason::Unexpected, 1),
    ];
    for (fault, expected, requests) in lasting {
        let harness = H::start();
        harness.server().inject(Fault::new(fault.clone()).always());
        assert_eq!(reason(run(harness.target(&hasty()).observe())), expected, "{fault:?}");
        assert_eq!(harness.server().requests().len(), requests, "{fault:?}");
    }
}

pub(super) fn silence_ends_in_a_timeout<H: Harness>() {
    let harness = H::start();
    let target = harness.target(&short());
    harness.server().inject(Fault::new(FaultKind::Hang).always().method("GET"));
    let error = run(target.observe()).expect_err("nobody answers");
    assert!(matches!(error, TargetError::Timeout { after } if after == Duration::from_millis(500)), "{error:?}");
    assert_eq!(harness.server().requests().len(), 2);
}

pub(super) fn nobody_there_is_told_from_silence<H: Harness>() {
    let harness = H::start();
    let free = std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    let url = format!("http://{}", free.expect("loopback has a free port"));
    let target = harness.target_at(&url, H::TOKEN, &hasty());
    let refused = TargetError::Unreachable(Broken::Connect).to_string();
    assert_eq!(run(target.observe()).expect_err("nobody is there").to_string(), refused);
    assert!(matches!(run(write(&target, "A", "one")), Effect::Refused(TargetError::Unreachable(Broken::Connect))));
}

pub(super) fn a_write_is_never_sent_twice<H: Harness>() {
    let table = [
        // Nobody can know of these whether they happened.
        (FaultKind::ResetBefore, false, Reason::Unreachable, false),
        (FaultKind::ResetAfter, false, Reason::Unreachable, true),
        (FaultKind::CutBody, false, Reason::Unreachable, true),
        (FaultKind::Garbage, false, Reason::Unexpected, true),
        (status(500, &[]), false, Reason::Rejected, false),
        (status(503, &[("retry-after", "0")]), false, Reason::Rejected, false),
        (status(408, &[]), false, Reason::Rejected, false),
        (status(202, &[]), false, Reason::Unexpected, false),
        (FaultKind::Redirect("/elsewhere".to_owned()), false, Reason::Unexpected, false),
        // These certainly did not.
        (status(400, &[]), true, Reason::Rejected, false),
        (status(409, &[]), true, Reason::Rejected, false),
        (status(412, &[]), true, Reason::Rejected, false),
        (status(307, &[("location", "/elsewhere")]), true, Reason::Rejected, false),
        (status(401, &[]), true, Reason::Unauthorized, false),
        (status(403, &[]), true, Reason::Forbidden, false),
        (status(404, &[]), true, Reason::NotFound, false),
    ];
    for (fault, refused, expected, happened) in table {
        let harness = H::start();
        harness.server().inject(Fault::new(fault.clone()).method(H::WRITE).always());
        let effect = run(write(&harness.target(&hasty()), "A", "one"));
        let reason = match &effect {
            Effect::Refused(error) if refused => error.reason(),
            Effect::Unknown(error) if !refused => error.reason(),
            other => panic!("{fault:?}: {other:?}"),
        };
        // What a twin answers to a write without a body cannot be cut, only reset.
        assert_eq!(reason, expected, "{fault:?}");
        assert_eq!(seen(harness.server(), H::WRITE), 1, "{fault:?}");
        assert_eq!(harness.values().contains_key("A"), happened, "{fault:?}");
    }
}

pub(super) fn a_write_without_an_answer_is_unknown<H: Harness>() {
    let harness = H::start();
    harness.server().inject(Fault::new(FaultKind::Hang).method(H::WRITE).always());
    let effects = run(write_all(&harness.target(&short()), &[("A", "one"), ("B", "two")]));
    assert!(matches!(effects[0], Effect::Unknown(TargetError::Timeout { .. })), "{effects:?}");
    let second = if H::BULK { "Unknown" } else { "Skipped" };
    assert!(format!("{:?}", effects[1]).starts_with(second), "{effects:?}");
    assert_eq!(seen(harness.server(), H::WRITE), 1);
}

pub(super) fn an_endless_answer_is_cut_off<H: Harness>() {
    let harness = H::start();
    let settings = ClientSettings { largest_body: 100_000, ..hasty() };
    harness.server().inject(Fault::new(FaultKind::HugeBody(1 << 40)).always());
    assert_eq!(reason(run(harness.target(&settings).observe())), Reason::Unexpected);
    assert_eq!(harness.server().requests().len(), 1);
}

pub(super) fn a_small_answer_may_not_unfold_to_a_large_one<H: Harness>() {
    let harness = H::start();
    let bomb = STANDARD.decode(BOMB).expect("a literal");
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-encoding: gzip\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        bomb.len()
    );
    let raw = Raw::start([head.as_bytes(), &bomb].concat());
    let observe = |largest_body| {
        let settings = ClientSettings { largest_body, ..hasty() };
        run(harness.target_at(raw.url(), H::TOKEN, &settings).observe()).expect_err("spaces are not JSON").to_string()
    };
    assert!(observe(100_000).contains("larger"), "{}", observe(100_000));
    assert!(observe(1_000_000).contains("not JSON"), "{}", observe(1_000_000));
}

pub(super) fn a_redirect_never_carries_the_token_away<H: Harness>() {
    let elsewhere = Raw::start(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}".to_vec());
    let harness = H::start();
    let target = harness.target(&hasty());
    for code in [301, 302, 307, 308] {
        harness.server().clear_faults();
        let location = format!("{}/v1/apps/shop/secrets", elsewhere.url());
        harness.server().inject(Fault::new(status(code, &[("location", &location)])).always());
        let error = run(target.observe()).expect_err("it leads elsewhere");
        assert!(error.to_string().contains("leads to another host"), "{error}");
        let effect = run(write(&target, "A", "one"));
        assert!(matches!(effect, Effect::Refused(_) | Effect::Unknown(_)), "{effect:?}");
    }
    assert_eq!(elsewhere.accepted(), 0, "nothing was sent elsewhere");
}

pub(super) fn a_redirect_within_the_service_is_followed<H: Harness>() {
    let harness = H::start();
    harness.set("A", "value");
    let target = harness.target(&hasty());
    run(target.observe()).expect("the place can be read");
    let first = harness.server().requests().remove(0);
    let there = if first.query.is_empty() { first.path } else { format!("{}?{}", first.path, first.query) };
    harness.server().inject(Fault::new(FaultKind::Redirect(there.clone())).times(3));
    assert_eq!(names(&run(target.observe()).expect("three are followed")), ["A"]);
    harness.server().clear_requests();
    harness.server().inject(Fault::new(FaultKind::Redirect(there)).always());
    assert_eq!(reason(run(target.observe())), Reason::Unexpected);
    assert_eq!(harness.server().requests().len(), 4);
}

pub(super) fn no_more_requests_are_on_their_way_than_allowed<H: Harness>() {
    let harness = H::start();
    harness.server().latency(Duration::from_millis(20));
    let target = harness.target(&ClientSettings { concurrency: 3, ..hasty() });
    let results = run(join_all((0..12).map(|_| target.observe())));
    assert!(results.iter().all(Result::is_ok));
    assert!((2..=3).contains(&harness.server().in_flight_peak()), "{}", harness.server().in_flight_peak());
}

pub(super) fn no_error_repeats_what_the_service_said<H: Harness>() {
    let harness = H::start();
    let target = harness.target_at(&harness.server().url(), "canary-token", &hasty());
    for code in [200, 400, 401, 403, 404, 409, 418, 422, 429, 500] {
        harness.server().clear_faults();
        let body = "{\"message\":\"canary-value\",\"error\":\"canary-value\",\"secrets\":\"canary-value\"}";
        harness.server().inject(Fault::new(FaultKind::status(code, body)).always());
        let read = run(target.observe()).expect_err("it must fail");
        let written = run(write(&target, "CANARY", "canary-secret"));
        let told = format!("{read} {read:?} {written:?}");
        assert!(!told.contains("canary"), "{code}: {told}");
    }
}

/// Holds one adapter to all promises.
macro_rules! conformance {
    ($harness:ty: $($check:ident)*) => {
        $(
            #[test]
            fn $check() {
                $crate::conformance::checks::$check::<$harness>();
            }
        )*
    };
    ($harness:ty) => {
        $crate::conformance::checks::conformance! { $harness:
            an_empty_place_is_read_as_empty
            a_long_listing_is_read_to_its_end
            values_arrive_byte_for_byte
            the_evidence_is_of_the_kind_it_says
            the_evidence_moves_when_somebody_writes
            what_a_write_answers_is_what_a_look_shows
            a_look_shows_what_is_there_and_no_more
            a_removal_removes_and_may_come_late
            nothing_to_do_is_not_done
            refusals_are_told_apart
            no_message_shows_the_token
            a_read_waits_as_long_as_it_is_told
            a_wait_beyond_patience_is_an_error_at_once
            a_limited_write_waits_before_the_next_look_and_is_not_sent_again_by_itself
            a_read_survives_passing_trouble
            lasting_trouble_is_reported_for_what_it_is
            silence_ends_in_a_timeout
            nobody_there_is_told_from_silence
            a_write_is_never_sent_twice
            a_write_without_an_answer_is_unknown
            an_endless_answer_is_cut_off
            a_small_answer_may_not_unfold_to_a_large_one
            a_redirect_never_carries_the_token_away
            a_redirect_within_the_service_is_followed
            no_more_requests_are_on_their_way_than_allowed
            no_error_repeats_what_the_service_said
        }
    };
}

pub(super) use conformance;

//! Adoption: whether what a person says a target holds can be so, and whether it can be watched from then on.

use super::fingerprint::FingerprintKey;
use super::observation::{Evidence, SealedEvidence};
use super::place::Location;
use super::receipt::{Origin, Receipts};
use super::secret::SecretValue;

/// Why what a place shows now cannot become the baseline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AdoptionError {
    /// The place shows that its value is another one.
    #[error("the value given is not the one that is there")]
    OtherValue,
    /// A receipt says that the place's value is another one.
    #[error("the value given is not the one that is there: the receipts know both")]
    OtherDigest,
    /// The place shows too little, or in a form that no later look could be compared with.
    #[error("nothing there shows whether it was written since, so that nothing can be watched")]
    NothingToWatch,
    /// The place shows its value, so that there is nothing that nobody knows.
    #[error("the place shows whether it holds a value, so that it need not be accepted without knowing")]
    Comparable,
}

/// Checks that what a place shows may be the value that a person gives, or any value where none is given.
pub fn check(
    evidence: &Evidence,
    given: Option<&SecretValue>,
    key: &FingerprintKey,
    receipts: &Receipts,
    location: &Location,
) -> Result<(), AdoptionError> {
    match (evidence, given) {
        (Evidence::UnknownDigest(_) | Evidence::Name, _) => Err(AdoptionError::NothingToWatch),
        (Evidence::Value(_) | Evidence::Sha256(_), None) => Err(AdoptionError::Comparable),
        (Evidence::Value(there), Some(given)) => refuse_unless(there.expose() == given.expose()),
        (Evidence::Sha256(there), Some(given)) => refuse_unless(there.is_sha256_of(given)),
        (Evidence::OpaqueDigest(_), Some(given)) => {
            let (shown, given) = (evidence.seal(key), key.value(given));
            // Digests are one platform's own: those of another say nothing of it.
            let platform = format!("{}:", location.kind().as_str());
            let contradicts = receipts.iter().any(|(place, _, receipt)| {
                let is_digest = matches!(receipt.evidence, SealedEvidence::Digest(_));
                let same = (receipt.value == given, receipt.evidence == shown);
                // Only what we wrote ourselves is certain: what was adopted before may have been a mistake.
                receipt.origin == Origin::Pushed && is_digest && place.starts_with(&platform) && same.0 != same.1
            });
            if contradicts { Err(AdoptionError::OtherDigest) } else { Ok(()) }
        }
        (Evidence::OpaqueDigest(_), None) | (Evidence::Times { .. }, _) => Ok(()),
    }
}

fn refuse_unless(equal: bool) -> Result<(), AdoptionError> {
    if equal { Ok(()) } else { Err(AdoptionError::OtherValue) }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use sha2::{Digest, Sha256};
    use zeroize::Zeroizing;

    use super::*;
    use crate::domain::digest::RemoteDigest;
    use crate::domain::fingerprint::KEY_LENGTH;
    use crate::domain::name::{RemoteName, SecretName};
    use crate::domain::receipt::Receipt;

    type Known = (&'static str, &'static str, Evidence, Origin);
    type Case<'a> = (Evidence, Option<&'a str>, &'a [Known], Result<(), AdoptionError>);

    #[test]
    fn what_a_place_or_a_receipt_contradicts_is_refused() {
        use AdoptionError::{Comparable, NothingToWatch, OtherDigest, OtherValue};

        let key = FingerprintKey::new(Zeroizing::new([7; KEY_LENGTH]));
        let value = SecretValue::copied_from;
        let opaque = |text: &str| Evidence::OpaqueDigest(RemoteDigest::new(format!("digest of {text}")));
        let sha = |text: &str| Evidence::Sha256(RemoteDigest::new(hex::encode(Sha256::digest(text))));
        let times = || Evidence::Times { created: Timestamp::UNIX_EPOCH, updated: Timestamp::UNIX_EPOCH };
        let fly = Location::FlyApp { app: "shop".to_owned() };
        // What the receipts know: (place, value, what was shown, how)
        let nothing: &[Known] = &[];
        let pushed = &[("fly:other", "known", opaque("known"), Origin::Pushed)];
        let adopted = &[("fly:other", "known", opaque("known"), Origin::Adopted)];
        let accepted = &[("fly:shop", "vault", opaque("x"), Origin::AsIs)];
        let elsewhere = &[("github:a/b", "x", opaque("y"), Origin::Pushed)];
        let dated = &[("fly:other", "x", times(), Origin::Pushed)];
        let table: [Case<'_>; 20] = [
            (Evidence::Value(value("x")), Some("x"), nothing, Ok(())),
            (Evidence::Value(value("x")), Some("y"), nothing, Err(OtherValue)),
            (Evidence::Value(value("x")), None, nothing, Err(Comparable)),
            (sha("x"), Some("x"), nothing, Ok(())),
            (sha("x"), Some("y"), nothing, Err(OtherValue)),
            (sha("x"), None, nothing, Err(Comparable)),
            (opaque("x"), Some("x"), nothing, Ok(())),
            (opaque("x"), None, nothing, Ok(())),
            (opaque("x"), Some("x"), pushed, Ok(())),
            (opaque("known"), Some("known"), pushed, Ok(())),
            (opaque("known"), Some("x"), pushed, Err(OtherDigest)),
            (opaque("x"), Some("known"), pushed, Err(OtherDigest)),
            (opaque("x"), Some("known"), adopted, Ok(())),
            (opaque("x"), Some("x"), accepted, Ok(())),
            (opaque("x"), Some("x"), elsewhere, Ok(())),
            (opaque("x"), Some("x"), dated, Ok(())),
            (times(), Some("x"), nothing, Ok(())),
            (times(), None, nothing, Ok(())),
            (Evidence::Name, Some("x"), nothing, Err(NothingToWatch)),
            (Evidence::UnknownDigest(RemoteDigest::new("v2:x")), None, nothing, Err(NothingToWatch)),
        ];
        for (index, (evidence, given, known, expected)) in table.into_iter().enumerate() {
            let mut receipts = Receipts::default();
            for (place, text, shown, origin) in known {
                let receipt = Receipt {
                    secret: SecretName::parse("A").expect("a name"),
                    value: key.value(&value(text)),
                    written: Timestamp::UNIX_EPOCH,
                    evidence: shown.seal(&key),
                    origin: *origin,
                };
                receipts.insert((*place).to_owned(), RemoteName::new("A"), receipt);
            }
            let given = given.map(value);
            assert_eq!(check(&evidence, given.as_ref(), &key, &receipts, &fly), expected, "line {index}");
        }
    }
}

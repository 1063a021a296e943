//! Shards: parts of the places of one audit, so that several machines share a large fleet.
//!
//! A place belongs to a shard by what it is called in the world, and by nothing else: a place that is added moves no other.

use sha2::{Digest, Sha256};

pub use vault_schema::audit::Shard;

use super::place::{GithubHolder, Location};

/// The most parts that make sense: GitHub starts no more than 256 jobs of one matrix.
const MOST: u16 = 256;

/// Reads a shard as it is typed: `2/3` is the second of three.
pub fn parse(text: &str) -> Option<Shard> {
    let (number, of) = text.split_once('/')?;
    let is_plain = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !is_plain(number) || !is_plain(of) {
        return None;
    }
    Some(Shard { number: number.parse().ok()?, of: of.parse().ok()? }).filter(|shard| is_one(*shard))
}

/// Returns whether there can be such a shard.
pub const fn is_one(shard: Shard) -> bool {
    shard.number != 0 && shard.number <= shard.of && shard.of <= MOST
}

/// Returns whether a shard tells of a place. Exactly one of all shards does.
pub fn holds(shard: Shard, location: &Location) -> bool {
    let digest = Sha256::digest(key(location));
    let number = digest.iter().take(8).fold(0, |number: u64, byte| (number << 8) | u64::from(*byte));
    number % u64::from(shard.of) + 1 == u64::from(shard.number)
}

/// Returns whether a shard asks a place: those that it tells of, and every organization, without which it could not say
/// what hides there behind a name of one of its repositories.
pub fn asks(shard: Shard, location: &Location) -> bool {
    matches!(location, Location::Github { holder: GithubHolder::Organization { .. }, .. }) || holds(shard, location)
}

/// What decides on the shard of a place. All of one repository stays together, because names at its environments hide
/// names of its own.
fn key(location: &Location) -> String {
    match location {
        Location::FlyApp { app } => format!("fly:{app}"),
        Location::Github { holder, .. } => match holder {
            GithubHolder::Repository { repository } | GithubHolder::Environment { repository, .. } => {
                format!("github:{}", repository.to_ascii_lowercase())
            }
            GithubHolder::Organization { organization } => format!("github:{}", organization.to_ascii_lowercase()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::place::GithubStore;

    fn app(number: usize) -> Location {
        Location::FlyApp { app: format!("app-{number}") }
    }

    fn github(store: GithubStore, holder: GithubHolder) -> Location {
        Location::Github { store, holder }
    }

    #[test]
    fn is_typed_as_two_numbers_of_which_the_first_is_one_of_the_second() {
        for (text, expected) in [("1/1", (1, 1)), ("2/3", (2, 3)), ("256/256", (256, 256))] {
            assert_eq!(parse(text), Some(Shard { number: expected.0, of: expected.1 }));
        }
        for text in
            ["", "x", "1", "/", "1/", "/3", "0/3", "4/3", "1/0", "-1/3", "+1/3", "1/3/5", " 1/3", "1/257", "1/99999"]
        {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn every_place_is_of_exactly_one_shard_and_no_shard_is_far_larger() {
        for of in [1, 2, 3, 7, 64] {
            let mut sizes = vec![0; usize::from(of)];
            for number in 0..2000 {
                let held: Vec<u16> =
                    (1..=of).filter(|shard| holds(Shard { number: *shard, of }, &app(number))).collect();
                let [one] = held.as_slice() else { panic!("app-{number} is of {held:?}") };
                sizes[usize::from(*one) - 1] += 1;
            }
            let fair = 2000 / usize::from(of);
            assert!(sizes.iter().all(|size| (fair / 3..=fair * 2).contains(size)), "{sizes:?}");
        }
    }

    /// What was told apart so once is so for ever: shards of two releases may be merged, and caches are of one shard.
    #[test]
    fn the_shard_of_a_place_never_changes() {
        let numbers = |location: &Location| (1..=3).find(|number| holds(Shard { number: *number, of: 3 }, location));
        let shown: Vec<_> = (0..8).map(|number| numbers(&app(number))).collect();
        assert_eq!(shown, [3, 1, 1, 2, 3, 3, 3, 2].map(Some));
    }

    #[test]
    fn a_repository_stays_together_and_every_shard_asks_the_organization() {
        let repository = |name: &str| GithubHolder::Repository { repository: name.to_owned() };
        let environment =
            GithubHolder::Environment { repository: "acme/shop".to_owned(), environment: "production".to_owned() };
        let organization = GithubHolder::Organization { organization: "acme".to_owned() };
        let of = 64;
        let held = |location: &Location| (1..=of).find(|number| holds(Shard { number: *number, of }, location));
        let plain = held(&github(GithubStore::Actions, repository("acme/shop")));
        assert_eq!(plain, held(&github(GithubStore::Actions, environment)));
        assert_eq!(plain, held(&github(GithubStore::Variables, repository("Acme/Shop"))));
        assert_ne!(plain, held(&github(GithubStore::Actions, repository("acme/other"))));
        let organization = github(GithubStore::Actions, organization);
        assert!((1..=of).all(|number| asks(Shard { number, of }, &organization)));
        assert_eq!((1..=of).filter(|number| holds(Shard { number: *number, of }, &organization)).count(), 1);
    }
}

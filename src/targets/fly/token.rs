//! How a Fly token is presented.

use zeroize::Zeroizing;

/// The APIs, which take the same tokens in different ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Api {
    /// The Machines API.
    Machines,
    /// The dashboard's API, which knows releases.
    Dashboard,
}

/// Returns the `Authorization` header for a token, or `None` if there is nothing in it.
///
/// A token may be a list of several, and may bring a scheme along: `fly tokens create` prints one that begins with
/// `FlyV1`. The rule is that of Fly's own client (fly-go, `tokens/tokens.go`): if there are macaroons, the Machines API
/// gets them alone, under `FlyV1`; in all other cases all tokens go under `Bearer`.
pub(super) fn authorization(token: &str, api: Api) -> Option<Zeroizing<String>> {
    let tokens: Vec<&str> = without_scheme(token).split(',').map(str::trim).filter(|token| !token.is_empty()).collect();
    if tokens.is_empty() {
        return None;
    }
    let macaroons: Vec<&str> = tokens.iter().copied().filter(|token| is_macaroon(token)).collect();
    let (scheme, presented) = match api {
        Api::Machines if !macaroons.is_empty() => ("FlyV1 ", macaroons),
        Api::Machines | Api::Dashboard => ("Bearer ", tokens),
    };
    let mut header = Zeroizing::new(String::with_capacity(scheme.len() + token.len()));
    header.push_str(scheme);
    for (index, token) in presented.iter().enumerate() {
        if index > 0 {
            header.push(',');
        }
        header.push_str(token);
    }
    Some(header)
}

/// Returns whether there is a macaroon among the tokens.
pub(super) fn has_macaroon(token: &str) -> bool {
    without_scheme(token).split(',').any(|token| is_macaroon(token.trim()))
}

fn without_scheme(token: &str) -> &str {
    let mut rest = token.trim();
    while let Some((scheme, tokens)) = rest.split_once(char::is_whitespace) {
        if !scheme.eq_ignore_ascii_case("Bearer") && !scheme.eq_ignore_ascii_case("FlyV1") {
            break;
        }
        rest = tokens.trim_start();
    }
    rest
}

fn is_macaroon(token: &str) -> bool {
    token.split_once('_').is_some_and(|(prefix, _)| matches!(prefix, "fm1r" | "fm1a" | "fm2"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_presented_as_flys_own_client_does() {
        let table = [
            ("fo1_abc", Some("Bearer fo1_abc"), Some("Bearer fo1_abc")),
            ("opaque", Some("Bearer opaque"), Some("Bearer opaque")),
            ("fm2_a", Some("FlyV1 fm2_a"), Some("Bearer fm2_a")),
            ("FlyV1 fm2_a", Some("FlyV1 fm2_a"), Some("Bearer fm2_a")),
            ("Bearer fm2_a", Some("FlyV1 fm2_a"), Some("Bearer fm2_a")),
            ("flyv1 Bearer FlyV1 fm1r_a\n", Some("FlyV1 fm1r_a"), Some("Bearer fm1r_a")),
            ("FlyV1 fm2_a, fm1a_b,fo1_c", Some("FlyV1 fm2_a,fm1a_b"), Some("Bearer fm2_a,fm1a_b,fo1_c")),
            ("fm3_a", Some("Bearer fm3_a"), Some("Bearer fm3_a")),
            ("fm2", Some("Bearer fm2"), Some("Bearer fm2")),
            ("fo1_a,,", Some("Bearer fo1_a"), Some("Bearer fo1_a")),
            ("", None, None),
            (" \n", None, None),
            (",", None, None),
        ];
        for (token, machines, dashboard) in table {
            let header = |api| authorization(token, api).map(|header| header.as_str().to_owned());
            assert_eq!(header(Api::Machines).as_deref(), machines, "{token}");
            assert_eq!(header(Api::Dashboard).as_deref(), dashboard, "{token}");
        }
    }
}

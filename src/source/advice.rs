//! What is said when OAuth does not work, and what to do about it.

use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};

use super::grant::Why;
use super::retry::Story;
use crate::error::{Error, Kind};

/// The generic host; it refuses many companies' good credentials (API reference, A).
const GENERIC_HOST: &str = "https://api.gong.io";

/// The error for an access key or token that is refused.
pub fn refused_credentials(base_url: &str, story: &Story) -> Error {
    let check = "check the access key and its secret, its expiry, and the list of trusted addresses in Gong";
    let hint = match base_url.trim_end_matches('/') == GENERIC_HOST {
        true => format!(
            "{check}; many companies must set source.base_url to their own host, shown on Gong's API settings page"
        ),
        false => check.to_owned(),
    };
    Error::new(Kind::Credentials, story.to_string()).hint(hint)
}

/// What only a person can do.
fn authorise_again(page: &str) -> String {
    format!(
        "a Gong administrator must authorise the app again: open {page} with the app's client_id, exchange the code for tokens, and put the new refresh token into source.oauth.refresh_token"
    )
}

/// The error for a refresh that was refused. `first` if the token was the configured one; `lost` if it had been sent before, then, without an answer
/// that was stored.
pub fn refused_grant(why: &Why, story: &Story, first: bool, lost: Option<DateTime<Utc>>, page: &str) -> Error {
    match why {
        Why::Grant => {
            let which = if first { "source.oauth.refresh_token" } else { "the ledger's refresh token" };
            let message = match lost {
                Some(at) => format!(
                    "{story}; {which} was sent at {} and the answer, with the token that follows, was lost before it was stored: the process was killed or the connection broke",
                    at.to_rfc3339_opts(SecondsFormat::Secs, true)
                ),
                None => format!("{story}; {which} has been used before, has expired or was revoked"),
            };
            let mut hint = authorise_again(page);
            if first && lost.is_none() {
                hint += "; each refresh token works once, and the ledger keeps the one that follows: it must outlive the run, and no other program or ledger may use the same token";
            }
            Error::new(Kind::Credentials, message).hint(hint)
        }
        Why::Client => Error::new(Kind::Credentials, story.to_string())
            .hint("check source.oauth.client_id and client_secret; the refresh token was not used up"),
        Why::Address(Some(host)) => Error::new(Kind::Config, story.to_string()).hint(format!(
            "the token endpoint redirects to {host}; redirects are not followed, because they would lose or leak the credentials: set source.oauth.token_url"
        )),
        Why::Address(None) => {
            Error::new(Kind::Config, story.to_string()).hint("there is no token endpoint: check source.oauth.token_url")
        }
        Why::Other => Error::new(Kind::Credentials, story.to_string())
            .hint("check the OAuth app in Gong, and the list of trusted addresses there"),
    }
}

/// The error for an access token that is refused for good, or whose host redirects. `configured` is the setting that is used if the vendor names
/// no host.
pub fn refused_access(base: &str, configured: &str, redirect: Option<&str>, story: &Story) -> Error {
    let is_configured = base == configured.trim_end_matches('/');
    if let Some(host) = redirect {
        let what = match is_configured {
            true => format!("set source.base_url to https://{host}"),
            false => format!("Gong named {base} as the company's host, which sends on to {host}: ask Gong's support"),
        };
        let why = "redirects are not followed, because they would lose the credentials";
        return Error::new(Kind::Config, story.to_string()).hint(format!("{what}; {why}"));
    }
    let mut hint = "the access token is refused although it is new: check in Gong that the app is authorised, the company active, and this machine's address trusted".to_owned();
    if is_configured && base == GENERIC_HOST {
        hint += "; many companies must set source.base_url to their own host, shown on Gong's API settings page";
    }
    Error::new(Kind::Credentials, story.to_string()).hint(hint)
}

/// The error for a host that is not fit to be sent a token.
pub fn bad_host(rule: &str) -> Error {
    Error::new(Kind::Credentials, format!("the token endpoint named a host that is not used: {rule}"))
        .hint("check source.oauth.token_url; the tokens are kept, and the host is read again at the next refresh")
}

/// The error for tokens that came and could not be stored.
pub fn not_stored(cause: Error, page: &str) -> Error {
    let hint = format!("make the ledger writable; the refresh token is used up: {}", authorise_again(page));
    cause.context("new OAuth tokens came and could not be stored").hint(hint)
}

/// The error for a refresh by another process that does not end.
pub fn waited_in_vain(waited: Duration) -> Error {
    let waited = humantime::format_duration(Duration::from_secs(waited.as_secs()));
    Error::new(Kind::Locked, format!("another process has been refreshing the OAuth tokens for {waited}"))
        .hint("see whether it hangs; it may be stopped, but only it can store the answer it waits for")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entity::spec::Method;
    use crate::source::classify::Told;
    use crate::source::request::Request;
    use crate::source::retry::Attempts;

    const PAGE: &str = "https://app.gong.io/oauth2/authorize";

    fn story() -> Story {
        let (path, subject) = ("/x".to_owned(), "y".to_owned());
        let request = Request { method: Method::Post, path, query: Vec::new(), body: None, subject, retries: None };
        let mut attempts = Attempts::new(&request);
        attempts.begin();
        *attempts.story(Told { status: 400, request_id: None, text: "invalid_grant".to_owned() })
    }

    fn said(error: &Error) -> String {
        format!("{} {error} / {}", error.kind().exit_code(), error.advice().unwrap_or_default())
    }

    #[test]
    fn a_dead_refresh_token_says_which_why_and_what_to_do() {
        let told = "POST /x for y: HTTP 400: invalid_grant, after 1 attempt";
        let again = format!("a Gong administrator must authorise the app again: open {PAGE} with the app's client_id");
        let configured = said(&refused_grant(&Why::Grant, &story(), true, None, PAGE));
        let start =
            format!("3 {told}; source.oauth.refresh_token has been used before, has expired or was revoked / {again}");
        assert!(configured.starts_with(&start), "{configured}");
        assert!(configured.contains("each refresh token works once"), "{configured}");
        let lost = said(&refused_grant(&Why::Grant, &story(), false, Some(DateTime::UNIX_EPOCH), PAGE));
        let start = format!("3 {told}; the ledger's refresh token was sent at 1970-01-01T00:00:00Z and the answer");
        assert!(lost.starts_with(&start) && lost.contains(&again), "{lost}");
    }

    #[test]
    fn t39_the_generic_host_is_named_as_a_cause_of_refused_credentials() {
        // It refuses good credentials of the many companies that have a host of their own.
        let generic = said(&refused_credentials("https://api.gong.io/", &story()));
        let expected = "many companies must set source.base_url to their own host, shown on Gong's API settings page";
        assert!(generic.starts_with("3 ") && generic.ends_with(expected), "{generic}");
        assert!(!said(&refused_credentials("https://us-1.api.gong.io", &story())).contains("base_url"));
    }

    #[test]
    fn the_advice_about_the_host_fits_where_the_host_came_from() {
        let generic = said(&refused_access(GENERIC_HOST, "https://api.gong.io/", None, &story()));
        assert!(generic.starts_with("3 ") && generic.contains("many companies must set source.base_url"), "{generic}");
        let own = said(&refused_access("https://us-1.api.gong.io", GENERIC_HOST, None, &story()));
        assert!(!own.contains("source.base_url"), "{own}");
        let set = said(&refused_access(GENERIC_HOST, GENERIC_HOST, Some("us-2.api.gong.io"), &story()));
        assert!(set.starts_with("2 ") && set.contains("set source.base_url to https://us-2.api.gong.io"), "{set}");
        let named = said(&refused_access("https://us-1.api.gong.io", GENERIC_HOST, Some("us-2"), &story()));
        assert!(named.contains("Gong named https://us-1.api.gong.io as the company's host"), "{named}");
    }

    #[test]
    fn settings_are_told_from_credentials() {
        let code = |why: Why| refused_grant(&why, &story(), true, None, PAGE).kind().exit_code();
        assert_eq!([Why::Client, Why::Other].map(code), [3, 3]);
        assert_eq!([Why::Address(None), Why::Address(Some("h".to_owned()))].map(code), [2, 2]);
    }
}

//! What settings must satisfy beyond their types. Each message names the file, the key and the rule.

use super::{CallsFrom, Config, env};
use crate::error::{Error, Kind, Result};

/// Checks the settings that every command needs. `set` are the variables of the environment that lie over the file, `entities` the known names.
pub fn check(file: &str, config: &Config, set: &[&str], entities: &[&str]) -> Result<()> {
    let wrong = |key: &str, rule: String| {
        let place = env::origin(key, set).map_or_else(|| format!("{file}: {key}"), str::to_owned);
        Err(Error::new(Kind::Config, format!("{place}: {rule}")))
    };
    if let Err(rule) = api_host(&config.source.base_url) {
        return wrong("source.base_url", rule);
    }
    let source = &config.source;
    if source.access_token.is_some() && (source.access_key.is_some() || source.access_key_secret.is_some()) {
        let rule = match env::origin("source.access_token", set) {
            Some(_) => "set either this, or GONG_ACCESS_KEY and GONG_ACCESS_KEY_SECRET, not both",
            None => "set either access_key and access_key_secret, or access_token, not both",
        };
        return wrong("source.access_token", rule.to_owned());
    }
    if source.access_key.is_some() != source.access_key_secret.is_some() {
        let rule = match env::origin("source.access_key", set) {
            Some(_) => "GONG_ACCESS_KEY and GONG_ACCESS_KEY_SECRET go together; one is missing",
            None => "access_key and access_key_secret go together; one is missing",
        };
        return wrong("source.access_key", rule.to_owned());
    }
    if source.time_zone.as_deref().is_some_and(|zone| zone.parse::<chrono_tz::Tz>().is_err()) {
        return wrong("source.time_zone", "must be an IANA name such as \"America/New_York\"".to_owned());
    }
    if let Some((key, rule)) = oauth(source) {
        return wrong(&key, rule);
    }
    if let Some((key, rule)) = limits(config).or_else(|| sync(config, entities)).or_else(|| output(config)) {
        return wrong(&key, rule);
    }
    Ok(())
}

/// The rule that the address of the API breaks, if any.
pub fn api_host(text: &str) -> std::result::Result<(), String> {
    let url = private(text)?;
    let bare = url.path().is_empty() || url.path() == "/";
    if !bare || !url.username().is_empty() || url.password().is_some() || url.query().is_some() {
        return Err("must be scheme and host only, without a path such as /v2".to_owned());
    }
    Ok(())
}

/// An address to which secrets may be sent, or the rule that it breaks.
fn private(text: &str) -> std::result::Result<url::Url, String> {
    let url = url::Url::parse(text).map_err(|e| format!("\"{text}\" is not a URL: {e}"))?;
    let host = url.host_str().unwrap_or_default();
    match url.scheme() {
        "https" if !host.is_empty() => {}
        "http" if is_loopback(&url) => {}
        "http" => {
            return Err(format!(
                "http:// sends the credentials in the clear and is allowed for loopback only, not for {host}"
            ));
        }
        scheme => return Err(format!("must start with https://, not {scheme}://")),
    }
    Ok(url)
}

fn is_loopback(url: &url::Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

type Broken = Option<(String, String)>;

fn broken(key: &str, rule: impl Into<String>) -> Broken {
    Some((key.to_owned(), rule.into()))
}

fn oauth(source: &super::SourceSettings) -> Broken {
    let oauth = source.oauth.as_ref()?;
    if source.access_key.is_some() || source.access_token.is_some() {
        return broken(
            "source.oauth",
            "set one way to sign in: access_key and access_key_secret, access_token, or [source.oauth]",
        );
    }
    let given = |secret: &Option<secrecy::SecretString>| {
        secret.as_ref().is_some_and(|s| !secrecy::ExposeSecret::expose_secret(s).is_empty())
    };
    let parts = [
        ("client_id", oauth.client_id.as_ref().is_some_and(|id| !id.is_empty())),
        ("client_secret", given(&oauth.client_secret)),
        ("refresh_token", given(&oauth.refresh_token)),
    ];
    if let Some((name, _)) = parts.iter().find(|(_, given)| !given) {
        return broken(
            &format!("source.oauth.{name}"),
            "is missing; client_id, client_secret and refresh_token go together",
        );
    }
    match private(&oauth.token_url) {
        Ok(url) if url.query().is_none() && url.username().is_empty() && url.password().is_none() => None,
        Ok(_) => broken("source.oauth.token_url", "must be scheme, host and path only"),
        Err(rule) => broken("source.oauth.token_url", rule),
    }
}

fn limits(config: &Config) -> Broken {
    let limits = &config.limits;
    if !(limits.requests_per_second > 0.0 && limits.requests_per_second <= 10_000.0) {
        return broken("limits.requests_per_second", "must be above 0 and at most 10000");
    }
    if limits.requests_per_day == 0 {
        return broken("limits.requests_per_day", "must be at least 1");
    }
    if limits.reserve() >= limits.requests_per_day {
        return broken(
            "limits.reserve",
            format!("must be below requests_per_day ({}), or nothing is left to use", limits.requests_per_day),
        );
    }
    if let Some(rule) = limits.forbids_backfills(0).filter(|_| config.sync.continue_backfills) {
        return broken(
            "limits.requests_per_day",
            format!("{rule}; sync.continue_backfills could never go on with one"),
        );
    }
    if !(1..=256).contains(&limits.max_in_flight) {
        return broken("limits.max_in_flight", "must be 1 to 256");
    }
    if limits.request_timeout.std().is_zero() {
        return broken("limits.request_timeout", "must be longer than nothing");
    }
    None
}

fn sync(config: &Config, entities: &[&str]) -> Broken {
    let sync = &config.sync;
    if sync.entities.is_empty() {
        return broken("sync.entities", "names no entity; \"all\" is every list entity");
    }
    for name in sync.entities.iter().filter(|name| *name != "all") {
        if !entities.contains(&name.as_str()) {
            return broken("sync.entities", unknown_entity(name, entities));
        }
    }
    for (name, settings) in &config.entities {
        if !entities.contains(&name.as_str()) {
            return broken(&format!("entities.{name}"), unknown_entity(name, entities));
        }
        if settings.include_media_urls && name != "calls_extensive" {
            return broken(&format!("entities.{name}.include_media_urls"), "belongs to calls_extensive only");
        }
        if settings.content_selector.as_ref().is_some_and(|selector| !selector.is_object()) {
            return broken(
                &format!("entities.{name}.content_selector"),
                "must be a table, as Gong's contentSelector is",
            );
        }
        if settings.calls_from != CallsFrom::Listing && name != "calls" {
            return broken(&format!("entities.{name}.calls_from"), "belongs to calls only, and rules its family");
        }
        if settings.reread.as_ref().is_some_and(|ages| !rising(ages)) {
            return broken(&format!("entities.{name}.reread"), "ages must rise, and there must be at least one");
        }
        if settings.workspace_id.as_ref().is_some_and(|id| id.is_empty() || !id.bytes().all(|b| b.is_ascii_digit())) {
            return broken(&format!("entities.{name}.workspace_id"), "must be Gong's id: digits only");
        }
    }
    if !rising(&sync.reread) {
        return broken("sync.reread", "ages must rise, and there must be at least one");
    }
    if sync.recheck_every.std().is_zero() {
        return broken("sync.recheck_every", "must be longer than nothing");
    }
    if !(0.0..=1.0).contains(&sync.shrink_limit) {
        return broken("sync.shrink_limit", "is a share: 0 to 1");
    }
    None
}

fn rising(ages: &[super::Span]) -> bool {
    !ages.is_empty() && ages.windows(2).all(|pair| pair[0] < pair[1])
}

/// What is wrong with a place for objects, if something is.
fn place(url: &str) -> Option<String> {
    match url.split_once("://") {
        None if url.is_empty() => Some("must be a folder or s3://bucket/prefix".to_owned()),
        None => of_shell(url),
        Some(("s3" | "gs" | "az", rest)) if !rest.starts_with('/') && !rest.is_empty() => None,
        Some((scheme @ ("s3" | "gs" | "az"), _)) => Some(format!("{scheme}:// needs a bucket")),
        Some((scheme, _)) => Some(format!("{scheme}:// is not supported; use a folder or s3://bucket/prefix")),
    }
}

/// A path that only a shell would understand.
fn of_shell(path: &str) -> Option<String> {
    (path == "~" || path.starts_with("~/"))
        .then(|| "~ is a shell's word for the home folder: write the whole path".to_owned())
}

fn output(config: &Config) -> Broken {
    if let Some(rule) = place(&config.output.url) {
        return broken("output.url", rule);
    }
    if let Some(rule) = config.state.backup.as_deref().and_then(place) {
        return broken("state.backup", rule);
    }
    let ledger = &config.state.path;
    if ledger.as_os_str().is_empty() || ledger.file_name().is_none() {
        return broken("state.path", "must name the ledger's file, such as \"state/gong-elt.db\"");
    }
    if let Some(rule) = of_shell(&ledger.to_string_lossy()) {
        return broken("state.path", rule);
    }
    let s3 = &config.output.s3;
    if s3.endpoint.as_deref().is_some_and(|e| e.starts_with("http://")) && !s3.allow_http {
        return broken("output.s3.endpoint", "http:// needs allow_http = true");
    }
    if s3.access_key_id.is_some() != s3.secret_access_key.is_some() {
        return broken("output.s3.access_key_id", "access_key_id and secret_access_key go together; one is missing");
    }
    None
}

/// The message for a name that is no entity, with the nearest that is.
pub fn unknown_entity(name: &str, entities: &[&str]) -> String {
    let near = entities.iter().min_by_key(|known| strsim::damerau_levenshtein(name, known));
    match near {
        Some(near) => format!("there is no entity \"{name}\"; the nearest is \"{near}\""),
        None => format!("there is no entity \"{name}\""),
    }
}

impl Config {
    /// True if the vendor's address is on this machine: a simulator.
    pub fn is_loopback(&self) -> bool {
        let here = |url: &str| url::Url::parse(url).is_ok_and(|url| is_loopback(&url));
        here(&self.source.base_url) && self.source.oauth.as_ref().is_none_or(|oauth| here(&oauth.token_url))
    }

    /// The error for a command that needs the vendor and has no way to sign in.
    pub fn missing_credentials(file: &str) -> Error {
        Error::new(Kind::Config, format!("{file}: source: no credentials")).hint(format!(
            "set access_key and access_key_secret (or GONG_ACCESS_KEY and GONG_ACCESS_KEY_SECRET), access_token, or [source.oauth]; {} names the host",
            env::BASE_URL
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::load::parse;

    #[test]
    fn each_broken_rule_names_file_and_key() {
        let cases = [
            (
                "[source]\nbase_url = \"http://api.gong.io\"",
                "f: source.base_url: http:// sends the credentials in the clear",
            ),
            ("[source]\nbase_url = \"api.gong.io\"", "f: source.base_url: \"api.gong.io\" is not a URL"),
            ("[source]\nbase_url = \"ftp://x\"", "must start with https://, not ftp://"),
            ("[source]\naccess_key = \"k\"", "f: source.access_key: access_key and access_key_secret go together"),
            ("[source.oauth]\nclient_id = \"a\"", "f: source.oauth.client_secret: is missing"),
            ("[source]\naccess_token = \"t\"\n[source.oauth]", "f: source.oauth: set one way to sign in"),
            (
                "[source.oauth]\nclient_id = \"a\"\nclient_secret = \"b\"\nrefresh_token = \"c\"\ntoken_url = \"http://app.gong.io/x\"",
                "f: source.oauth.token_url: http:// sends the credentials in the clear",
            ),
            (
                "[source.oauth]\nclient_id = \"a\"\nclient_secret = \"b\"\nrefresh_token = \"c\"\ntoken_url = \"https://x/y?z=1\"",
                "f: source.oauth.token_url: must be scheme, host and path only",
            ),
            ("[source]\ntime_zone = \"Mars\"", "f: source.time_zone: must be an IANA name"),
            ("[limits]\nrequests_per_second = 0", "f: limits.requests_per_second: must be above 0"),
            (
                "[entities.users]\ncalls_from = \"details\"",
                "f: entities.users.calls_from: belongs to calls only, and rules its family",
            ),
            (
                "[limits]\nrequests_per_day = 100\nreserve = 100",
                "f: limits.reserve: must be below requests_per_day (100)",
            ),
            (
                "[limits]\nrequests_per_day = 220\n[sync]\ncontinue_backfills = true",
                "f: limits.requests_per_day: 220 requests a day leave none to a backfill: it leaves limits.reserve (22) to others",
            ),
            (
                "[sync]\nentities = [\"cals\"]",
                "f: sync.entities: there is no entity \"cals\"; the nearest is \"calls\"",
            ),
            ("[sync]\nreread = [\"2d\", \"1d\"]", "f: sync.reread: ages must rise"),
            ("[output]\nurl = \"s3:///x\"", "f: output.url: s3:// needs a bucket"),
            ("[output]\nurl = \"~/data\"", "f: output.url: ~ is a shell's word for the home folder"),
            ("[state]\npath = \"~/ledger.db\"", "f: state.path: ~ is a shell's word"),
            ("[state]\npath = \"\"", "f: state.path: must name the ledger's file"),
            ("[output]\nurl = \"ftp://x\"", "f: output.url: ftp:// is not supported"),
            ("[output.s3]\nendpoint = \"http://x\"", "f: output.s3.endpoint: http:// needs allow_http = true"),
            ("[entities.users]\nworkspace_id = \"../x\"", "f: entities.users.workspace_id: must be Gong's id"),
        ];
        for (text, expected) in cases {
            let config = parse("f", text).expect("the text parses");
            let error = check("f", &config, &[], &["calls", "users"]).expect_err(text);
            assert!(error.to_string().contains(expected), "{text}: {error}");
        }
        let good = parse("f", "[source]\nbase_url = \"http://127.0.0.1:9\"").expect("the text parses");
        check("f", &good, &[], &[]).expect("loopback may be plain");
    }
}

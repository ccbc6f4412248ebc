//! The environment variables that are settings, and what they override, and what it overrides.

use std::path::PathBuf;

use secrecy::SecretString;

use super::Config;

/// Path of the configuration file; `--config` wins.
pub const CONFIG: &str = "GONG_ELT_CONFIG";
/// The configuration file where no flag names one. A variable that is empty counts as unset, as every other of ours does.
pub fn default_file() -> PathBuf {
    let named = std::env::var_os(CONFIG).filter(|path| !path.is_empty());
    named.map_or_else(|| PathBuf::from("gong-elt.toml"), PathBuf::from)
}

/// `source.base_url`.
pub const BASE_URL: &str = "GONG_BASE_URL";
/// `source.access_key`.
const ACCESS_KEY: &str = "GONG_ACCESS_KEY";
/// `source.access_key_secret`.
const ACCESS_KEY_SECRET: &str = "GONG_ACCESS_KEY_SECRET";
/// `source.access_token`.
const ACCESS_TOKEN: &str = "GONG_ACCESS_TOKEN";

/// The variable that a setting came from, if one of these is set.
pub fn origin<'v>(key: &str, set: &[&'v str]) -> Option<&'v str> {
    let names: &[&str] = match key {
        "source.base_url" => &[BASE_URL],
        "source.access_token" => &[ACCESS_TOKEN],
        "source.access_key" => &[ACCESS_KEY, ACCESS_KEY_SECRET],
        _ => &[],
    };
    set.iter().find(|name| names.contains(name)).copied()
}

/// Puts the environment over the file; the variables that are set. A sign-in from the environment replaces the file's whole sign-in.
pub fn overlay(config: &mut Config, variable: impl Fn(&str) -> Option<String>) -> Vec<&'static str> {
    let source = &mut config.source;
    if let Some(url) = variable(BASE_URL) {
        source.base_url = url;
    }
    let secret = |name| variable(name).map(SecretString::from);
    if let Some(token) = secret(ACCESS_TOKEN) {
        (source.access_token, source.access_key, source.access_key_secret) = (Some(token), None, None);
        source.oauth = None;
    }
    for (name, slot) in [(ACCESS_KEY, &mut source.access_key), (ACCESS_KEY_SECRET, &mut source.access_key_secret)] {
        if let Some(value) = secret(name) {
            *slot = Some(value);
            source.oauth = None;
            if variable(ACCESS_TOKEN).is_none() {
                source.access_token = None;
            }
        }
    }
    let names = [BASE_URL, ACCESS_TOKEN, ACCESS_KEY, ACCESS_KEY_SECRET];
    names.into_iter().filter(|name| variable(name).is_some()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Credentials;

    #[test]
    fn a_sign_in_from_the_environment_replaces_the_files_own() {
        let oauth = "[source.oauth]\nclient_id = \"a\"\nclient_secret = \"b\"\nrefresh_token = \"c\"";
        for set in [&[ACCESS_TOKEN][..], &[ACCESS_KEY, ACCESS_KEY_SECRET], &[]] {
            let mut config: Config = toml::from_str(oauth).expect("the text parses");
            overlay(&mut config, |name| set.contains(&name).then(|| "x".to_owned()));
            let found = config.source.credentials();
            let right = match set.len() {
                1 => matches!(found, Some(Credentials::Token(_))),
                2 => matches!(found, Some(Credentials::AccessKey(..))),
                _ => matches!(found, Some(Credentials::OAuth(_))),
            };
            assert!(right, "{set:?}: {found:?}");
        }
    }
}

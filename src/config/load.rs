//! File, then environment, then judgement. Messages name the file, the key and the rule.

use std::path::{Path, PathBuf};

use super::{Config, env, validate};
use crate::error::{Error, Kind, Result};

/// Loads the file at `path`, puts the environment over it and checks the result. Relative paths in it are made relative to the file.
///
/// # Errors
/// [`Kind::Config`] naming file, key and rule.
pub fn load(path: &Path, variable: impl Fn(&str) -> Option<String>, entities: &[&str]) -> Result<Config> {
    let shown = path.display();
    let text = std::fs::read_to_string(path).map_err(|e| {
        let error = Error::new(Kind::Config, format!("cannot read the configuration {shown}"));
        let hint = format!(
            "`gong-elt init --config {shown}` writes a commented one; --config or {} names another",
            env::CONFIG
        );
        error.caused_by(e).hint(hint)
    })?;
    let mut config = parse(&shown.to_string(), &text)?;
    let set = env::overlay(&mut config, variable);
    validate::check(&shown.to_string(), &config, &set, entities)?;
    let base = std::path::absolute(path).ok().and_then(|p| p.parent().map(Path::to_path_buf)).unwrap_or_default();
    config.state.path = base.join(&config.state.path);
    for url in [Some(&mut config.output.url), config.state.backup.as_mut()].into_iter().flatten() {
        if !url.contains("://") {
            *url = join_text(&base, url);
        }
    }
    Ok(config)
}

fn join_text(base: &Path, path: &str) -> String {
    let joined: PathBuf = base.join(path).components().collect();
    joined.to_string_lossy().into_owned()
}

/// Parses the text of a configuration file; unknown keys are refused with the nearest known one.
pub fn parse(file: &str, text: &str) -> Result<Config> {
    toml::from_str(text).map_err(|e| {
        let error = Error::new(Kind::Config, format!("{file}: {}", redacted(&e, text)));
        match nearest(e.message()) {
            Some(known) => error.hint(format!("did you mean `{known}`?")),
            None => error.hint("`gong-elt init --config example.toml` writes a file with every key"),
        }
    })
}

/// toml shows the line at fault; a line that may hold a secret is named by its key only.
fn redacted(error: &toml::de::Error, text: &str) -> String {
    let shown = error.to_string();
    let start = error.span().map_or(0, |span| span.start.min(text.len()));
    let line_start = text[..start].rfind('\n').map_or(0, |i| i + 1);
    let line = text[line_start..].lines().next().unwrap_or_default();
    let key = line.split('=').next().unwrap_or_default().trim();
    let number = text[..start].matches('\n').count() + 1;
    if ["key", "secret", "token", "oauth"].iter().any(|word| key.contains(word)) {
        return format!("line {number}, {key}: {}", error.message().split(", expected").next().unwrap_or_default());
    }
    shown.trim_end().to_owned()
}

/// The known name that is nearest to the unknown one of serde's message: "unknown field `x`, expected one of `a`, `b`".
fn nearest(message: &str) -> Option<String> {
    let rest = message.strip_prefix("unknown field `").or_else(|| message.strip_prefix("unknown variant `"))?;
    let (unknown, expected) = rest.split_once('`')?;
    let known = expected.split('`').skip(1).step_by(2);
    let scored = known.map(|name| (strsim::damerau_levenshtein(unknown, name), name));
    scored.min().filter(|(distance, name)| *distance <= name.len().div_ceil(2)).map(|(_, name)| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::EXAMPLE;

    fn message(text: &str) -> String {
        match parse("gong-elt.toml", text) {
            Ok(_) => "accepted".to_owned(),
            Err(error) => format!("{error} / {}", error.advice().unwrap_or_default()),
        }
    }

    #[test]
    fn the_example_file_states_every_default() {
        let example = parse("config.example.toml", EXAMPLE).expect("the example parses");
        let mut expected = Config::default();
        expected.sync.start_date = example.sync.start_date;
        expected.source.access_key = example.source.access_key.clone();
        expected.source.access_key_secret = example.source.access_key_secret.clone();
        assert_eq!(example, expected);
        // The keys that have no default, or another default than the shown one, are there as comments: uncommented they must load too.
        let uncommented: String = EXAMPLE
            .lines()
            .map(|line| line.strip_prefix("#: ").unwrap_or(line))
            .fold(String::new(), |all, line| all + line + "\n");
        parse("config.example.toml", &uncommented).expect("every shown key exists");
    }

    #[test]
    fn an_unknown_key_is_refused_with_the_nearest_known_one() {
        let text = message("[limits]\nrequest_per_second = 3\n");
        assert!(text.contains("gong-elt.toml") && text.contains("line 2"), "{text}");
        assert!(text.contains("unknown field `request_per_second`"), "{text}");
        assert!(text.ends_with("did you mean `requests_per_second`?"), "{text}");
    }

    #[test]
    fn a_wrong_type_names_the_key_and_no_secret_is_shown() {
        let text = message("[limits]\nmax_retries = \"many\"\n");
        assert!(text.contains("max_retries") && text.contains("invalid type: string"), "{text}");
        let text = message("[source]\naccess_key_secret = \"hush\"\naccess_key_secre = \"hush\"\n");
        assert!(!text.contains("hush"), "{text}");
        assert!(text.contains("line 3, access_key_secre: unknown field"), "{text}");
        let text = message("[source]\noauth = { client_id = \"a\", refresh_token = \"hush\", x = 1 }\n");
        assert!(!text.contains("hush") && text.contains("line 2, oauth: unknown field `x`"), "{text}");
    }

    #[test]
    fn a_bad_duration_says_what_one_looks_like() {
        let text = message("[sync]\nrecheck_every = \"often\"\n");
        assert!(text.contains("is not a duration such as \"90s\" or \"14d\""), "{text}");
    }
}

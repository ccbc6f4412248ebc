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
    let rule = in_words(error.message());
    let shown = error.to_string().replace(error.message(), &rule);
    let start = error.span().map_or(0, |span| span.start.min(text.len()));
    let line_start = text[..start].rfind('\n').map_or(0, |i| i + 1);
    let line = text[line_start..].lines().next().unwrap_or_default();
    let key = line.split('=').next().unwrap_or_default().trim();
    let number = text[..start].matches('\n').count() + 1;
    if ["key", "secret", "token", "oauth"].iter().any(|word| key.contains(word)) {
        return format!("line {number}, {key}: {}", rule.split(", expected").next().unwrap_or_default());
    }
    shown.trim_end().to_owned()
}

/// The rule that a value breaks, without the names that types have in the program.
fn in_words(message: &str) -> String {
    if message == "wanted string or table" {
        return "must be text in quotes".to_owned();
    }
    let kinds = ["invalid type: ", "invalid value: ", "unknown variant "];
    let Some((_, expected)) = kinds.iter().find_map(|kind| message.strip_prefix(kind)?.rsplit_once(", expected "))
    else {
        return message.to_owned();
    };
    let words = match expected {
        "u32" => "a whole number from 0 to 4294967295",
        "usize" | "u64" => "a whole number from 0 on",
        "f64" => "a number",
        "a boolean" => "true or false",
        "a string" | "path string" => "text in quotes",
        "a sequence" => "a list in square brackets",
        "a map" => "a table of settings",
        structure if structure.starts_with("struct ") => "a table of settings",
        other => other,
    };
    format!("must be {words}")
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
        assert!(text.contains("max_retries") && text.contains("must be a whole number"), "{text}");
        let text = message("[source]\naccess_key_secret = \"hush\"\naccess_key_secre = \"hush\"\n");
        assert!(!text.contains("hush"), "{text}");
        assert!(text.contains("line 3, access_key_secre: unknown field"), "{text}");
        let text = message("[source]\noauth = { client_id = \"a\", refresh_token = \"hush\", x = 1 }\n");
        assert!(!text.contains("hush") && text.contains("line 2, oauth: unknown field `x`"), "{text}");
    }

    #[test]
    fn a_wrong_type_is_told_in_words() {
        let cases = [
            ("[sync]\nstart_date = 2024", "must be a date such as \"2024-01-31\""),
            ("[sync]\nshrink_limit = \"half\"", "must be a number"),
            ("[sync]\nreread = \"1d\"", "must be a list in square brackets"),
            ("[sync]\nrecheck_every = 30", "must be a duration such as \"90s\" or \"14d\""),
            ("[sync]\nwindow = \"week\"", "must be one of `auto`, `day`, `month`"),
            ("[sync]\nwindow = 3", "must be text in quotes"),
            ("[sync]\ninclude_private = \"no\"", "must be true or false"),
            ("[sync]\nentities = [1]", "must be text in quotes"),
            ("[limits]\nmax_in_flight = -1", "must be a whole number from 0 on"),
            ("[limits]\nrequests_per_day = 5000000000", "must be a whole number from 0 to 4294967295"),
            ("[output]\nurl = 3", "must be text in quotes"),
            ("[state]\npath = 3", "must be text in quotes"),
            ("[entities]\nusers = 3", "must be a table of settings"),
            ("limits = 3", "must be a table of settings"),
            ("[source]\naccess_key = 12345", "line 2, access_key: must be text in quotes"),
        ];
        for (text, rule) in cases {
            let said = message(text);
            assert!(said.contains(rule), "{text}: {said}");
            let inner = ["invalid", "untagged", "struct", "f64", "u32", "usize", "12345"];
            assert!(inner.iter().all(|word| !said.contains(word)), "{text}: {said}");
        }
    }

    #[test]
    fn a_bad_duration_says_what_one_looks_like() {
        let text = message("[sync]\nrecheck_every = \"often\"\n");
        assert!(text.contains("is not a duration such as \"90s\" or \"14d\""), "{text}");
    }
}

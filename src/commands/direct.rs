//! What `list`, `get` and `download` have in common: the vendor's client over the ledger's rate and budget, without the run's lock.

use super::context::Context;
use super::signals;
use crate::cli::Cli;
use crate::entity::{Catalog, Entity};
use crate::error::{Error, Kind, Result};
use crate::run::{self, Whose};
use crate::source::{Failure, Refusal, Source, Story, Told};

/// The components of a direct verb.
pub struct Direct {
    /// Settings.
    pub context: Context,
    /// The vendor; the ledger keeps its rate and budget, together with a run that may be under way.
    pub source: Source,
}

impl Direct {
    /// Opens them. Nothing is asked yet.
    pub async fn open(context: Context) -> Result<Direct> {
        context.fetch_if_absent().await?;
        let ledger = context.ledger()?;
        let source = context.source(&ledger, context.config.limits.daily_budget(), None)?;
        signals::listen(&context.stop)?;
        Ok(Direct { context, source })
    }

    /// The error of a request that came to nothing.
    pub async fn failed(&self, entity: &Entity, failure: Failure) -> Error {
        match failure {
            Failure::Stopped => self.stopped(),
            Failure::Ledger(error) => error,
            Failure::Exhausted(story) => Error::new(Kind::Vendor, story.to_string()),
            Failure::Refused(Refusal::Credentials | Refusal::Forbidden, story) => self.doubted(entity, &story).await,
            Failure::Refused(refusal, story) => refused(refusal, &story.told, story.to_string()),
        }
    }

    /// The error of a command that was stopped.
    pub fn stopped(&self) -> Error {
        self.context.stopped()
    }

    /// The error of a refusal that says nothing of why: the entity's if others are answered.
    async fn doubted(&self, entity: &Entity, story: &Story) -> Error {
        let context = &self.context;
        match run::whose(&self.source, context.catalog, &entity.name, context.clock.now()).await {
            Ok(Whose::Entity) => Error::new(Kind::Permission, story.to_string())
                .hint(format!("{} may not be part of the company's plan; ask Gong", entity.name)),
            Ok(_) => self.source.credentials_error(&context.config.source.base_url, story),
            Err(Failure::Ledger(error)) => error,
            Err(_) => self.stopped(),
        }
    }
}

fn refused(refusal: Refusal, told: &Told, story: String) -> Error {
    match refusal {
        Refusal::Scope(scope) => {
            Error::new(Kind::Permission, story).hint(format!("add the scope {scope} to the credentials in Gong"))
        }
        Refusal::Redirect(host) => Error::new(Kind::Config, story).hint(format!(
            "set source.base_url to https://{host}; redirects are not followed, because they would lose the credentials"
        )),
        // The vendor's own answers have an id.
        Refusal::NotFound if told.request_id.is_some() => Error::new(Kind::Vendor, story),
        Refusal::NotFound => Error::new(Kind::Vendor, story).hint("check source.base_url: this 404 is not Gong's own"),
        Refusal::BadRequest => Error::new(Kind::Vendor, story).hint("Gong does not accept these values"),
        // Judged before, by what others are answered.
        Refusal::Credentials | Refusal::Forbidden => Error::new(Kind::Credentials, story),
    }
}

/// Settings, for a command that asks about `name`.
///
/// # Errors
/// [`Kind::Config`] if there is no such entity, or the settings are wrong.
pub fn entity(cli: &Cli, catalog: &'static Catalog, name: &str) -> Result<(Context, &'static Entity)> {
    let context = Context::load(cli, catalog)?;
    let names: Vec<&str> = catalog.all().map(|e| e.name.as_str()).collect();
    let unknown = || Error::new(Kind::Config, crate::config::unknown_entity(name, &names));
    Ok((context, catalog.get(name).ok_or_else(unknown)?))
}

/// Checks an id before it goes anywhere.
///
/// # Errors
/// [`Kind::Config`] naming `what`.
pub fn digits(what: &str, id: &str) -> Result<()> {
    if !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(());
    }
    let shown: String = id.chars().take(60).collect();
    Err(Error::new(Kind::Config, format!("{what}: {shown:?} is not an id of Gong's: ids are digits")))
}

/// JSON on one line: what is between the values goes, the values stay as they are.
pub fn compact(json: &str) -> String {
    let mut out = String::with_capacity(json.len() + 1);
    let (mut quoted, mut escaped) = (false, false);
    for c in json.chars() {
        if quoted {
            quoted = escaped || c != '"';
            escaped = c == '\\' && !escaped;
        } else if c.is_ascii_whitespace() {
            continue;
        } else {
            quoted = c == '"';
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compact_json_keeps_every_digit_and_text() {
        let given =
            "{ \"a b\" :\t[1.50e+10, 35657219295037524478 ,\r\n null],\n\"t\": \"x \\\" y \\\\\", \"u\":\"  \" }";
        let expected = "{\"a b\":[1.50e+10,35657219295037524478,null],\"t\":\"x \\\" y \\\\\",\"u\":\"  \"}";
        assert_eq!(compact(given), expected);
    }

    #[test]
    fn only_digits_are_ids() {
        assert!(digits("ID", "35657219295037524478").is_ok());
        for bad in ["", "12a", "-1", "1/2", "١٢", "1 2", "..", "%31"] {
            assert!(digits("ID", bad).is_err(), "{bad}");
        }
    }
}

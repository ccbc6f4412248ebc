//! Why a unit did not commit, and what that means for the run.

use crate::error::{Error, Kind};
use crate::halt::Reason;
use crate::source::{Failure, Refusal, Told};
use crate::unit::Unit;

use super::session::Session;

/// Why a unit did not commit.
#[derive(Debug)]
pub enum Trouble {
    /// The run stops; the unit goes on next time.
    Stopped,
    /// The unit failed; others go on.
    Failed(Error),
    /// The vendor does not permit the entity to these credentials; its other units are not tried.
    NotPermitted(Error),
    /// Nothing can go on.
    Fatal(Error),
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        match error.kind() {
            Kind::Vendor => Trouble::Failed(error),
            Kind::Permission => Trouble::NotPermitted(error),
            _ => Trouble::Fatal(error),
        }
    }
}

/// What a failed request means for its unit.
pub fn judge(session: &Session, unit: Unit, failure: Failure) -> Trouble {
    match failure {
        Failure::Stopped => Trouble::Stopped,
        Failure::Ledger(error) => Trouble::Fatal(error),
        Failure::Exhausted(story) => Trouble::Failed(
            Error::new(Kind::Vendor, story.to_string())
                .hint("nothing read so far is lost; the next run goes on from there"),
        ),
        Failure::Refused(refusal, story) => refused(session, unit, refusal, story.to_string()),
    }
}

fn refused(session: &Session, unit: Unit, refusal: Refusal, story: String) -> Trouble {
    let name = &unit.entity.name;
    match refusal {
        Refusal::Scope(scope) => {
            let hint =
                format!("add the scope {scope} to the credentials in Gong, or leave {name} out of sync.entities");
            Trouble::NotPermitted(Error::new(Kind::Permission, story).hint(hint))
        }
        Refusal::Forbidden if session.source.has_answered() => {
            let hint =
                format!("{name} may not be part of the company's plan; ask Gong, or leave it out of sync.entities");
            Trouble::NotPermitted(Error::new(Kind::Permission, story).hint(hint))
        }
        Refusal::Credentials | Refusal::Forbidden => {
            Trouble::Fatal(Error::new(Kind::Credentials, story).hint(credentials_hint(&session.config.source.base_url)))
        }
        Refusal::Redirect(host) => {
            let hint = format!(
                "set source.base_url to https://{host}; redirects are not followed, because they would lose the credentials"
            );
            Trouble::Fatal(Error::new(Kind::Config, story).hint(hint))
        }
        Refusal::NotFound => {
            let hint = "this 404 is not Gong's \"nothing found\": check source.base_url, and whether the company has this feature";
            Trouble::Failed(Error::new(Kind::Vendor, story).hint(hint))
        }
        Refusal::BadRequest => {
            Trouble::Failed(Error::new(Kind::Vendor, story).hint("please report this with the requestId"))
        }
    }
}

/// What to do about refused credentials; the generic host refuses many companies' good ones (API reference, A).
pub fn credentials_hint(base_url: &str) -> String {
    let check = "check the access key and its secret, its expiry, and the list of trusted addresses in Gong";
    if base_url.trim_end_matches('/') == "https://api.gong.io" {
        return format!(
            "{check}; many companies must set source.base_url to their own host, shown on Gong's API settings page"
        );
    }
    check.to_owned()
}

/// The failure of a listing that the vendor repeats.
pub fn repeated(unit: Unit, what: &str) -> Trouble {
    Trouble::Failed(
        Error::new(Kind::Vendor, format!("{unit}: {what}: the listing would never end"))
            .hint("please report this; the next run starts the listing again"),
    )
}

/// The failure of a listing whose cursor died again and again.
pub fn restarted(unit: Unit, told: &Told) -> Trouble {
    let text = format!("{unit}: the cursor was refused each time the listing was started again: {told}");
    Trouble::Failed(Error::new(Kind::Vendor, text).hint("run again; a smaller sync.window makes listings shorter"))
}

/// Stops the run for what cannot go on.
pub fn stop_for(session: &Session, trouble: &Trouble) {
    if let Trouble::Fatal(_) = trouble {
        session.stop.pull(Reason::Fatal);
    }
}

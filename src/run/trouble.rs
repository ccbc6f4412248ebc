//! Why a unit did not commit, and what that means for the run.

use crate::error::{Error, Kind};
use crate::halt::Reason;
use crate::source::{Failure, Refusal, Story, Told};
use crate::unit::Unit;

use super::doubt::Whose;
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
pub async fn judge(session: &Session, unit: Unit, failure: Failure) -> Trouble {
    match failure {
        Failure::Stopped => Trouble::Stopped,
        Failure::Ledger(error) => Trouble::Fatal(error),
        Failure::Exhausted(story) => Trouble::Failed(
            Error::new(Kind::Vendor, story.to_string())
                .hint("nothing read so far is lost; the next run goes on from there"),
        ),
        Failure::Refused(refusal, story) => refused(session, unit, refusal, &story).await,
    }
}

async fn refused(session: &Session, unit: Unit, refusal: Refusal, told: &Story) -> Trouble {
    let (name, story) = (&unit.entity.name, told.to_string());
    match refusal {
        Refusal::Scope(scope) => {
            let hint =
                format!("add the scope {scope} to the credentials in Gong, or leave {name} out of sync.entities");
            Trouble::NotPermitted(Error::new(Kind::Permission, story).hint(hint))
        }
        Refusal::Credentials | Refusal::Forbidden => match session.doubts.whose(session, unit.entity).await {
            Ok(Whose::Entity) => {
                let hint =
                    format!("{name} may not be part of the company's plan; ask Gong, or leave it out of sync.entities");
                Trouble::NotPermitted(Error::new(Kind::Permission, story).hint(hint))
            }
            Ok(Whose::Credentials) => {
                let error = session.source.credentials_error(&session.config.source.base_url, told);
                // At once: what else is under way would only be refused too.
                session.tally.fatal(&error);
                session.stop.pull(Reason::Fatal);
                Trouble::Fatal(error)
            }
            Ok(Whose::Unknown) => Trouble::Failed(Error::new(Kind::Vendor, story).hint("run again")),
            Err(Failure::Ledger(error)) => Trouble::Fatal(error),
            Err(_) => Trouble::Stopped,
        },
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

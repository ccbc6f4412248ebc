//! The records of the listing within those of the details: one answer that feeds two tables. Pure.

use serde_json::value::RawValue;

use super::raw;
use crate::entity::Entity;

/// The answer that the listing of `parent` would have given, from one of `entity`, whose records hold the listed ones. The vendor's text is
/// taken over as it is. `None` if a record holds none.
pub fn parents(entity: &Entity, parent: &Entity, body: &str) -> Option<String> {
    let place: Vec<&str> = entity.page.parent.as_deref()?.split('.').collect();
    let whole: &RawValue = serde_json::from_str(body).ok()?;
    let records = raw::items(raw::at(whole, &entity.page.rows.split('.').collect::<Vec<_>>())?)?;
    let listed: Option<Vec<&str>> =
        records.into_iter().map(|record| raw::at(record, &place).map(RawValue::get)).collect();
    Some(format!("{{\"{}\":[{}]}}", parent.page.rows, listed?.join(",")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entity::Catalog;

    fn of(body: &str) -> Option<String> {
        let catalog = Catalog::load(None).expect("the files of the program");
        let entity = |name: &str| catalog.get(name).expect("an entity");
        parents(entity("calls_extensive"), entity("calls"), body)
    }

    #[test]
    fn the_listed_record_is_taken_over_to_the_letter() {
        let body = r#"{"requestId":"x","records":{"cursor":"c"},"calls":[{"metaData":{"id":35657219295037524478,"n": 1.50}},{"parties":[],"metaData":{"id":"2"}}]}"#;
        assert_eq!(of(body).as_deref(), Some(r#"{"calls":[{"id":35657219295037524478,"n": 1.50},{"id":"2"}]}"#));
        assert_eq!(of(r#"{"calls":[]}"#).as_deref(), Some(r#"{"calls":[]}"#));
    }

    #[test]
    fn a_record_without_one_is_not_passed_over() {
        assert_eq!(of(r#"{"calls":[{"metaData":{"id":"1"}},{"parties":[]}]}"#), None);
        assert_eq!(of(r#"{"calls":[{"metaData":null}]}"#), None);
        assert_eq!(of("{"), None);
    }
}

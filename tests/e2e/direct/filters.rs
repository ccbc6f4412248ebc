//! The filters of `list`: what is sent, by the vendor's names, and what comes.

use chrono::{DateTime, Days, Utc};
use gong_sim::Call;
use serde_json::{Value, json};

use super::{last, lines, parsed, sorted, text, truth, without_media};
use crate::support::Rig;

const FROM: &str = "2026-05-11";
/// Noon UTC, as somebody in another zone writes it.
const TO: &str = "2026-05-14T14:00:00+02:00";

fn range() -> (DateTime<Utc>, DateTime<Utc>) {
    ("2026-05-11T00:00:00Z".parse().expect("an instant"), "2026-05-14T12:00:00Z".parse().expect("an instant"))
}

/// The records whose call fits.
fn of_calls(rig: &Rig, records: Vec<String>, id: fn(&Value) -> &str, fits: impl Fn(&Call) -> bool) -> Vec<String> {
    let world = rig.server.world();
    let kept = |record: &String| fits(world.call(id(&parsed(record))).expect("a call"));
    records.into_iter().filter(kept).collect()
}

fn id(record: &Value) -> &str {
    record["id"].as_str().or_else(|| record["callId"].as_str()).unwrap_or_else(|| text(&record["metaData"], "id"))
}

fn query(rig: &Rig) -> Vec<(String, String)> {
    let mut query = last(rig).query;
    query.sort();
    query
}

fn ids(records: &[String], from: usize, to: usize) -> Vec<String> {
    records[from..to].iter().map(|record| id(&parsed(record)).to_owned()).collect()
}

fn workspace(rig: &Rig) -> String {
    text(&parsed(&truth(rig, "workspaces")[1]), "id").to_owned()
}

#[test]
fn of_calls_dates_and_workspace() {
    let rig = Rig::small(4);
    let all = truth(&rig, "calls");
    let (from, to) = range();
    let dated = ["list", "calls", "--from-date-time", FROM, "--to-date-time", TO];
    let expected = of_calls(&rig, all.clone(), id, |call| from <= call.scheduled && call.scheduled < to);
    assert!(!expected.is_empty() && expected.len() < all.len());
    assert_eq!(lines(&rig, &dated), expected);
    let sent = [("fromDateTime", "2026-05-11T00:00:00Z"), ("toDateTime", "2026-05-14T12:00:00Z")];
    assert_eq!(query(&rig), sent.map(|(name, value)| (name.to_owned(), value.to_owned())));
    let workspace = workspace(&rig);
    let expected = of_calls(&rig, all, id, |call| call.workspace == workspace);
    assert!(!expected.is_empty());
    assert_eq!(lines(&rig, &["list", "calls", "--workspace-id", &workspace]), expected);
    // Gong's description says that it needs both dates: they are sent anyway, and are the same for each page of a day.
    let end = (rig.now().date_naive() + Days::new(1)).to_string() + "T00:00:00Z";
    let names = |more: &[(&str, &str)]| {
        let both = [("fromDateTime", "2000-01-01T00:00:00Z"), ("toDateTime", end.as_str())];
        [&both, more].concat().iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect::<Vec<_>>()
    };
    assert_eq!(query(&rig), names(&[("workspaceId", &workspace)]));
    lines(&rig, &["list", "calls", "--limit", "1"]);
    assert_eq!(query(&rig), names(&[]));
}

#[test]
fn of_details_dates_workspace_ids_hosts_and_selector() {
    let rig = Rig::small(4);
    let list = |more: &[&str]| lines(&rig, &[&["list", "calls_extensive"], more].concat());
    let all = without_media(truth(&rig, "calls_extensive"));
    let (from, to) = range();
    let expected = of_calls(&rig, all.clone(), id, |call| from <= call.scheduled && call.scheduled < to);
    assert_eq!(list(&["--from-date-time", FROM, "--to-date-time", TO]), expected);
    let workspace = workspace(&rig);
    let expected = of_calls(&rig, all.clone(), id, |call| call.workspace == workspace);
    assert_eq!(list(&["--workspace-id", &workspace]), expected);
    // Ids repeated and with commas, one of them twice.
    let wanted = ids(&all, 3, 7);
    let listed = list(&["--call-ids", &wanted[0], "--call-ids", &wanted[1..].join(","), "--call-ids", &wanted[2]]);
    assert_eq!(sorted(listed), sorted(all[3..7].to_vec()));
    assert_eq!(last(&rig).body["filter"], json!({ "callIds": wanted }));
    let host = text(&parsed(&all[0])["metaData"], "primaryUserId").to_owned();
    let expected: Vec<String> =
        all.iter().filter(|call| parsed(call)["metaData"]["primaryUserId"] == host.as_str()).cloned().collect();
    assert_eq!(list(&["--primary-user-ids", &host]), expected);
    // A selector replaces the whole of ours.
    let selector = json!({ "exposedFields": { "parties": true, "media": true } });
    let listed = list(&["--limit", "1", "--content-selector", &selector.to_string()]);
    let keys: Vec<String> = parsed(&listed[0]).as_object().expect("an object").keys().cloned().collect();
    assert!(keys.iter().all(|key| ["metaData", "parties", "media"].contains(&key.as_str())), "{keys:?}");
    assert_eq!(last(&rig).body["contentSelector"], selector);
    assert_eq!(rig.server.journal().violations(), Vec::<String>::new());
}

#[test]
fn of_transcripts_dates_workspace_and_ids() {
    let rig = Rig::small(4);
    let list = |more: &[&str]| lines(&rig, &[&["list", "call_transcripts"], more].concat());
    let all = truth(&rig, "call_transcripts");
    let (from, to) = range();
    let expected = of_calls(&rig, all.clone(), id, |call| from <= call.started && call.started < to);
    assert_eq!(list(&["--from-date-time", FROM, "--to-date-time", TO]), expected);
    let workspace = workspace(&rig);
    let expected = of_calls(&rig, all.clone(), id, |call| call.workspace == workspace);
    assert_eq!(list(&["--workspace-id", &workspace]), expected);
    let wanted = ids(&all, 1, 4).join(",");
    assert_eq!(sorted(list(&["--call-ids", &wanted, "--from-date-time", "2026-01-01"])), sorted(all[1..4].to_vec()));
}

#[test]
fn more_than_a_hundred_ids_go_out_in_hundreds() {
    let rig = Rig::sized(4, 260, 14);
    let all = without_media(truth(&rig, "calls_extensive"));
    let wanted = ids(&all, 0, 230).join(",");
    let listed = lines(&rig, &["list", "calls_extensive", "--call-ids", &wanted]);
    assert_eq!(sorted(listed), sorted(all[..230].to_vec()));
    let sizes: Vec<usize> = rig
        .server
        .journal()
        .entries()
        .iter()
        .map(|e| e.body["filter"]["callIds"].as_array().map_or(0, Vec::len))
        .collect();
    assert_eq!(sizes, [100, 100, 30]);
    // One page of three listings means nothing.
    let ended = rig.run(&["list", "calls_extensive", "--call-ids", &wanted, "--cursor", ""]).expect(2);
    assert_eq!(ended.stderr, "error: --cursor: more than 100 ids make more than one listing; give fewer\n");
    assert_eq!(rig.server.journal().len(), 3);
}

#[test]
fn of_users_avatars_ids_and_creation() {
    let rig = Rig::small(4);
    let list = |more: &[&str]| lines(&rig, &[&["list", "users"], more].concat());
    let (users, avatars) = (truth(&rig, "users"), truth(&rig, "avatars"));
    assert!(!avatars.is_empty());
    assert_eq!(sorted(list(&["--include-avatars"])), sorted([users.clone(), avatars].concat()));
    assert_eq!(sorted(list(&["--include-avatars=false"])), sorted(users.clone()));
    assert_eq!((last(&rig).method.as_str(), last(&rig).path.as_str()), ("GET", "/v2/users"));
    // What GET cannot filter is asked of the other endpoint, whose records say more of the settings (API reference, 1.6).
    let wanted = ids(&users, 2, 5);
    let listed = list(&["--user-ids", &wanted.join(",")]);
    assert_eq!(sorted(ids(&listed, 0, listed.len())), sorted(wanted.clone()));
    assert_eq!((last(&rig).method.as_str(), last(&rig).path.as_str()), ("POST", "/v2/users/extensive"));
    assert_eq!(last(&rig).body, json!({ "filter": { "userIds": wanted } }));
    let created = |user: &Value| text(user, "created").parse::<DateTime<Utc>>().expect("an instant");
    let mut times: Vec<DateTime<Utc>> = users.iter().map(|user| created(&parsed(user))).collect();
    times.sort();
    let (from, to) = (times[2], times[6]);
    let fits = |user: &Value| from <= created(user) && created(user) < to;
    let expected: Vec<String> = users.iter().map(|u| parsed(u)).filter(fits).map(|u| id(&u).to_owned()).collect();
    let args = ["--created-from-date-time", &from.to_rfc3339(), "--created-to-date-time", &to.to_rfc3339()];
    let listed = list(&args);
    assert_eq!(sorted(ids(&listed, 0, listed.len())), sorted(expected));
}

/// Reviews that fit, by the record.
fn reviews(rig: &Rig, fits: impl Fn(&Value) -> bool) -> Vec<String> {
    let kept: Vec<String> = truth(rig, "stats_activity_scorecards").into_iter().filter(|r| fits(&parsed(r))).collect();
    assert!(!kept.is_empty());
    sorted(kept)
}

#[test]
fn of_reviews_the_vendors_own_filters() {
    let rig = Rig::sized(5, 600, 30);
    let list = |more: &[&str]| sorted(lines(&rig, &[&["list", "stats_activity_scorecards"], more].concat()));
    let some = parsed(&reviews(&rig, |_| true)[0]);
    // A day as the record writes it is the company's.
    let within = |record: &Value, name: &str| ("2026-05-04".."2026-05-09").contains(&&text(record, name)[..10]);
    assert_eq!(list(&[]), reviews(&rig, |_| true), "reviews by people and by Gong");
    let args = ["--review-from-date", "2026-05-04", "--review-to-date", "2026-05-09"];
    assert_eq!(list(&args), reviews(&rig, |r| within(r, "reviewTime")));
    let args = ["--call-from-date", "2026-05-04", "--call-to-date", "2026-05-09"];
    assert_eq!(list(&args), reviews(&rig, |r| within(r, "callStartTime")));
    for method in ["MANUAL", "AUTOMATIC"] {
        assert_eq!(list(&["--review-method", method]), reviews(&rig, |r| r["reviewMethod"] == method));
    }
    for (option, name) in [("--scorecard-ids", "scorecardId"), ("--reviewed-user-ids", "reviewedUserId")] {
        let wanted = text(&some, name);
        assert_eq!(list(&[option, wanted]), reviews(&rig, |r| r[name] == wanted), "{option}");
    }
}

#[test]
fn of_reviews_what_the_vendor_cannot_filter() {
    let rig = Rig::sized(5, 600, 30);
    let list = |more: &[&str]| sorted(lines(&rig, &[&["list", "stats_activity_scorecards"], more].concat()));
    let some = parsed(&reviews(&rig, |r| r["reviewerUserId"].is_string())[0]);
    for (option, name) in [("--call-ids", "callId"), ("--reviewer-user-ids", "reviewerUserId")] {
        let wanted = text(&some, name);
        assert_eq!(list(&[option, wanted]), reviews(&rig, |r| r[name] == wanted), "{option}");
    }
    // To the instant, whatever the company's zone: one review's own time is the first, another's is not in.
    let time = |r: &Value| text(r, "reviewTime").parse::<DateTime<Utc>>().expect("an instant");
    let mut times: Vec<DateTime<Utc>> = reviews(&rig, |_| true).iter().map(|r| time(&parsed(r))).collect();
    times.sort();
    let (from, to) = (times[times.len() / 3], times[times.len() / 2]);
    let args = ["--from-date-time", &from.to_rfc3339(), "--to-date-time", &to.to_rfc3339()];
    assert_eq!(list(&args), reviews(&rig, |r| from <= time(r) && time(r) < to));
    // And the vendor is asked for those days only, each wider by one.
    let sent = last(&rig).body["filter"].clone();
    let day = |at: DateTime<Utc>, days| (at.date_naive() + chrono::Duration::days(days)).to_string();
    let expected = json!({ "reviewFromDate": day(from, -1), "reviewToDate": day(to, 2), "reviewMethod": "BOTH" });
    assert_eq!(sent, expected);
}

#[test]
fn of_settings_and_statistics() {
    let rig = Rig::small(4);
    let workspace = workspace(&rig);
    // Company-wide ones belong to every workspace; scorecards are filtered here.
    for entity in ["settings_scorecards", "settings_trackers"] {
        let fits = |r: &String| parsed(r)["workspaceId"].is_null() || parsed(r)["workspaceId"] == workspace.as_str();
        let expected: Vec<String> = truth(&rig, entity).into_iter().filter(fits).collect();
        assert!(expected.len() < truth(&rig, entity).len(), "{entity}");
        assert_eq!(sorted(lines(&rig, &["list", entity, "--workspace-id", &workspace])), sorted(expected));
    }
    let days = ["--from-date", "2026-05-10", "--to-date", "2026-05-15"];
    let list = |more: &[&str]| lines(&rig, &[&["list", "stats_activity_aggregate"], &days[..], more].concat());
    let all = list(&[]);
    let user = text(&parsed(&all[1]), "userId").to_owned();
    assert_eq!(list(&["--user-ids", &user]), [all[1].clone()]);
    assert_eq!(list(&["--created-to-date-time", "2001-01-01"]), Vec::<String>::new());
    assert_eq!(list(&["--created-from-date-time", "2001-01-01"]), all);
}

//! Public comments on a call (API reference, section 3.7).

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use crate::random::{chance, id, stream};
use crate::stamp;
use crate::world::{Call, World};

/// A comment's author, by number, and its moment. Statistics count the same comments.
pub(crate) struct Post {
    pub(crate) author: usize,
    pub(crate) at: DateTime<Utc>,
}

/// The comments that come with the call; later ones are edits.
pub(crate) fn posts(world: &World, call: &Call) -> Vec<Post> {
    let mut rng = stream(world.spec.seed, "posts", call.number);
    if !chance(&mut rng, 25.0) {
        return Vec::new();
    }
    // The last users are avatars: they comment, though the users list leaves them out.
    let manager = world.users.get(call.host).and_then(|user| user.manager);
    let count = rng.i64(1..4);
    let post = |n: i64| Post {
        author: manager.filter(|_| chance(&mut rng, 40.0)).unwrap_or_else(|| rng.usize(..world.users.len())),
        at: call.started + TimeDelta::seconds(i64::from(call.duration) / 4 * (n + 1)),
    };
    (0..count).map(post).collect()
}

pub(super) fn comments(world: &World, call: &Call) -> Value {
    let mut rng = stream(world.spec.seed, "comments", call.number);
    let mut first: Option<String> = None;
    let mut list = Vec::new();
    for post in posts(world, call) {
        let comment_id = id(&mut rng);
        let author = &world.users[post.author];
        let host = &world.users[call.host.min(world.users.len() - 1)];
        let start = f64::from(rng.u32(..call.duration.max(1)));
        let mut comment = json!({
            "id": comment_id,
            "audioStartTime": start,
            "audioEndTime": start + 5.0,
            "commenterUserId": author.row.id,
            "comment": format!("Good opening @[{} {}]({})", host.name.0, host.name.1, host.row.id),
            "posted": stamp::millis(post.at, world.spec.zone),
            "duringCall": post.at < call.ended(),
        });
        match &first {
            // A first comment has no `inReplyTo`, or a null one.
            None if chance(&mut rng, 50.0) => comment["inReplyTo"] = Value::Null,
            None => {}
            Some(first) => comment["inReplyTo"] = json!(first),
        }
        first.get_or_insert(comment_id);
        list.push(comment);
    }
    Value::Array(list)
}

//! Uploads in parts that no ledger remembers: their run was killed and its disk is gone too. S3 lists them, but the store library does
//! not offer that, so the one request is made here, with an address that the library signs.

use std::time::Duration;

use chrono::{DateTime, Utc};
use object_store::path::Path;
use object_store::signer::{SignedUrlOptions, Signer};

use super::store::Store;
use super::told::element;

/// Of the one request, and of its signature.
const LONGEST: Duration = Duration::from_secs(30);

/// An upload that was begun and neither completed nor aborted.
#[derive(Debug, PartialEq, Eq)]
struct Stray {
    key: String,
    id: String,
    begun: DateTime<Utc>,
}

impl Store {
    /// Aborts the uploads below the output that were begun before `before`; returns their number. Only for the holder of the run's lock.
    ///
    /// Does what it can: not every server lists uploads, and not every key may. A lifecycle rule of the bucket takes the rest.
    pub async fn abort_strays(&self, before: DateTime<Utc>) -> usize {
        let Some((bucket, prefix)) = self.in_bucket() else { return 0 };
        let Some(signer) = &bucket.signer else { return 0 };
        let Some(answer) = listing(signer.as_ref(), prefix).await else {
            tracing::debug!("the store does not list unfinished uploads");
            return 0;
        };
        let mut aborted = 0;
        for stray in strays(&answer).into_iter().filter(|stray| stray.begun < before) {
            let Ok(at) = Path::parse(&stray.key) else { continue };
            match bucket.parts.abort_multipart(&at, &stray.id).await {
                Ok(()) => aborted += 1,
                Err(object_store::Error::NotFound { .. }) => {}
                Err(_) => tracing::debug!("an unfinished upload of {} could not be aborted", stray.key),
            }
        }
        aborted
    }
}

/// The store's list of unfinished uploads, up to a thousand; the next run takes the next.
async fn listing(signer: &dyn Signer, prefix: &str) -> Option<String> {
    let below = if prefix.is_empty() { String::new() } else { format!("{prefix}/") };
    let query = SignedUrlOptions::new().with_query([("uploads", ""), ("prefix", below.as_str())]);
    let address = signer.signed_url_opts(reqwest::Method::GET, &Path::default(), LONGEST, &query).await.ok()?;
    let client = reqwest::Client::builder().timeout(LONGEST).build().ok()?;
    // No error is passed on: it would hold the signed address.
    let answer = client.get(address).send().await.ok()?.error_for_status().ok()?;
    answer.text().await.ok()
}

fn strays(answer: &str) -> Vec<Stray> {
    let of_upload = |text: &str| {
        let begun = DateTime::parse_from_rfc3339(element(text, "Initiated")?).ok()?.to_utc();
        Some(Stray { key: plain(element(text, "Key")?), id: plain(element(text, "UploadId")?), begun })
    };
    answer.split("<Upload>").skip(1).filter_map(of_upload).collect()
}

/// Text of XML without its escapes.
fn plain(text: &str) -> String {
    let escapes = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"), ("&#39;", "'"), ("&amp;", "&")];
    escapes.iter().fold(text.to_owned(), |text, (escaped, plain)| text.replace(escaped, plain))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uploads_are_read_from_a_listing_and_what_is_incomplete_is_passed_over() {
        let answer = "<?xml version=\"1.0\"?><ListMultipartUploadsResult><Bucket>b</Bucket><Prefix>a&amp;b/</Prefix>\
            <Upload><Key>a&amp;b/media/audio/month=2024-06/1.mp3</Key><UploadId>x~1</UploadId><Initiator><ID>me</ID></Initiator>\
            <Initiated>2024-06-01T10:00:00.000Z</Initiated></Upload>\
            <Upload><Key>a&amp;b/2.mp3</Key><UploadId>2</UploadId></Upload></ListMultipartUploadsResult>";
        let begun = "2024-06-01T10:00:00Z".parse().expect("an instant");
        let first = Stray { key: "a&b/media/audio/month=2024-06/1.mp3".to_owned(), id: "x~1".to_owned(), begun };
        assert_eq!(strays(answer), [first]);
        assert_eq!(strays("<html>no</html>"), []);
    }
}

//! What a store answered, as one line. Servers answer with XML that may repeat the signed request and the key's id; of that, only
//! their code and message are passed on.

use object_store::Error as StoreError;

/// A store's failure, fit for messages.
#[derive(Debug)]
pub struct Told(String);

impl From<StoreError> for Told {
    fn from(error: StoreError) -> Told {
        // The library's texts hold those of their causes.
        Told(plain(&error.to_string()))
    }
}

impl std::fmt::Display for Told {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Told {}

/// Where a machine in a cloud is told its role; asked when there is no key.
const METADATA: &str = "http://169.254.169.254/";

fn plain(text: &str) -> String {
    if text.contains(METADATA) {
        let what = "no key is set, and the machine was given no role by its metadata service";
        return format!("{what} ({})", without_answer(text));
    }
    without_answer(text)
}

fn without_answer(text: &str) -> String {
    let (Some(from), Some(to)) = (text.find('<'), text.rfind('>')) else { return text.to_owned() };
    let body = text.get(from..=to).unwrap_or_default();
    let parts: Vec<&str> = ["Code", "Message"].iter().filter_map(|name| element(body, name)).collect();
    let told = if parts.is_empty() { "an answer that is no error of S3".to_owned() } else { parts.join(": ") };
    format!("{}{told}{}", &text[..from], text.get(to + 1..).unwrap_or_default())
}

/// The text of the first element of that name.
pub fn element<'t>(body: &'t str, name: &str) -> Option<&'t str> {
    let (_, rest) = body.split_once(&format!("<{name}>"))?;
    rest.split_once(&format!("</{name}>")).map(|(text, _)| text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_an_answer_only_code_and_message_are_told() {
        let cases = [
            ("connection refused", "connection refused"),
            (
                "status 403: <?xml version=\"1.0\"?><Error><Code>SignatureDoesNotMatch</Code><Message>It differs.</Message>\
                 <AWSAccessKeyId>AKIAEXAMPLE</AWSAccessKeyId><StringToSign>x</StringToSign></Error>, after 2 tries",
                "status 403: SignatureDoesNotMatch: It differs., after 2 tries",
            ),
            (
                "PUT http://169.254.169.254/latest failed",
                "no key is set, and the machine was given no role by its metadata service (PUT http://169.254.169.254/latest failed)",
            ),
            ("status 502: <html>Bad</html>", "status 502: an answer that is no error of S3"),
        ];
        for (text, expected) in cases {
            assert_eq!(plain(text), expected);
        }
    }
}

//! What the vendor's words may hold and a message must not: our own credentials, addresses of people, links. Pure.

/// Takes the place of a credential.
const SECRET: &str = "[credential]";
/// Takes the place of an e-mail address.
const ADDRESS: &str = "[address]";
/// Takes the place of a link: a signed one opens what it points to.
const LINK: &str = "[link]";
/// A shorter text is no credential, and would be found in ordinary words.
const SHORTEST_SECRET: usize = 4;

/// Text of the vendor without addresses and links, which may be a customer's.
pub fn masked(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for word in text.split_inclusive(is_gap) {
        let end = word.trim_end_matches(is_gap);
        out.push_str(match end {
            link if link.contains("://") => LINK,
            address if is_address(address) => ADDRESS,
            other => other,
        });
        out.push_str(&word[end.len()..]);
    }
    out
}

/// The same without these secrets, wherever they stand.
pub fn without(text: &str, secrets: &[&str]) -> String {
    let real = secrets.iter().filter(|secret| secret.len() >= SHORTEST_SECRET);
    real.fold(text.to_owned(), |text, secret| text.replace(secret, SECRET))
}

fn is_gap(c: char) -> bool {
    c.is_whitespace() || "'\"<>()[]{},;".contains(c)
}

fn is_address(word: &str) -> bool {
    word.split_once('@').is_some_and(|(name, host)| !name.is_empty() && !host.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_links_are_masked_and_other_words_stay() {
        let text = "User 'bob.b@corp.com' (see https://x.s3.amazonaws.com/a?X-Amz-Signature=1) has no 'api:calls:read:basic': filter.fromDate: may not be null @ 10:00";
        assert_eq!(
            masked(text),
            "User '[address]' (see [link]) has no 'api:calls:read:basic': filter.fromDate: may not be null @ 10:00"
        );
        for plain in ["", " ", "No calls found corresponding to the provided filters", "Call ID 8944 was not found"] {
            assert_eq!(masked(plain), plain);
        }
    }

    #[test]
    fn a_secret_is_taken_out_wherever_it_stands() {
        assert_eq!(
            without("bad header Basic c2ltLWtleQ==; sim-secret!", &["c2ltLWtleQ==", "sim-secret", "!", ""]),
            "bad header Basic [credential]; [credential]!"
        );
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics_and_no_address_is_left(text in "[a-zé @.:/'<>\\[\\],]{0,40}") {
            let out = masked(&text);
            proptest::prop_assert!(!out.contains("://"), "{}", out);
            let words = out.split(is_gap);
            proptest::prop_assert!(!words.into_iter().any(is_address), "{}", out);
        }
    }
}

//! Column names: the snake_case of the vendor's names.

/// `primaryUserId` -> `primary_user_id`, `speakerID` -> `speaker_id`, `contentURLList` -> `content_url_list`.
pub fn snake_case(name: &str) -> String {
    let chars: Vec<char> = name.chars().collect();
    let mut out = String::with_capacity(name.len() + 4);
    for (i, &c) in chars.iter().enumerate() {
        if c.is_ascii_uppercase() {
            let after_lower = i > 0 && !chars[i - 1].is_ascii_uppercase() && chars[i - 1] != '_';
            let ends_capitals = i > 0 && chars.get(i + 1).is_some_and(char::is_ascii_lowercase) && chars[i - 1] != '_';
            if after_lower || ends_capitals {
                out.push('_');
            }
            out.push(c.to_ascii_lowercase());
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::snake_case;

    #[test]
    fn names_follow_the_vendor() {
        for (vendor, ours) in [
            ("id", "id"),
            ("metaData", "meta_data"),
            ("primaryUserId", "primary_user_id"),
            ("speakerID", "speaker_id"),
            ("contentURLList", "content_url_list"),
            ("saidInCallParts", "said_in_call_parts"),
        ] {
            assert_eq!(snake_case(vendor), ours);
        }
    }
}

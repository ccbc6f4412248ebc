//! JSON text taken apart one level at a time, without ever changing it.
//!
//! Ids have up to 20 digits (API reference, G.1): a JSON library that turns numbers into floats would round them in silence. Here a
//! value stays the vendor's own text until a column asks for it, and duplicate keys stay visible.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// The entries of an object, in order, duplicates included.
pub struct Entries<'a>(pub Vec<(Cow<'a, str>, &'a RawValue)>);

struct Key<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Key<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct KeyVisitor;
        impl<'de> Visitor<'de> for KeyVisitor {
            type Value = Key<'de>;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("a key")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(KeyVisitor)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Entries<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct EntriesVisitor;
        impl<'de> Visitor<'de> for EntriesVisitor {
            type Value = Entries<'de>;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entries<'de>, A::Error> {
                let mut entries = Vec::with_capacity(24);
                while let Some((Key(key), value)) = map.next_entry::<Key<'de>, &'de RawValue>()? {
                    entries.push((key, value));
                }
                Ok(Entries(entries))
            }
        }
        deserializer.deserialize_map(EntriesVisitor)
    }
}

/// The entries of an object; `None` if it is none.
pub fn entries(raw: &RawValue) -> Option<Entries<'_>> {
    if raw.get().starts_with('{') { serde_json::from_str(raw.get()).ok() } else { None }
}

/// The items of an array; `None` if it is none.
pub fn items(raw: &RawValue) -> Option<Vec<&RawValue>> {
    if raw.get().starts_with('[') { serde_json::from_str(raw.get()).ok() } else { None }
}

/// True for JSON's null.
pub fn is_null(raw: &RawValue) -> bool {
    raw.get() == "null"
}

/// The value at a nested place; `None` if it is absent or null.
pub fn at<'a, S: AsRef<str>>(raw: &'a RawValue, names: &[S]) -> Option<&'a RawValue> {
    let Some((first, rest)) = names.split_first() else {
        return Some(raw).filter(|raw| !is_null(raw));
    };
    let inner = entries(raw)?.0.into_iter().find(|(key, _)| key == first.as_ref())?.1;
    at(inner, rest)
}

/// The text of a string or of a whole number, by its literal digits.
pub fn text(raw: &RawValue) -> Option<String> {
    super::value::id(raw.get())
}

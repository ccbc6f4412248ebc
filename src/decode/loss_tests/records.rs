//! Records by chance, along an entity's columns: right ones, and ones that are wrong in every way JSON allows.

use super::*;

/// JSON that keeps literals, order and repeated keys.
pub enum Json {
    Leaf(String),
    Array(Vec<Json>),
    Object(Vec<(String, Json)>),
}

impl Json {
    pub fn text(&self) -> String {
        let name = |name: &String| serde_json::Value::from(name.as_str()).to_string();
        match self {
            Json::Leaf(literal) => literal.clone(),
            Json::Array(items) => format!("[{}]", items.iter().map(Json::text).collect::<Vec<_>>().join(", ")),
            Json::Object(members) => {
                let members: Vec<String> = members.iter().map(|(n, v)| format!("{}: {}", name(n), v.text())).collect();
                format!("{{{}}}", members.join(","))
            }
        }
    }

    /// Each value that is not null, with its place.
    pub fn leaves(&self, at: &str, found: &mut Vec<(String, String)>) {
        match self {
            Json::Leaf(literal) if literal == "null" => {}
            Json::Leaf(literal) => found.push((at.to_owned(), literal.clone())),
            Json::Array(items) => {
                items.iter().enumerate().for_each(|(n, item)| item.leaves(&format!("{at}[{n}]"), found));
            }
            Json::Object(members) => members.iter().for_each(|(name, value)| value.leaves(&join(at, name), found)),
        }
    }

    /// The first member of that name.
    pub fn member(&self, name: &str) -> Option<&Json> {
        let Json::Object(members) = self else { return None };
        members.iter().find(|(n, _)| n == name).map(|(_, value)| value)
    }

    /// True for null and an empty array.
    pub fn is_empty(&self) -> bool {
        match self {
            Json::Leaf(literal) => literal == "null",
            Json::Array(items) => items.is_empty(),
            Json::Object(_) => false,
        }
    }

    /// Puts a value at nested places, into the objects that are there.
    fn put(&mut self, names: &[String], value: Json) {
        let (Json::Object(members), Some((first, rest))) = (self, names.split_first()) else { return };
        if rest.is_empty() {
            if !members.iter().any(|(name, _)| name == first) {
                members.push((first.clone(), value));
            }
            return;
        }
        if !members.iter().any(|(name, _)| name == first) {
            members.push((first.clone(), Json::Object(Vec::new())));
        }
        let inner = members.iter_mut().find(|(name, _)| name == first);
        inner.expect("it was put there").1.put(rest, value);
    }
}

/// Makes records.
pub struct Maker {
    chance: StdRng,
    /// How often something is not as the schema has it.
    wrong: f64,
    /// Makes each value another one, so that one cannot stand for another.
    next: u64,
}

impl Maker {
    pub fn new(seed: u64, wrong: f64) -> Maker {
        Maker { chance: StdRng::seed_from_u64(seed), wrong, next: 100 }
    }

    /// A record with its key, most of the time.
    pub fn record(&mut self, entity: &Entity) -> Json {
        let key = identity(entity).remove(0).places.remove(0);
        let array = entity.page.explode.as_deref();
        let mut record = self.object(&entity.fields, |from| match from {
            Origin::Keys(keys) => Some(keys.clone()),
            _ => None,
        });
        let mut items = Vec::new();
        for _ in 0..if array.is_some() { self.chance.gen_range(1..4) } else { 0 } {
            let mut item = self.object(&entity.fields, |from| match from {
                Origin::ItemKeys(keys) => Some(keys.clone()),
                _ => None,
            });
            self.places(entity, &mut item, true);
            items.push(item);
        }
        self.places(entity, &mut record, false);
        if let Some(array) = array {
            if key[0] == array {
                items.iter_mut().for_each(|item| item.put(&key[1..], Json::Leaf("\"key\"".to_owned())));
            }
            let list = if self.is_wrong() && self.is_wrong() { self.anything(2) } else { Json::Array(items) };
            record.put(&[array.to_owned()], list);
        }
        if array.is_none_or(|array| key[0] != array) {
            record.put(&key, Json::Leaf("\"key\"".to_owned()));
        }
        record
    }

    /// Values where lifted columns and counts look for them; in the items, or in the record.
    fn places(&mut self, entity: &Entity, into: &mut Json, in_item: bool) {
        for field in &entity.fields {
            let places: Vec<Vec<String>> = match &field.from {
                Origin::Lifted(places) => places.clone(),
                Origin::Stamp { given, .. } | Origin::Count { given, .. } => given.iter().cloned().collect(),
                _ => continue,
            };
            // A right record uses one spelling.
            let most = if self.wrong == 0.0 { 1 } else { places.len() };
            for place in places.iter().take(most) {
                let of_item = Some(&place[0]) == entity.page.explode.as_ref();
                if of_item == in_item && self.chance.gen_bool(0.8) {
                    let value = self.value(&field.shape);
                    into.put(if in_item { &place[1..] } else { place }, value);
                }
            }
        }
    }

    fn object(&mut self, fields: &[Field], keys: impl Fn(&Origin) -> Option<Vec<String>>) -> Json {
        let mut members = Vec::new();
        for field in fields {
            let Some(keys) = keys(&field.from) else { continue };
            let times = if self.is_wrong() { 2 } else { usize::from(self.chance.gen_bool(0.8)) };
            for _ in 0..times {
                let key = if self.is_wrong() { keys.choose(&mut self.chance).expect("a key") } else { &keys[0] };
                members.push((key.clone(), self.value(&field.shape)));
            }
        }
        while self.is_wrong() {
            let name = ["new", "a.b", "x[0]", "id", "\u{0}\n\u{1b}", "", "\u{e9}\"\\"].choose(&mut self.chance);
            members.push(((*name.expect("a name")).to_owned(), self.anything(3)));
        }
        members.shuffle(&mut self.chance);
        Json::Object(members)
    }

    fn value(&mut self, shape: &Shape) -> Json {
        if self.is_wrong() {
            return self.anything(3);
        }
        let many = self.chance.gen_range(0..4);
        let of_group = |from: &Origin| match from {
            Origin::Keys(keys) => Some(keys.clone()),
            _ => None,
        };
        match shape {
            Shape::Leaf(leaf) => self.leaf(*leaf),
            Shape::Leaves(leaf) => {
                let right = |maker: &mut Maker| maker.value(&Shape::Leaf(*leaf));
                Json::Array((0..many).map(|_| right(self)).collect())
            }
            Shape::Group(inner) => self.object(inner, of_group),
            Shape::Groups(inner) => {
                let mut items = Vec::new();
                for _ in 0..many {
                    items.push(if self.is_wrong() { self.anything(2) } else { self.object(inner, of_group) });
                }
                Json::Array(items)
            }
        }
    }

    fn leaf(&mut self, leaf: Leaf) -> Json {
        self.next += 1;
        let n = self.next;
        Json::Leaf(match leaf {
            Leaf::String => format!("\"text {n} \\u00e9\\n\""),
            Leaf::Id if n.is_multiple_of(2) => format!("3565721929503752{n}"),
            Leaf::Id => format!("\"9{n}\""),
            Leaf::Text | Leaf::Json if n.is_multiple_of(2) => format!("{n}.50"),
            Leaf::Text | Leaf::Json => format!("\"{n}\""),
            Leaf::Int if n.is_multiple_of(2) => format!("{n}.0"),
            Leaf::Int => format!("90071992547{n}"),
            Leaf::Float => format!("{n}.2100067138672"),
            Leaf::Bool => (n.is_multiple_of(2)).to_string(),
            // Gong sends a day's start where two columns read the same value: as a day and as an instant.
            Leaf::Date if self.is_wrong() => format!("\"2026-05-{:02}\"", n % 28 + 1),
            Leaf::Timestamp | Leaf::Date => format!("\"2026-05-{:02}T08:00:00.{n}-07:00\"", n % 28 + 1),
        })
    }

    /// Any JSON.
    fn anything(&mut self, depth: u32) -> Json {
        self.next += 1;
        let n = self.next;
        let inner = |maker: &mut Maker| maker.anything(depth - 1);
        match self.chance.gen_range(0..if depth == 0 { 9 } else { 13 }) {
            0 => Json::Leaf("null".to_owned()),
            1 => Json::Leaf("true".to_owned()),
            2 => Json::Leaf(format!("{n}.5000000000000000000000001")),
            3 => Json::Leaf(format!("900719925474099{n}.0e0")),
            4 => Json::Leaf(format!("-{n}e400")),
            5 => Json::Leaf(format!("{n}00000000000000000000000000000000")),
            6 => Json::Leaf(format!("\"\\u0000 {n} \\\" {{\"")),
            7 => Json::Leaf(format!("\"\\ud800{n}\"")),
            8 => Json::Leaf(format!("{n}E+2")),
            9 | 10 => Json::Array((0..self.chance.gen_range(0..3)).map(|_| inner(self)).collect()),
            _ => {
                let names = ["id", "report", "metaData", "new", "a.b"];
                let one = |maker: &mut Maker| {
                    let name = (*names.choose(&mut maker.chance).expect("a name")).to_owned();
                    (name, inner(maker))
                };
                Json::Object((0..self.chance.gen_range(0..3)).map(|_| one(self)).collect())
            }
        }
    }

    fn is_wrong(&mut self) -> bool {
        self.wrong > 0.0 && self.chance.gen_bool(self.wrong)
    }
}

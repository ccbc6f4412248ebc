//! Which blocks a calls/extensive request asks for, and the record with just these (API reference, sections 3.1, 3.2).

use serde_json::Value;

use super::Record;
use super::narrow::{links, parties, without_occurrences};

/// The leaves of `contentSelector.exposedFields`: where the request has them, and the block of the record they open.
const LEAVES: [(&str, &str); 15] = [
    ("/parties", "parties"),
    ("/content/structure", "content.structure"),
    ("/content/topics", "content.topics"),
    ("/content/trackers", "content.trackers"),
    ("/content/brief", "content.brief"),
    ("/content/outline", "content.outline"),
    ("/content/highlights", "content.highlights"),
    ("/content/callOutcome", "content.callOutcome"),
    ("/content/keyPoints", "content.keyPoints"),
    ("/interaction/speakers", "interaction.speakers"),
    ("/interaction/video", "interaction.video"),
    ("/interaction/personInteractionStats", "interaction.interactionStats"),
    ("/interaction/questions", "interaction.questions"),
    ("/collaboration/publicComments", "collaboration.publicComments"),
    // Last, for it is no block of the record but made anew for each request.
    ("/media", "media"),
];
const MEDIA: u32 = 1 << 14;
const OCCURRENCES: u32 = 1 << 15;

/// Which state of CRM objects is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Timing {
    Now,
    TimeOfCall,
    Both,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Context {
    None,
    Basic,
    Extended(Timing),
}

/// A parsed `contentSelector`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Selector {
    leaves: u32,
    context: Context,
}

impl Selector {
    /// Everything there is.
    pub(crate) fn everything(timing: Timing) -> Self {
        Self { leaves: (1 << 16) - 1, context: Context::Extended(timing) }
    }

    /// From the request; `None` where a value is not of its enum (answered with a parse error).
    pub(crate) fn parse(selector: &Value) -> Option<Self> {
        let exposed = &selector["exposedFields"];
        let on = |pointer: &str| exposed.pointer(pointer) == Some(&Value::Bool(true));
        let mut leaves = 0;
        for (bit, (pointer, _)) in LEAVES.iter().enumerate() {
            leaves |= u32::from(on(pointer)) << bit;
        }
        if on("/content/trackerOccurrences") {
            leaves |= OCCURRENCES;
        }
        let timings = timings(&selector["contextTiming"])?;
        let context = match &selector["context"] {
            Value::Null => Context::None,
            Value::String(text) => match text.as_str() {
                "None" => Context::None,
                "Basic" => Context::Basic,
                "Extended" => Context::Extended(timings.unwrap_or(Timing::Now)),
                _ => return None,
            },
            _ => return None,
        };
        Some(Self { leaves, context })
    }

    /// The same for records, which media are not a part of.
    pub(crate) fn without_media(self) -> Self {
        Self { leaves: self.leaves & !MEDIA, ..self }
    }

    /// Whether media urls are asked for.
    pub(crate) fn media(self) -> bool {
        self.leaves & MEDIA != 0
    }

    fn has(self, path: &str) -> bool {
        let bit = LEAVES.iter().position(|(_, block)| *block == path);
        // A block that no leaf names is new: it comes with its neighbours.
        let family = path.split('.').next().unwrap_or(path);
        match bit {
            Some(bit) => self.leaves & 1 << bit != 0,
            None => family == path || self.family(family),
        }
    }

    fn family(self, name: &str) -> bool {
        let mut bits = LEAVES.iter().enumerate();
        bits.any(|(bit, (_, block))| block.split('.').next() == Some(name) && self.leaves & 1 << bit != 0)
    }

    /// The record with the blocks asked for, media apart; the last brace is left open for them.
    pub(crate) fn assemble(self, record: &Record) -> String {
        let mut out = String::with_capacity(4_096);
        out.push('{');
        field(&mut out, "metaData", record.blocks.get("metaData").map_or("{}", String::as_str));
        let mut open: Option<&str> = None;
        for (path, text) in &record.blocks {
            if matches!(path.as_str(), "metaData" | "transcript") || !self.has(path) && path != "context" {
                continue;
            }
            let (family, leaf) = path.split_once('.').map_or((path.as_str(), None), |(f, l)| (f, Some(l)));
            if let Some(last) = open.take_if(|last| leaf.is_none() || *last != family) {
                debug_assert!(!last.is_empty());
                out.push('}');
            }
            match leaf {
                None => self.whole(&mut out, family, text),
                Some(leaf) => {
                    if open.is_none() {
                        out.push_str(&format!(",\"{family}\":{{"));
                        open = Some(family);
                    }
                    let plain = leaf == "trackers" && self.leaves & OCCURRENCES == 0;
                    field(&mut out, leaf, if plain { without_occurrences(text) } else { text.clone() }.as_str());
                }
            }
        }
        if open.is_some() {
            out.push('}');
        }
        let silent = !record.blocks.keys().any(|path| path.starts_with("collaboration."));
        if silent && self.family("collaboration") && !record.blocks.contains_key("collaboration") {
            // Asked for and none there: an empty object (API reference, section 3.2).
            out.push_str(",\"collaboration\":{}");
        }
        out
    }

    fn whole(self, out: &mut String, name: &str, text: &str) {
        match (name, self.context) {
            ("context", Context::None) => {}
            ("context", Context::Basic) => field(out, name, &links(text, None)),
            ("context", Context::Extended(timing)) => field(out, name, &links(text, Some(timing))),
            ("parties", Context::Extended(_)) => field(out, name, text),
            ("parties", context) => field(out, name, &parties(text, context == Context::Basic)),
            _ => field(out, name, text),
        }
    }
}

fn timings(list: &Value) -> Option<Option<Timing>> {
    let Some(list) = list.as_array() else {
        return list.is_null().then_some(None);
    };
    let known = list.iter().all(|timing| matches!(timing.as_str(), Some("Now" | "TimeOfCall")));
    let has = |name: &str| list.iter().any(|timing| timing == name);
    known.then(|| match (has("Now"), has("TimeOfCall")) {
        (true, true) => Some(Timing::Both),
        (false, true) => Some(Timing::TimeOfCall),
        (true, false) => Some(Timing::Now),
        (false, false) => None,
    })
}

fn field(out: &mut String, name: &str, text: &str) {
    if !out.ends_with('{') {
        out.push(',');
    }
    out.push('"');
    out.push_str(name);
    out.push_str("\":");
    out.push_str(text);
}

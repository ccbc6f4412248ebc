//! The texts that names, titles and sentences are drawn from; some are not ASCII on purpose.

pub(crate) const FIRST_NAMES: &[&str] = &[
    "Dana", "Mira", "José", "Zoë", "Lee", "Anaïs", "Søren", "Priya", "Tomás", "Yuki", "Olga", "Wei", "Fatima", "Björn",
    "Chloé", "Ravi", "Ines", "Noah", "Amara", "Kaito",
];

pub(crate) const LAST_NAMES: &[&str] = &[
    "Ortiz",
    "Chen",
    "Müller",
    "O'Brien",
    "Nakamura",
    "Kowalski",
    "Silva",
    "Haddad",
    "Lindqvist",
    "Okafor",
    "Novák",
    "Dubois",
    "Park",
    "Ferreira",
    "Ivanova",
    "Schäfer",
];

pub(crate) const TITLES: &[&str] = &[
    "Enterprise Account Executive",
    "Account Executive",
    "Sales Development Representative",
    "Customer Success Manager",
    "Solutions Engineer",
];

pub(crate) const CUSTOMER_TITLES: &[&str] =
    &["VP Operations", "CTO", "Head of Procurement", "Directeur général", "Analyst", "Chief \"Doer\""];

pub(crate) const COMPANIES: &[&str] = &[
    "Northwind",
    "Initech",
    "Globex",
    "Contoso",
    "Umbrella",
    "Hooli",
    "Vandelay",
    "Fabrikam",
    "Käse & Söhne",
    "東京商事",
    "Crème de la Cloud",
    "Wayne",
];

pub(crate) const INDUSTRIES: &[&str] = &["Wholesale", "Software", "Healthcare", "Fertigung", "Énergie"];

pub(crate) const SUBJECTS: &[&str] = &[
    "quarterly review",
    "pricing follow-up",
    "kick-off",
    "technical deep dive 🚀",
    "démo produit",
    "renewal",
    "security questions",
    "intro",
];

pub(crate) const SYSTEMS: &[&str] = &["Zoom", "Google Meet", "Microsoft Teams"];

pub(crate) const PHONES: &[&str] = &["Outreach", "Gong Mobile App", "Aircall"];

pub(crate) const TOPICS: &[&str] = &["Call Setup", "Small Talk", "Moving Forward", "Pricing", "Next Steps", "Wrap-Up"];

pub(crate) const STRUCTURE: &[&str] = &["Meeting Setup", "Agenda", "Discovery", "Demo", "Q&A", "Next Steps"];

pub(crate) const TRACKERS: &[&str] = &["Competitors", "Budget (tracker)", "Security", "Kündigung", "Pricing objection"];

pub(crate) const PHRASES: &[&str] = &["Initech", "budget", "have budget", "SOC 2", "zu teuer", "next quarter", "legal"];

/// Sentences of conversations. None needs escaping in JSON but the ones that say so: they are written to transcripts
/// as they stand here.
pub(crate) const SENTENCES: &[&str] = &[
    "Thanks for joining, everyone.",
    "Shall we start with pricing?",
    "Yes, that was our main question.",
    "We looked at the numbers again last week and they are better than we had thought.",
    "Could you share your screen for a moment?",
    "That is a fair point, and I would like to come back to it once we have seen the second part.",
    "Wir müssten das noch mit dem Einkauf abstimmen.",
    "Right.",
    "Our team of about four hundred people uses three tools for this today.",
    "Je vous envoie le document dès demain matin.",
    "What would a two-year agreement look like on your side?",
    "I think the integration is the part that worries security the most, honestly.",
    "Mm-hmm, okay.",
    "Let me repeat that to be sure that I understood: you need it before the end of the quarter.",
    "了解しました、来週また話しましょう。",
    "We can do a pilot with ten users first, see how that goes, and then decide about the rest in autumn.",
    "Sounds good 👍 thank you.",
    "He said \\\"never again\\\" and then signed for another year.",
    "No, nothing from my side.",
    "There was an issue with the export in March, but support had it fixed within a day or so.",
];

pub(crate) const KEY_POINTS: &[&str] = &[
    "Renewal is due in September.",
    "Security review needs the SOC 2 report.",
    "Budget was approved for 420 seats.",
    "Der Einkauf entscheidet im Juli.",
    "A competitor offers a lower price — «Initech».",
];

pub(crate) const OUTCOMES: &[(&str, &str, &str)] = &[
    ("MEETING_BOOKED", "Answered", "Meeting booked"),
    ("NO_ANSWER", "Not answered", "No answer"),
    ("CALL_BACK", "Answered", "Call back later"),
];

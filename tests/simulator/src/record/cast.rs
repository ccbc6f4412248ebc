//! Who takes part in a call, under which ids. Party, speaker and user ids are three spaces (API reference, section
//! 3.4); speakers join parties to transcripts and tracker occurrences.

use fastrand::Rng;

use super::words;
use crate::random::{chance, id, pick, stream};
use crate::spec::Text;
use crate::world::{Call, Origin, World};

/// One participant.
#[derive(Clone, Debug)]
pub(crate) struct Person {
    pub(crate) party: String,
    /// Absent for those who did not speak.
    pub(crate) speaker: Option<String>,
    /// The user's number, for people of the company.
    pub(crate) user: Option<usize>,
    pub(crate) name: Option<String>,
    pub(crate) email: Option<String>,
    pub(crate) title: Option<String>,
    pub(crate) affiliation: &'static str,
}

/// Everybody on a call.
#[derive(Clone, Debug)]
pub(crate) struct Cast {
    pub(crate) people: Vec<Person>,
    /// The customer's company.
    pub(crate) company: &'static str,
    /// An import that came without parties.
    pub(crate) unknown: bool,
    /// Only people of the company.
    pub(crate) internal: bool,
}

impl Cast {
    /// The ids of those who spoke.
    pub(crate) fn speakers(&self) -> Vec<&str> {
        self.people.iter().filter_map(|person| person.speaker.as_deref()).collect()
    }
}

/// The participants of a call; the host comes first.
pub(crate) fn cast(world: &World, call: &Call) -> Cast {
    let mut rng = stream(world.spec.seed, "cast", call.number);
    let company = pick(&mut rng, words::COMPANIES);
    let internal = chance(&mut rng, 8.0);
    let unknown = call.origin == Origin::Upload && chance(&mut rng, 50.0);
    let mut people = Vec::new();
    for number in std::iter::once(call.host).chain(call.attendees.iter().copied()) {
        people.push(colleague(&mut rng, world, number, number == call.host));
    }
    if !internal {
        let most = if world.spec.text == Text::Sparse { 2 } else { 5 };
        let guests = if call.origin == Origin::Conference { rng.usize(1..most) } else { 1 };
        for _ in 0..guests {
            people.push(guest(&mut rng, company));
        }
        if chance(&mut rng, 15.0) {
            people.push(dial_in(&mut rng));
        }
    }
    Cast { people, company, unknown, internal }
}

fn colleague(rng: &mut Rng, world: &World, number: usize, host: bool) -> Person {
    let user = &world.users[number.min(world.users.len() - 1)];
    let spoke = host || chance(rng, 70.0);
    Person {
        party: id(rng),
        speaker: Some(id(rng)).filter(|_| spoke),
        user: Some(number),
        name: Some(format!("{} {}", user.name.0, user.name.1)),
        email: Some(user.email.clone()),
        title: Some(user.title.clone()),
        affiliation: "Internal",
    }
}

fn guest(rng: &mut Rng, company: &str) -> Person {
    let first = pick(rng, words::FIRST_NAMES);
    let name = format!("{first} {}", pick(rng, words::LAST_NAMES));
    let domain: String = company.to_lowercase().chars().filter(char::is_ascii_alphanumeric).collect();
    let email = format!("{}{}@{domain}.example", first.to_lowercase().replace(' ', ""), rng.u16(..1_000));
    Person {
        party: id(rng),
        speaker: Some(id(rng)).filter(|_| chance(rng, 60.0)),
        user: None,
        name: Some(name).filter(|_| chance(rng, 85.0)),
        email: Some(email).filter(|_| chance(rng, 95.0)),
        title: Some(pick(rng, words::CUSTOMER_TITLES).to_string()).filter(|_| chance(rng, 60.0)),
        affiliation: "External",
    }
}

/// Somebody on a telephone whom Gong could not match.
fn dial_in(rng: &mut Rng) -> Person {
    Person {
        party: id(rng),
        speaker: Some(id(rng)).filter(|_| chance(rng, 50.0)),
        user: None,
        name: None,
        email: None,
        title: None,
        affiliation: "Unknown",
    }
}

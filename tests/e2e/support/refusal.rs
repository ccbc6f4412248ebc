//! Tables of bad input: what is wrong, and all that the program says about it.

use super::rig::{Rig, end};

/// One thing that is wrong, and what the program says about it.
pub struct Case {
    what: &'static str,
    given: fn(&Rig),
    command: &'static [&'static str],
    env: Vec<(&'static str, &'static str)>,
    /// All of stderr, with DIR for the test's folder and N for the ledger's format.
    says: &'static str,
}

/// A case for `sync`.
pub fn case(what: &'static str, given: fn(&Rig), says: &'static str) -> Case {
    Case { what, given, command: &["sync"], env: Vec::new(), says }
}

impl Case {
    /// Another command.
    pub fn command(self, command: &'static [&'static str]) -> Case {
        Case { command, ..self }
    }

    /// With an environment variable.
    pub fn env(mut self, name: &'static str, value: &'static str) -> Case {
        self.env.push((name, value));
        self
    }

    /// What is wrong with how the program takes it.
    fn wrong(&self) -> Option<String> {
        // GIVEN the bad input
        let rig = Rig::small(1);
        (self.given)(&rig);
        // WHEN the command is run
        let ended = end(rig.bare(self.command).envs(self.env.iter().copied()));
        // THEN it is refused with these words, nothing was asked of the vendor, and nothing lies in the output
        let folder = rig.path("").to_string_lossy().trim_end_matches('/').to_owned();
        let said = ended.stderr.replace(&folder, "DIR").replace(&format!("up to {}", migrations()), "up to N");
        let found = (ended.code, ended.stdout.as_str(), said.trim(), rig.server.journal().len(), rig.objects().len());
        let right = found == (2, "", self.says, 0, 0) && !said.contains("sim-secret");
        (!right).then(|| format!("== {}: {found:?}\n{said}", self.what))
    }
}

/// The format of the ledger: the number of its migrations.
fn migrations() -> usize {
    std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/state/migrations")).expect("a folder").count()
}

/// Fails the test unless each case ends with exit code 2 and its words, asks nothing and writes no data.
pub fn assert_refused(cases: &[Case]) {
    let wrong: Vec<String> = cases.iter().filter_map(Case::wrong).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The usual configuration with one text of it replaced.
pub fn replaced(rig: &Rig, old: &str, new: &str) {
    let text = std::fs::read_to_string(rig.path("gong-elt.toml")).expect("a configuration");
    assert!(text.contains(old), "{old}");
    rig.write("gong-elt.toml", &text.replace(old, new));
}

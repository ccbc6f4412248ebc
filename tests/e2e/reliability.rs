//! What `docs/reliability.md` says is tested is tested: each test that its table names exists.

use std::collections::BTreeSet;
use std::path::Path;

/// Each test of a folder as `file::name`, and each file as `file.rs`.
fn tests(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).expect("a folder of tests").map(|entry| entry.expect("an entry")) {
        let path = entry.path();
        if path.is_dir() {
            tests(&path, found);
            continue;
        }
        let (Some(file), Ok(text)) = (path.file_stem(), std::fs::read_to_string(&path)) else { continue };
        let file = file.to_string_lossy();
        let mut names = Vec::new();
        let mut lines = text.lines().map(str::trim);
        while let Some(line) = lines.next() {
            if ["#[test]", "#[tokio::test]"].contains(&line) {
                let name = lines
                    .find_map(|line| line.trim_start_matches("async ").strip_prefix("fn "))
                    .and_then(|rest| rest.split(['(', '<']).next());
                names.extend(name.map(|name| format!("{file}::{name}")));
            }
        }
        if !names.is_empty() {
            found.insert(format!("{file}.rs"));
        }
        found.extend(names);
    }
}

#[test]
fn the_table_of_faults_names_tests_that_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut exist = BTreeSet::new();
    tests(&root.join("tests/e2e"), &mut exist);
    tests(&root.join("src"), &mut exist);
    let text = std::fs::read_to_string(root.join("docs/reliability.md")).expect("the document");
    let rows: Vec<&str> = text.lines().filter(|line| line.starts_with('|')).skip(2).collect();
    assert!(rows.len() > 20, "{} rows", rows.len());
    for row in rows {
        let test = row.split('|').nth(3).expect("the column of tests");
        let named: Vec<&str> =
            test.split('`').skip(1).step_by(2).filter(|name| name.contains("::") || name.ends_with(".rs")).collect();
        assert!(!named.is_empty(), "no test is named: {row}");
        for name in named {
            assert!(exist.contains(name), "there is no test {name}: {row}");
        }
    }
}

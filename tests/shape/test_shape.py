"""shape.py on small made-up checkouts: each rule is broken once, and a clean one has no finding."""

import tempfile
import unittest
import unittest.mock
from pathlib import Path

import shape

CATALOG = 'const FILES: &[(&str, &str)] = files!["users"];\n'


def findings(changed):
    """Findings for a clean checkout with some files changed or added."""
    clean = {
        "src/entity/catalog.rs": CATALOG,
        "src/entity/mod.rs": "mod catalog;\n",
        "src/error.rs": "//! Bottom.\n",
        "src/plan/mod.rs": "use crate::error::Error;\n",
        "src/sink/mod.rs": "use crate::entity::Catalog;\n",
        "src/run/mod.rs": "use crate::plan;\nuse crate::sink;\n",
        "src/main.rs": "use gong_elt::run;\n",
        "tests/simulator/src/lib.rs": "//! The vendor.\n",
        "schemas/users.toml": "",
    }
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder).resolve()
        for path, text in {**clean, **changed}.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(text, encoding="utf-8")
        return shape.check(root)


class Shape(unittest.TestCase):
    def assert_found(self, changed, *expected):
        self.assertEqual(findings(changed)[0], list(expected))

    def test_a_clean_checkout_has_no_finding(self):
        self.assertEqual(findings({}), ([], []))

    def test_long_files_are_noted_and_very_long_ones_fail(self):
        found, notes = findings({f"src/plan/p{n}.rs": "" for n in range(20)} | {"src/plan/a.rs": "x();\n" * 251})
        self.assertEqual((found, notes), ([], ["src/plan/a.rs:1: 251 lines without tests, meant are up to 250"]))
        self.assert_found(
            {"src/plan/a.rs": "x();\n" * 301}, "src/plan/a.rs:1: 301 lines without tests, the limit is 300"
        )
        self.assert_found(
            {"src/plan/a.rs": "x();\n" * 251},
            "src/plan/a.rs:1: 251 lines without tests: more than one file in ten is over 250",
        )

    def test_tests_do_not_count(self):
        tests = "#[cfg(test)]\nmod tests {\n" + '    fn f() { a.unwrap(); let s = "}"; }\n' * 300 + "}\n"
        self.assert_found({"src/plan/a.rs": "fn a() {}\n" + tests})
        beside = '#[cfg(test)]\n#[path = "a_tests.rs"]\nmod tests;\n'
        self.assert_found({"src/plan/a.rs": beside, "src/plan/a_tests.rs": "fn f() { a.unwrap(); }\n" * 400})

    def test_long_functions_are_found(self):
        body = "    // {\n" * 59
        self.assert_found({"src/plan/a.rs": f"fn short() {{\n{body[:-1]}\n}}\n".replace("    // {\n", "", 1)})
        self.assert_found(
            {"src/plan/a.rs": f"\nfn long() {{\n{body}}}\n"}, "src/plan/a.rs:2: fn long has 61 lines, the limit is 60"
        )

    def test_a_stage_may_not_import_a_stage(self):
        expected = "sink imports plan, which is another stage: run translates between stages"
        for line in ["use crate::plan::Ask;", "fn f() { crate::plan::x() }", "use crate::{error::Error, plan::{A, B}};"]:
            self.assert_found({"src/sink/a.rs": f"{line}\n"}, f"src/sink/a.rs:1: {expected}")
        self.assert_found({"src/sink/a.rs": "use super::super::plan::Ask;\n"}, f"src/sink/a.rs:1: {expected}")
        self.assert_found({"src/sink/mod.rs": "use super::plan::Ask;\n"}, f"src/sink/mod.rs:1: {expected}")
        self.assert_found({"src/sink/a.rs": "use super::plan;\n// crate::plan\n"})
        self.assert_found({"src/sink/a.rs": '#[cfg(test)]\nmod tests {\n    use crate::plan;\n}\nconst S: &str = "crate::plan";\n'})

    def test_the_bottom_row_imports_nothing_above(self):
        self.assert_found(
            {"src/error.rs": "use crate::plan::Ask;\n"},
            "src/error.rs:1: error imports plan, which is above the bottom row",
            "src/error.rs:1: error and plan import each other, directly or by way of others",
            "src/plan/mod.rs:1: plan and error import each other, directly or by way of others",
        )

    def test_cycles_within_a_row_are_found(self):
        self.assert_found(
            {"src/error.rs": "use crate::entity::A;\n", "src/entity/mod.rs": "use crate::error::B;\n"},
            "src/entity/mod.rs:1: entity and error import each other, directly or by way of others",
            "src/error.rs:1: error and entity import each other, directly or by way of others",
        )

    def test_leftovers_are_found(self):
        self.assert_found(
            {"src/plan/a.rs": "fn f() {\n    let c = '\"'; a.unwrap();\n    todo!()\n}\n// b.unwrap()\n"},
            "src/plan/a.rs:2: .unwrap() outside tests",
            "src/plan/a.rs:3: todo! outside tests",
        )
        self.assert_found({"src/plan/a.rs": "fn f<'a>(x: &'a str) { x.unwrap_or(b'\\''); }\n"})

    def test_the_simulator_does_not_know_the_product(self):
        self.assert_found(
            {"tests/simulator/src/lib.rs": "\nuse gong_elt::config;\n"},
            "tests/simulator/src/lib.rs:2: the simulator must not know the product (gong_elt)",
        )

    def test_a_schema_file_is_read_or_waits(self):
        self.assert_found({"schemas/deals.toml": ""}, "schemas/deals.toml:1: neither in the catalog nor waiting")
        with unittest.mock.patch.object(shape, "WAITING", {"deals", "users"}):
            self.assertEqual(
                findings({"schemas/deals.toml": ""}), ([], ["tests/shape/shape.py:1: users waits no more"])
            )


if __name__ == "__main__":
    unittest.main()

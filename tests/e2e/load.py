"""A loader made of nothing but the statements of docs/loading.md, and the proof that its tables equal a fresh read.

usage: load.py load OUTPUT DATABASE         one turn for every table that the manifest names
       load.py compare OUTPUT DATABASE      exits 1 where a table is not what a fresh read of the current objects gives
       load.py validate OUTPUT SCHEMA_DIR   manifest and reports against their JSON schemas, without any key beyond them
"""
import collections
import json
import pathlib
import re
import sys

DOCUMENT = pathlib.Path(__file__).parents[2] / "docs/loading.md"


def blocks():
    """The statements of each labelled block."""
    found = re.findall(r"<!-- duckdb: (\w+) -->\n```sql\n(.*?)```", DOCUMENT.read_text(), re.S)
    return {name: [s.strip() for s in sql.split(";\n") if s.strip()] for name, sql in found}


def entities(output):
    manifest = json.loads((output / "_gong_elt/manifest.json").read_text())
    return sorted({c["entity"] for c in manifest["coverage"]})


class Loader:
    def __init__(self, output, database):
        import duckdb

        self.duckdb, self.output, self.blocks = duckdb, output, blocks()
        self.con = duckdb.connect(str(database))

    def run(self, statement, entity):
        sql = re.sub(r"\bcalls\b", entity, statement).replace("'data'", f"'{self.output}'").replace("'data/", f"'{self.output}/")
        self.con.execute(sql)

    def variable(self, name):
        return self.con.execute(f"SELECT getvariable('{name}')").fetchone()[0]

    def turn(self, entity):
        """What the document says, in its order; returns what was done."""
        for statement in self.blocks["difference"]:
            self.run(statement, entity)
        try:
            if self.variable("since") == 0:
                return self.anew(entity)
            for statement in self.blocks["replace"]:
                if not (statement.startswith("INSERT INTO calls BY NAME") and self.variable("files") is None):
                    self.run(statement, entity)
            return "replaced"
        except self.duckdb.IOException:
            # An object is gone: come again after the next run.
            self.con.execute("ROLLBACK")
            return "given up"

    def anew(self, entity):
        if self.variable("files") is None:
            return "nothing"
        for statement in self.blocks["anew"]:
            self.run(statement, entity)
        return "anew"

    def differences(self, entity):
        """Rows that are in only one of the loaded table and the objects on disk."""
        files = [str(p) for p in self.output.glob(f"{entity}/**/*.parquet")]
        loaded = self.con.execute(f"SELECT 1 FROM information_schema.tables WHERE table_name = '{entity}'").fetchone()
        fresh = f"read_parquet({files}, union_by_name = true, hive_partitioning = false)"
        one = self.rows(entity) if loaded else collections.Counter()
        other = self.rows(fresh) if files else collections.Counter()
        return ((one - other) + (other - one)).total()

    def rows(self, table):
        """Each row as text that does not depend on the order of columns."""
        rows = self.con.execute(f"SELECT to_json(t)::VARCHAR FROM {table} t").fetchall()
        return collections.Counter(json.dumps(json.loads(row), sort_keys=True) for (row,) in rows)


def strict(schema):
    """The schema with every key that it does not name refused."""
    if isinstance(schema, dict):
        schema = {key: strict(value) for key, value in schema.items()}
        if "properties" in schema:
            schema.setdefault("additionalProperties", False)
    return schema


def validate(output, schemas):
    import jsonschema

    def check(name, file):
        schema = json.loads((schemas / name).read_text())
        jsonschema.Draft202012Validator.check_schema(schema)
        jsonschema.Draft202012Validator(strict(schema)).validate(json.loads(file.read_text()))

    check("manifest.schema.json", output / "_gong_elt/manifest.json")
    reports = sorted((output / "_gong_elt/runs").glob("*.json"))
    for report in reports:
        check("report.schema.json", report)
    print(f"1 manifest, {len(reports)} reports")


def main():
    action, output, other = sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
    if action == "validate":
        return validate(output, other)
    loader = Loader(output, other)
    if action == "load":
        print(" ".join(f"{entity}:{loader.turn(entity)}" for entity in entities(output)))
        for statement in loader.blocks["view"]:
            loader.run(statement, "calls")
        return
    wrong = {entity: n for entity in entities(output) if (n := loader.differences(entity))}
    wrong |= {"a view in place": 1} if not loader.con.execute("SELECT count(*) FROM calls_in_place").fetchone()[0] else {}
    print(wrong or "equal")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()

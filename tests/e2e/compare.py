"""Compares the Parquet of an output with the records that the vendor would serve: an independent reader (DuckDB) and a generic walk.

usage: compare.py OUTPUT TRUTH_DIR      TRUTH_DIR/<entity>.json: a JSON array of the vendor's records

Every leaf of every record must be in the table (or in _extra, by its path), every value of the table must be in the record, every
record once. No list of fields: names follow from the vendor's by the snake_case rule, written here a second time on purpose.
"""
import datetime
import decimal
import json
import pathlib
import re
import sys

import duckdb

# Where a record's key is; names with _ were put beside the record by the test, because the vendor's record does not carry them.
KEYS = {
    "users": ["id"], "workspaces": ["id"], "calls": ["id"], "calls_extensive": ["metaData.id"], "call_transcripts": ["callId"],
    "settings_scorecards": ["scorecardId"], "settings_trackers": ["trackerId"], "library_folders": ["id"],
    "library_folder_content": ["folderId", "id", "created", "snippet.fromSec"], "stats_activity_scorecards": ["answeredScorecardId"],
    "stats_activity_aggregate": ["userId", "_from"], "stats_interaction": ["userId", "_from"],
    "stats_activity_day_by_day": ["userId", "_from"], "coaching": ["_workspace", "_manager", "userId", "_from"],
}
TABLE_KEYS = {
    "calls_extensive": ["call_id"], "call_transcripts": ["call_id"], "settings_scorecards": ["scorecard_id"],
    "settings_trackers": ["tracker_id"], "library_folder_content": ["folder_id", "call_id", "created", "snippet.from_sec"],
    "stats_activity_scorecards": ["answered_scorecard_id"], "stats_activity_aggregate": ["user_id", "from_date"],
    "stats_interaction": ["user_id", "from_date"], "stats_activity_day_by_day": ["user_id", "from_date"],
    "coaching": ["workspace_id", "manager_id", "user_id", "from_date"],
}
DATES = {"from_date", "to_date", "through_date", "time_zone"}
# Columns that do not come from the record.
STAMPS = {
    "calls_extensive": {"call_id", "call_started"}, "call_transcripts": {"call_started"}, "library_folders": {"workspace_id"},
    "library_folder_content": {"folder_id"}, "stats_activity_aggregate": DATES, "stats_interaction": DATES,
    "stats_activity_day_by_day": DATES, "coaching": DATES | {
        "workspace_id", "manager_id", "calls_listened", "calls_attended", "calls_with_feedback_count", "calls_with_comments", "scorecards_filled"},
}
# Columns with another name than the vendor's field.
NAMES = {
    "library_folder_content": {"id": "call_id"},
    "stats_activity_day_by_day": {"fromDate": "from_date_time", "toDate": "to_date_time"},
}
# Media links are signed anew on every read and are not asked for unless a setting says so.
NOT_ASKED = {"calls_extensive": {"media"}}
COMMON = {"_extra", "_extracted_at", "_object", "month"}


def snake(name):
    name = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name)
    return re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1_\2", name).lower()


def instant(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


class Number(str):
    """A JSON number as its literal text."""


def same_leaf(truth, value):
    if isinstance(value, bool) or isinstance(truth, bool):
        return truth is value
    if isinstance(value, datetime.datetime):
        return isinstance(truth, str) and instant(truth) == value
    if isinstance(value, (int, float, decimal.Decimal)):
        return isinstance(truth, Number) and float(truth) == float(value) and (not isinstance(value, int) or float(truth).is_integer())
    return isinstance(value, str) and str(truth) == value


def same_json(truth, text):
    return json.loads(text, parse_int=Number, parse_float=Number) == truth


def rows_from(entity, record):
    """The rows that one of the vendor's records becomes."""
    if entity == "stats_activity_day_by_day":
        for day in record.pop("userDailyActivityStats"):
            # Gong lists a user's idle days too if the user did something in the same window: how a range is cut must not matter.
            if any(isinstance(ids, list) and ids for ids in day.values()):
                yield record | day | {"_from": day["fromDate"][:10]}
    elif entity == "coaching":
        for line in record.pop("directReportsMetrics"):
            report = {"user" + name[0].upper() + name[1:]: value for name, value in line["report"].items()}
            yield record | report | line["metrics"]
    else:
        yield record


class Walk:
    def __init__(self, entity, key, extra):
        self.entity, self.key, self.extra, self.errors = entity, key, extra, []

    def wrong(self, path, what):
        self.errors.append(f"{self.entity} {self.key}: {path}: {what}")

    def unknown(self, path, truth):
        if path not in self.extra:
            if truth is not None:
                self.wrong(path, f"lost: {truth!r:.80}")
        elif self.extra.pop(path) != truth:
            self.wrong(path, "_extra holds another value")

    def object(self, truth, row, path, ignore=()):
        seen = set(ignore)
        for name, inner in truth.items():
            if name.startswith("_") or (not path and name == "folderId"):
                continue
            column = NAMES.get(self.entity, {}).get(name, snake(name)) if not path else snake(name)
            at = f"{path}.{name}" if path else name
            if column in row:
                seen.add(column)
                self.value(inner, row[column], at)
            else:
                self.unknown(at, inner)
        for column, value in row.items():
            if column not in seen and value is not None:
                self.wrong(f"{path}.{column}", f"invented: {value!r:.80}")

    def value(self, truth, value, path):
        if value is None:
            if truth is not None:
                self.unknown(path, truth)
        elif isinstance(truth, dict) and isinstance(value, dict):
            self.object(truth, value, path)
        elif isinstance(truth, list) and isinstance(value, list):
            if len(truth) != len(value):
                return self.wrong(path, f"{len(value)} items, not {len(truth)}")
            for i, (t, v) in enumerate(zip(truth, value)):
                self.value(t, v, f"{path}[{i}]")
        elif path.endswith(".value") and "fields" in path and isinstance(value, str):
            if not same_json(truth, value):
                self.wrong(path, f"JSON text {value!r:.80} is not {truth!r:.80}")
        elif not same_leaf(truth, value):
            self.wrong(path, f"{value!r:.80} is not {truth!r:.80}")


def plain(value):
    """One text for the same value on both sides."""
    if isinstance(value, datetime.datetime):
        return str(value.timestamp())
    if isinstance(value, str) and re.match(r"^\d{4}-\d\d-\d\dT", value):
        return str(instant(value).timestamp())
    return str(value)


def key_of(record, paths):
    key = []
    for path in paths:
        value = record
        for name in path.split("."):
            value = value.get(name) if value is not None else None
        key.append(plain(value))
    return "|".join(key)


def rows_of(con, output, entity):
    if not list(output.glob(f"{entity}/**/*.parquet")):
        return
    cursor = con.execute(f"SELECT * FROM read_parquet('{output}/{entity}/**/*.parquet', union_by_name = true, filename = true, hive_partitioning = false)")
    names = [d[0] for d in cursor.description]
    for row in cursor.fetchall():
        yield dict(zip(names, row))


def compare(con, output, entity, truths):
    for truth in truths:
        for name in NOT_ASKED.get(entity, ()):
            truth.pop(name, None)
    truths = [row for truth in truths for row in rows_from(entity, truth)]
    expected = {key_of(t, KEYS[entity]): t for t in truths}
    errors, found = [], set()
    if len(expected) != len(truths):
        errors.append(f"{entity}: the truth itself has a key twice")
    for row in rows_of(con, output, entity):
        key = key_of(row, TABLE_KEYS.get(entity, ["id"]))
        file = row.pop("filename")
        if file != str(output / row["_object"]):
            errors.append(f"{entity} {key}: _object {row['_object']} is not {file}")
        if key in found:
            errors.append(f"{entity} {key}: twice")
        found.add(key)
        truth = expected.get(key)
        if truth is None and entity == "stats_activity_day_by_day" and not any(isinstance(v, list) and v for v in row.values()):
            found.remove(key)
            continue
        if truth is None:
            errors.append(f"{entity} {key}: invented")
            continue
        extra = json.loads(row["_extra"], parse_int=Number, parse_float=Number) if row["_extra"] else {}
        walk = Walk(entity, key, extra)
        walk.object(truth, row, "", STAMPS.get(entity, set()) | COMMON)
        for path, value in walk.extra.items():
            if value is not None:
                walk.wrong(path, f"_extra invented {value!r:.80}")
        errors += walk.errors
    errors += [f"{entity} {key}: lost" for key in sorted(expected.keys() - found)]
    return len(found), errors


def main():
    output, truth_dir = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    con = duckdb.connect()
    con.execute("SET TimeZone = 'UTC'")
    failed = False
    for file in sorted(truth_dir.glob("*.json")):
        truths = json.loads(file.read_text(), parse_int=Number, parse_float=Number)
        rows, errors = compare(con, output, file.stem, truths)
        print(f"{file.stem}: {rows} rows, {len(errors)} differences")
        for error in errors[:20]:
            print("  " + error)
        failed |= bool(errors)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()

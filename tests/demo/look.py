"""A look at the output with DuckDB, for the demo: counts, nested queries, and the fate of single calls."""

import duckdb

TABLES = ("users", "workspaces", "calls", "calls_extensive", "call_transcripts")
# The tables that hold a row per call, with the column that names it.
FAMILY = {"calls": "id", "calls_extensive": "call_id", "call_transcripts": "call_id"}

TALK_TIME = """\
SELECT u.first_name || ' ' || u.last_name AS speaker, count(*) AS calls, round(sum(s.talk_time) / 60) AS minutes
FROM (SELECT unnest(interaction.speakers) AS s FROM calls_extensive)
JOIN users u ON u.id = s.user_id
GROUP BY ALL ORDER BY minutes DESC LIMIT 5"""

SENTENCES = """\
WITH monologue AS (SELECT call_id, unnest(transcript) AS m FROM call_transcripts WHERE call_id = '{call}'),
     sentence AS (SELECT call_id, m.speaker_id AS speaker_id, unnest(m.sentences) AS s FROM monologue),
     party AS (SELECT call_id, unnest(parties) AS p FROM calls_extensive)
SELECT s."start" // 1000 AS second, coalesce(p.name, speaker_id, '(unknown)') AS speaker, s.text AS sentence
FROM sentence LEFT JOIN party ON party.call_id = sentence.call_id AND p.speaker_id = sentence.speaker_id
ORDER BY s."start" LIMIT 6"""


def connect(data):
    """DuckDB with a view for each table of the output."""
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    for table in TABLES:
        connection.execute(f"CREATE VIEW {table} AS FROM read_parquet('{data}/{table}/**/*.parquet')")
    return connection


def show(connection, about, sql):
    print(f"{about}\n\n{sql}\n", flush=True)
    connection.sql(sql).show(max_width=118)


def tables(data):
    """Files and rows of each table, then two nested queries."""
    connection = connect(data)
    one = "SELECT '{0}' AS \"table\", count(*) AS rows, count(DISTINCT _object) AS files FROM {0}"
    print("Each folder under demo/data/ is one table.\n")
    connection.sql(" UNION ALL ".join(one.format(table) for table in TABLES)).show()
    show(connection, "Who talked most? Talk time lies nested in calls_extensive, one list per call.", TALK_TIME)
    (call, title), *_ = connection.execute(
        "SELECT id, title FROM calls JOIN call_transcripts t ON t.call_id = id ORDER BY started DESC, id LIMIT 1"
    ).fetchall()
    show(connection, f'What was said first in the newest call, "{title}"?', SENTENCES.format(call=call))


def rows_of(data, night):
    """For each call of the night: its title and the tables that hold it."""
    connection = connect(data)
    found = {}
    for fate in ("late", "edited", "deleted", "private"):
        call = night[fate]
        title = connection.execute("SELECT title FROM calls WHERE id = ?", [call]).fetchone()
        count = "SELECT count(*) FROM {} WHERE {} = ?"
        counts = {table: connection.execute(count.format(table, key), [call]).fetchone()[0] for table, key in FAMILY.items()}
        found[fate] = (title[0] if title else None, counts)
    return found


def changes(data, night, before):
    """What became of the calls of the night."""
    after = rows_of(data, night)
    print("A row that came: 0 -> 1. A row that went: 1 -> 0.\n")
    print(f"{'call':<9} {'id':<21} {'calls':<9} {'calls_extensive':<16} {'call_transcripts':<17} title")
    for fate, (title, counts) in after.items():
        old_title, old_counts = before[fate]
        moves = {table: f"{old_counts[table]} -> {counts[table]}" for table in FAMILY}
        shown = title or "-"
        if old_title and title and old_title != title:
            shown = f"{old_title} -> {title}"
        print(
            f"{fate:<9} {night[fate]:<21} {moves['calls']:<9} {moves['calls_extensive']:<16}"
            f" {moves['call_transcripts']:<17} {shown}"
        )
    print(flush=True)

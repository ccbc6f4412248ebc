#!/usr/bin/env python3
"""gong-elt at work on a simulated account: `make demo`.

Starts gong-sim on a free loopback port, runs the real program against it as a user would, moves the account on by one
night, runs it again, and looks at the rows. What it leaves is in demo/; what it started is stopped, however it ends.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from datetime import datetime, timedelta
from pathlib import Path

import look

ROOT = Path(__file__).resolve().parents[2]
DEMO = ROOT / "demo"
PROGRAMS = Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target") / "debug"
DAYS = 90
CONFIG = """\
# Written by `make demo`. config.example.toml explains every setting.
[source]
base_url = "{url}"        # the simulator; Gong's own host in real use

[sync]
start_date = "{start}"
# Five of the tables, so that the demo is short; all of them without this line.
entities = ["users", "workspaces", "calls", "calls_extensive", "call_transcripts"]

[output]
url = "data"

[state]
path = "state/gong-elt.db"
"""


class Failed(Exception):
    """Something the demo needs did not work; the text says what."""


def say(text):
    print(text, flush=True)


def step(number, title, about):
    say(f"\n=== {number}. {title}\n{about}\n")


def ask(url, path, method="GET"):
    request = urllib.request.Request(url + path, method=method)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def end(process):
    """Waits for a process that was told to end, but not for ever."""
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


class Simulator:
    """A running gong-sim, stopped at the end of the `with` block."""

    def __enter__(self):
        account = f"serve --seed 1 --calls 2000 --users 60 --days {DAYS} --workspaces 2 --rate 3 --per-day 10000"
        # A session of its own: Ctrl-C reaches gong-elt first, which still needs its vendor to end in order.
        self.process = subprocess.Popen(
            [PROGRAMS / "gong-sim", *account.split()], stdout=subprocess.PIPE, text=True, start_new_session=True
        )
        self.url = self.process.stdout.readline().strip()
        if not self.url:
            self.__exit__()
            raise Failed("gong-sim did not start; its message is above")
        return self

    def __exit__(self, *_):
        self.process.terminate()
        end(self.process)

    def state(self):
        return ask(self.url, "/_sim/state")

    def night(self):
        return ask(self.url, "/_sim/night", "POST")


def gong_elt(now, *arguments):
    """Runs the program in demo/, as a user would, with the simulator's time as its now."""
    command = ["gong-elt", *arguments, "--as-of", now]
    say("$ " + " ".join(command))
    # A real account's variables must not reach the demo.
    clean = {name: value for name, value in os.environ.items() if not name.startswith("GONG_")}
    keys = {"GONG_ACCESS_KEY": "sim-key", "GONG_ACCESS_KEY_SECRET": "sim-secret"}
    process = subprocess.Popen([PROGRAMS / "gong-elt", *command[1:]], cwd=DEMO, env=clean | keys)
    try:
        code = process.wait()
    except KeyboardInterrupt:
        end(process)  # Ctrl-C has reached it too: it ends by itself
        raise
    except SystemExit:
        process.terminate()
        end(process)
        raise
    if code != 0:
        raise Failed(f"gong-elt {arguments[0]} ended with exit code {code}")


def fresh_folder():
    """demo/ without what an earlier demo left; nothing else in it is touched."""
    DEMO.mkdir(exist_ok=True)
    for name in ("data", "state"):
        shutil.rmtree(DEMO / name, ignore_errors=True)
    (DEMO / "gong-elt.toml").unlink(missing_ok=True)


def configure(sim):
    state = sim.state()
    counts = state["counts"]
    step(
        1,
        "An account",
        f"gong-sim plays Gong at {sim.url}: {counts['calls']} calls of {DAYS} days, {counts['users']} users,"
        f" {counts['workspaces']} workspaces.\nIt keeps Gong's limits: 3 requests a second, 10,000 a day. Its clock"
        f" stands at {state['now']}.",
    )
    start = datetime.fromisoformat(state["now"].replace("Z", "+00:00")) - timedelta(days=DAYS)
    fresh_folder()
    (DEMO / "gong-elt.toml").write_text(CONFIG.format(url=sim.url, start=start.date()), encoding="utf-8")
    say("demo/gong-elt.toml says where to read from, since when, and where to write. The keys are in the environment")
    say("(GONG_ACCESS_KEY, GONG_ACCESS_KEY_SECRET). --as-of gives the simulator's time; in real use the clock does.")
    return state["now"]


def first_night(now):
    step(2, "check", "Do the credentials work, what may they read, can the output and the ledger be written?")
    gong_elt(now, "check")
    step(3, "plan", "What would a sync read, and what would it cost? This asks Gong nothing and writes no data.")
    gong_elt(now, "plan")
    step(4, "sync", f"The first run reads all {DAYS} days. The rate limit sets the pace: three requests a second.")
    gong_elt(now, "sync")
    say("\nprivate: calls left out, as Gong asks of every tool. missing: asked for by id and not given (yet), mostly")
    say("transcripts still in the making; they are asked again whenever their window is read again.")


def one_night_on(sim):
    night = sim.night()
    now = sim.state()["now"]
    step(
        5,
        "One night later",
        f"The simulated account moves on to {now}. In the night:\n"
        f"  {night['new_calls']} new calls were held\n"
        f"  1 late call came to light: {night['late']}, held on {night['late_scheduled']}\n"
        f"  1 call got another title: {night['edited']}\n"
        f"  1 call was deleted: {night['deleted']}\n"
        f"  1 call turned private: {night['private']}",
    )
    before = look.rows_of(DEMO / "data", night)
    step(
        6,
        "sync again",
        "The second run reads the new day, and again the days that have passed an age of 1, 2, 3, 7 or 14 days.\n"
        "Files whose rows did not change are left as they are.",
    )
    gong_elt(now, "sync")
    step(
        7,
        "status",
        "How far is each table? Up to the frontier everything was read once; up to the watermark it is settled, so that\n"
        "it is no longer read again by age.",
    )
    gong_elt(now, "status")
    return night, before


def demo():
    say("gong-elt on a simulated Gong account. This takes about a minute, most of it waiting for the rate limit.")
    with Simulator() as sim:
        now = configure(sim)
        first_night(now)
        night, before = one_night_on(sim)
    step(8, "The rows", "The output is plain Parquet; here DuckDB reads it. Any other reader will do.")
    look.tables(DEMO / "data")
    step(9, "What the night changed", "Rows of the four calls before and after the second sync, in all three tables.")
    look.changes(DEMO / "data", night, before)
    say("The simulator is stopped. Left in demo/ to look at:")
    say("  demo/gong-elt.toml     the configuration\n  demo/data/             the Parquet files")
    say("  demo/data/_gong_elt/   the manifest and a report of each run\n  demo/state/            the ledger, one SQLite file")


def main():
    def stop(number, _):
        raise SystemExit(128 + number)

    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)
    begun = time.monotonic()
    try:
        demo()
    except KeyboardInterrupt:
        say("\ndemo: stopped, and the simulator with it")
        return 130
    except Failed as failure:
        print(f"demo: {failure}", file=sys.stderr)
        return 1
    say(f"Done in {time.monotonic() - begun:.0f} seconds.")
    return 0


if __name__ == "__main__":
    sys.exit(main())

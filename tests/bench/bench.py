#!/usr/bin/env python3
"""What gong-elt costs in requests and how much of the rate it uses: `make bench`.

Runs the real program against gong-sim, both as release builds, and prints the table of goals. `bench.py NAME ...` runs
some of the figures: w2, night, quiet, planned, sparse. `--counts` counts requests only, without limits and delays: those
figures do not depend on speed. Everything lives in a temporary folder that is removed.
"""

import argparse
import collections
import json
import math
import os
import platform
import shlex
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import urllib.request
from datetime import datetime, timedelta
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TARGET = Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target")
FAMILY = ["calls", "calls_extensive", "call_transcripts"]
BY_USER = ["stats_activity_aggregate", "stats_activity_day_by_day", "stats_interaction"]
STATS = [*BY_USER, "stats_activity_scorecards"]
WORK = ["users", "workspaces", "settings_scorecards", "settings_trackers", *STATS, *FAMILY]
NO_COACHING = ["library_folders", "library_folder_content", *WORK]
USERS = 60
ACCOUNT = f"--seed 1 --calls 20000 --users {USERS} --days 90 --workspaces 2"


class Simulator:
    """A gong-sim that is stopped at the end of the `with` block."""

    def __init__(self, programs, account, rate=0, latency=0, slow=0):
        limits = f"--rate {rate} --per-day 0 --latency-ms {latency} --warm"
        self.command = [programs / "gong-sim", *shlex.split(f"serve {account} {limits}")]
        self.latency, self.slow = latency, slow
        self.asked = []

    def __enter__(self):
        self.process = subprocess.Popen(self.command, stdout=subprocess.PIPE, text=True)
        self.url = self.process.stdout.readline().strip()
        if self.slow:
            self.slow_answers()
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()

    def slow_answers(self):
        """One answer in ten takes `slow` milliseconds."""
        delay = {"kind": "delay", "ms": self.slow - self.latency}
        self.ask("faults", "POST", {"matcher": {}, "fault": delay, "percent": 10, "seed": 1})

    def ask(self, path, method="GET", body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}/_sim/{path}", method=method, data=data)
        with urllib.request.urlopen(request, timeout=120) as answer:
            return json.load(answer)

    def now(self):
        return self.ask("state")["now"]

    def journal(self):
        """The requests since the last look."""
        entries = [e for e in self.ask("journal") if e["path"].startswith("/v2/")]
        self.ask("journal", "DELETE")
        return entries


class Account:
    """A folder with a configuration and a ledger."""

    def __init__(self, programs, sim, days, entities, rate=2000):
        self.programs, self.sim, self.entities, self.rate = programs, sim, entities, rate
        self.folder = tempfile.TemporaryDirectory()
        self.since(days)

    def since(self, days):
        start = datetime.fromisoformat(self.sim.now().replace("Z", "+00:00")) - timedelta(days=days)
        entities = json.dumps(self.entities)
        (Path(self.folder.name) / "gong-elt.toml").write_text(
            f'[source]\nbase_url = "{self.sim.url}"\n[limits]\nrequests_per_second = {self.rate}\n'
            f'requests_per_day = 1000000\n[sync]\nstart_date = "{start.date()}"\nentities = {entities}\n',
            encoding="utf-8",
        )

    def keep(self):
        """A copy of the folder as it is now."""
        self.kept = tempfile.TemporaryDirectory()
        shutil.copytree(self.folder.name, self.kept.name, dirs_exist_ok=True)

    def back(self):
        """The folder as it was kept: a ledger belongs to its output, so it must be the same folder."""
        for entry in Path(self.folder.name).iterdir():
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
        shutil.copytree(self.kept.name, self.folder.name, dirs_exist_ok=True)

    def run(self, *arguments):
        command = [self.programs / "gong-elt", *arguments, "--format", "json", "--as-of", self.sim.now()]
        self.sim.asked.append(" ".join(["gong-elt", *arguments]))
        keys = {"GONG_ACCESS_KEY": "sim-key", "GONG_ACCESS_KEY_SECRET": "sim-secret"}
        done = subprocess.run(command, cwd=self.folder.name, env=keys, capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"{arguments} ended with {done.returncode}:\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
        return json.loads(done.stdout)


def pages(rows):
    return math.ceil(rows / 100)


def read_by(account, run_id):
    """The rows that Gong gave, private ones and missing ones included, and the public ones, of each unit that a run read."""
    with sqlite3.connect(Path(account.folder.name) / "state/gong-elt.db") as ledger:
        query = "SELECT entity, rows + private + missing, rows + missing FROM unit WHERE run_id = ?"
        return ledger.execute(query, [run_id]).fetchall()


def without_the_family(units):
    """The statistics window by window: users / 100, or rows / 100 where a row is no user; rows / 100 for the rest."""
    by_user = sum(pages(USERS) for name, _, _ in units if name in BY_USER)
    return by_user + sum(max(1, pages(rows)) for name, rows, _ in units if name not in FAMILY + BY_USER)


def minimum(units):
    """The wide one: calls / 100 for each of the family, all windows together."""
    calls = sum(rows for name, rows, _ in units if name == "calls")
    return len(FAMILY) * pages(calls) + without_the_family(units)


def minimum_by_window(units):
    """The family window by window as well, and no id of a private call: what is left is one partly filled page a window."""
    listed = sum(max(1, pages(rows)) for name, rows, _ in units if name == "calls")
    by_id = sum(pages(public) for name, _, public in units if name in FAMILY[1:])
    return listed + by_id + without_the_family(units)


def pace(journal, rate):
    """Share of the rate used from the first request to the last, the most in a sliding second, and the 429s."""
    times = sorted(e["epoch_micros"] for e in journal)
    most, first = 0, 0
    for last, at in enumerate(times):
        while at - times[first] >= 1_000_000:
            first += 1
        most = max(most, last - first + 1)
    used = (len(times) - 1) / ((times[-1] - times[0]) / 1e6) / rate
    return used, most - rate, sum(e["status"] == 429 for e in journal)


def again(plan, report, name):
    """Requests of a listed entity for committed windows that were due: all but one for each new window."""
    units = [unit for unit in plan["units"] if unit["entity"] == name]
    new = sum(unit["reason"] == "new" for unit in units)
    return min(len(units) - new, max(0, report["entities"][name]["requests"] - new))


class Bench:
    """The figures, each measured `times` times."""

    def __init__(self, programs, times, counts):
        self.programs, self.times, self.counts = programs, 1 if counts else times, counts
        self.rows, self.commands = [], []

    def note(self, work, figure, goal, values, good, comment=""):
        middle = statistics.median(values)
        shown = ", ".join(f"{v:g}" if v == int(v) else f"{v:.3f}" for v in values)
        told = f"{middle:g}" if middle == int(middle) else f"{middle:.3f}"
        verdict = "reached" if good(middle) else "MISSED"
        row = f"| {work} | {figure} | {goal} | {told} | {verdict} | {shown}{'; ' + comment if comment else ''} |"
        self.rows.append((good(middle), row))
        print(row, flush=True)

    def told(self, name, sim):
        """Keeps the commands of a figure; those that come again and again once."""
        serve = " ".join(["gong-sim", *map(str, sim.command[1:])])
        self.commands.append(f"* `{name}`: `{serve}`, then `{'`, `'.join(dict.fromkeys(sim.asked))}`")

    def limited(self, **limits):
        """A simulator with limits and delays, unless only requests are counted."""
        return Simulator(self.programs, ACCOUNT, **({} if self.counts else limits))

    def rate(self, rate):
        return 2000 if self.counts else rate

    def polite(self, work, paces):
        worst = [max(0, above) for _, above, _ in paces]
        self.note(work, "requests above the rate in any second", "0", [max(worst)], lambda v: v == 0, "worst of all")
        self.note(work, "429s", "0", [max(p[2] for p in paces)], lambda v: v == 0, "worst of all")

    def w2(self):
        ratios, paces = [], []
        for _ in range(self.times):
            with self.limited(rate=30, latency=80, slow=300) as sim:
                account = Account(self.programs, sim, 90, WORK, rate=self.rate(30))
                report = account.run("sync")
                journal = sim.journal()
            units = read_by(account, report["run_id"])
            ratios.append(len(journal) / minimum(units))
            paces.append(pace(journal, 30))
        comment = f"{len(journal)} requests, minimum {minimum(units)}; {minimum_by_window(units)} window by window"
        self.note("W2", "requests / minimum", "at most 1.06", ratios, lambda v: v <= 1.06, comment)
        if not self.counts:
            self.note("W2, 30 a second", "rate used", "at least 0.95", [p[0] for p in paces], lambda v: v >= 0.95)
            self.polite("W2, 30 a second", paces)
        self.told("w2", sim)

    def night(self):
        ratios, paces = [], []
        with Simulator(self.programs, ACCOUNT) as sim:
            account = Account(self.programs, sim, 90, WORK)
            account.run("sync")
        account.keep()
        for _ in range(self.times):
            account.back()
            # The same account again, now with limits: the world follows from the seed.
            with self.limited(rate=3, latency=800, slow=3000) as limited:
                limited.ask("clock", "POST", {"advance_seconds": 86400})
                account.sim, account.rate = limited, self.rate(3)
                account.since(91)
                report = account.run("sync")
                journal = limited.journal()
            units = read_by(account, report["run_id"])
            ratios.append(len(journal) / minimum_by_window(units))
            paces.append(pace(journal, 3))
        windows = sum(name == "calls" for name, _, _ in units)
        new = report["entities"]["calls"]["rows"]["new"]
        comment = f"{len(journal)} requests, minimum {minimum_by_window(units)} window by window; {new} new calls, {windows} windows"
        self.note("W1", "requests / minimum", "at most 1.10", ratios, lambda v: v <= 1.10, comment)
        if not self.counts:
            self.note("W1, 3 a second", "rate used", "at least 0.88", [p[0] for p in paces], lambda v: v >= 0.88)
            self.polite("W1, 3 a second", paces)
        self.told("night", limited)

    def quiet(self):
        world = "--seed 1 --calls 3000 --users 60 --days 730 --workspaces 2 --folders 5 --future-days 0"
        with Simulator(self.programs, world) as sim:
            account = Account(self.programs, sim, 730, NO_COACHING)
            account.run("sync")
            for _ in range(20):
                sim.ask("clock", "POST", {"advance_seconds": 86400})
                account.run("sync")
            sim.journal()
            sim.ask("clock", "POST", {"advance_seconds": 86400})
            plan = account.run("plan")
            report = account.run("sync")
            journal = sim.journal()
        due = sum(again(plan, report, name) for name in ["calls", "stats_activity_day_by_day", "stats_activity_scorecards"])
        by_path = collections.Counter(e["path"].removeprefix("/v2/") for e in journal)
        comment = f"{len(journal)} in all, {due} of them windows due again: {dict(by_path)}"
        self.note("quiet night", "requests", "at most 25", [len(journal) - due], lambda v: v <= 25, comment)
        self.told("quiet", sim)

    def planned(self):
        with Simulator(self.programs, ACCOUNT) as sim:
            account = Account(self.programs, sim, 90, WORK)
            plan = account.run("plan", "--probe")
            probes = len(sim.journal())
            account.run("sync")
            made = len(sim.journal())
            self.told("planned", sim)
            good = lambda v: 0.95 <= v <= 1.05
            self.note("W2 planned with --probe", "planned / made", "0.95 to 1.05", [plan["requests"] / made], good, f"{plan['requests']} of {made}, {probes} probes")
        with Simulator(self.programs, ACCOUNT) as sim:
            account = Account(self.programs, sim, 30, WORK)
            account.run("sync")
            sim.journal()
            account.since(90)
            plan = account.run("plan")
            assert not sim.journal(), "a plan without --probe asks nothing"
            account.run("sync")
            made = len(sim.journal())
            self.told("planned", sim)
            good = lambda v: 0.8 <= v <= 1.25
            self.note("W2 planned after 30 days", "planned / made", "0.8 to 1.25", [plan["requests"] / made], good, f"{plan['requests']} of {made}")

    def sparse(self):
        with Simulator(self.programs, "--seed 1 --calls 300 --users 10 --days 1826 --workspaces 1") as sim:
            account = Account(self.programs, sim, 1826, FAMILY)
            account.run("sync")
            made = len(sim.journal())
            self.told("sparse", sim)
        most = 3 * 60 + 20
        self.note("5 years, 300 calls", "requests", f"at most {most}", [made], lambda v: v <= most)


def machine():
    cores = os.cpu_count()
    names = [line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{names[0] if names else platform.processor()}, {cores} cores, {memory:.0f} GB, {platform.system()}; load {os.getloadavg()[0]:.1f}"


def main():
    names = ["w2", "night", "quiet", "planned", "sparse"]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("figures", nargs="*", metavar="FIGURE", help=", ".join(names))
    parser.add_argument("--profile", default="release", help="which build: release or debug")
    parser.add_argument("--counts", action="store_true", help="count requests only, once, without limits and delays")
    parser.add_argument("--times", type=int, default=3, help="runs of each timed figure")
    given = parser.parse_args()
    bench = Bench(TARGET / given.profile, given.times, given.counts)
    print(f"{machine()}; {given.profile} build; medians of {bench.times}\n")
    print("| work | figure | goal | median | | every run |\n|---|---|---|---|---|---|", flush=True)
    for name in given.figures or names:
        getattr(bench, name)()
    print("\nCommands, in a folder with a configuration of the entities that docs/performance.md names:\n")
    print("\n".join(bench.commands))
    missed = [row for good, row in bench.rows if not good]
    print(f"\n{len(bench.rows) - len(missed)} of {len(bench.rows)} goals reached")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())

"""Live traffic on real nodes: people at three centers who book each other's seats.

Every center is a host and a sub to both others. At each, an agency enters projects and asks
for one sub-venue or two, staff accept and vote, and somebody looks at the bookings and the
log's head again and again. Words between the centers go through gRPC as ever. What people ask
and are answered is written into one history; a command whose answer did not come is sent
again under its idempotency key, as the API's users are told to.
"""

import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import httpx

from node.clock import SystemClock
from node.demo.nodes import PASSWORD, Nodes
from node.demo.world import Case, CenterWorld
from node.domain.workday import midnight_ms, shanghai_date
from node.services.accounts import FIRST_OPERATOR
from tests.faults.history import Event, Outcome

HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS
DAYS_AHEAD: Final = 2  # so that no window begins, and no draw is due, while the test runs
WINDOWS: Final = tuple(range(0, 24, 2))  # so few that requests get in each other's way
WINDOW_HOURS: Final = 2
OPEN_BOOKINGS: Final = 1_000  # the agreements' quota: seats shall be what is short
PATIENCE_SECONDS: Final = 25.0  # then the outcome of a command is UNKNOWN
QUIET_SECONDS: Final = 60.0  # within which all must be told once nobody is killed any more
PAUSE_SECONDS: Final = 0.05
THINK_SECONDS: Final = 0.6  # people's; more of them at once would only keep the nodes from starting
CALL_SECONDS: Final = 5.0
NO: Final = 0.15  # of the votes
AGAIN: Final = frozenset({502, 503, 504})
DEPTH: Final = "lianping_outbox_depth{"
WAITING: Final = frozenset({"HELD", "PROMISED", "IN_DOUBT"})


@dataclass
class Desk:
    """One person's way into one node, and what this person saw."""

    node: str
    http: httpx.Client
    token: str
    history: list[Event] = field(default_factory=list)

    def do(
        self, deed: str, subject: str, method: str, path: str, body: Mapping[str, Any] | None = None
    ) -> Event:
        """Ask until there is an answer or patience ends, and remember it."""
        key = f"{deed}-{subject}-{time.monotonic_ns()}-{threading.get_ident()}"
        headers = {"Authorization": f"Bearer {self.token}", "Idempotency-Key": key}
        began = time.monotonic()
        outcome, answer = Outcome.UNKNOWN, None
        while time.monotonic() < began + PATIENCE_SECONDS:
            try:
                reply = self.http.request(method, path, headers=headers, json=body)
            except httpx.TransportError:
                time.sleep(PAUSE_SECONDS)
                continue
            if reply.status_code in AGAIN:
                time.sleep(PAUSE_SECONDS)
                continue
            assert reply.status_code < 500, f"{method} {path}: {reply.text}"
            outcome = Outcome.DONE if reply.is_success else Outcome.REFUSED
            answer = reply.json()
            break
        event = Event(
            self.node, deed, subject, dict(body or {}), began, time.monotonic(), outcome, answer
        )
        self.history.append(event)
        return event


@dataclass
class Site:
    """One center: its process, its people."""

    center: CenterWorld
    http: httpx.Client
    tokens: dict[str, str] = field(default_factory=dict)
    id: str = ""

    def ask(self, role: str, method: str, path: str, body: Any = None, **more: Any) -> Any:
        """One request that must succeed, during the set-up."""
        headers = {"Authorization": f"Bearer {self.tokens[role]}"} if role else {}
        reply = self.http.request(method, path, json=body, headers=headers, **more)
        assert reply.is_success, f"{method} {path}: {reply.text}"
        return reply.json()

    def desk(self, role: str) -> Desk:
        """A new person of a role."""
        return Desk(self.id, self.http, self.tokens[role])


class Traffic:
    """Sets three nodes up, lets people work, and waits until all is told.

    Args:
        nodes: The running processes.
        seed: Of what people want.
    """

    def __init__(self, nodes: Nodes, seed: int) -> None:
        self._seed = seed
        self._case: Case = nodes.case
        self._nodes = nodes
        self.sites = [
            Site(
                center,
                httpx.Client(base_url=nodes.url(center), timeout=CALL_SECONDS, trust_env=False),
            )
            for center in nodes.case.centers
        ]
        self.history: list[Event] = []
        self._over = threading.Event()
        self._day_ms = _working_day_ms(SystemClock().now_ms() + DAYS_AHEAD * DAY_MS)

    # Before

    def set_up(self) -> None:
        """Accounts and seats at each center, an agreement between any two."""
        with ThreadPoolExecutor() as pool:
            list(pool.map(self._furnish, self.sites))
        for at, one in enumerate(self.sites):
            for other in self.sites[at + 1 :]:
                _join(one, other)
                self._agree(one, other)

    def _furnish(self, site: Site) -> None:
        operator = {"name": FIRST_OPERATOR, "password": PASSWORD}
        code = {"totp": self._nodes.code(site.center)}
        site.tokens["operator"] = site.ask("", "POST", "/api/login", operator | code)["token"]
        for role in ("staff", "agency"):
            account = {"name": role, "role": role, "display_name": role, "password": PASSWORD}
            site.ask("operator", "POST", "/api/accounts", account)
            login = {"name": role, "password": PASSWORD}
            site.tokens[role] = site.ask("", "POST", "/api/login", login)["token"]
        name, content = site.center.venues_file()
        site.ask("staff", "POST", "/api/import/venues", files={"file": (name, content)})
        site.id = site.ask("operator", "GET", "/api/node")["center"]

    def _agree(self, one: Site, other: Site) -> None:
        now_ms = SystemClock().now_ms()
        terms = {
            "title": "远程异地评标合作协议",
            "effective_from_ms": now_ms - 1_000,
            "effective_until_ms": now_ms + 365 * DAY_MS,
            "joint_test_valid_days": 0,
            "max_open_bookings": OPEN_BOOKINGS,
            "suite": self._nodes.suite,
        }
        body = {"peer": other.id, "terms": terms}
        agreement = one.ask("operator", "POST", "/api/agreements", body)["id"]
        _until(lambda: _agreement(other, agreement) is not None, "the proposal to arrive")
        other.ask("operator", "POST", f"/api/agreements/{agreement}/sign", {})
        _until(
            lambda: all(_agreement(site, agreement) == "ACTIVE" for site in (one, other)),
            "both signatures",
        )

    # Meanwhile

    @contextmanager
    def flowing(self) -> Iterator[None]:
        """People work as long as the block runs; what they saw is in ``history`` after it."""
        workers: list[Callable[[Site, random.Random], list[Event]]] = [
            self._agency, self._voters, self._looker
        ]  # fmt: skip
        with ThreadPoolExecutor(len(workers) * len(self.sites)) as pool:
            work = [
                pool.submit(worker, site, random.Random(f"{self._seed}/{site.center.key}/{number}"))
                for site in self.sites
                for number, worker in enumerate(workers)
            ]
            try:
                yield
            finally:
                self._over.set()
                for each in work:
                    self.history += each.result()

    def _agency(self, site: Site, dice: random.Random) -> list[Event]:
        agency, staff = site.desk("agency"), site.desk("staff")
        number = 0
        while not self._over.is_set():
            number += 1
            hour = dice.choice(WINDOWS)
            start_ms = self._day_ms + hour * HOUR_MS
            code = f"{self._case.code[:-4]}{self.sites.index(site)}{number:03}"
            project = self._case.project_body(start_ms, WINDOW_HOURS) | {"code": code}
            entered = agency.do("enter", code, "POST", "/api/projects", project)
            if entered.outcome is not Outcome.DONE:
                continue
            made = entered.answer["id"]
            staff.do("accept", made, "POST", f"/api/projects/{made}/accept", {})
            plan = self._plan(site, dice, start_ms)
            agency.do("plan", made, "POST", f"/api/projects/{made}/plan", plan)
            if dice.random() < 0.2:  # a second wish for the same project: one of them is refused
                agency.do("plan", made, "POST", f"/api/projects/{made}/plan", plan)
            self._over.wait(dice.uniform(0, THINK_SECONDS))
        return agency.history + staff.history

    def _plan(self, site: Site, dice: random.Random, start_ms: int) -> dict[str, Any]:
        others = [other.id for other in self.sites if other is not site]
        end_ms = start_ms + WINDOW_HOURS * HOUR_MS
        subs = others if dice.random() < 0.6 else [dice.choice(others)]
        plan = self._case.plan_body(start_ms, end_ms, subs)
        return plan | {"subs": plan["subs"][: len(subs)]}

    def _voters(self, site: Site, dice: random.Random) -> list[Event]:
        """Two people who do not talk to each other: now and then both vote."""
        one, other = site.desk("staff"), site.desk("staff")
        while not self._over.is_set():
            for row in self._held(one):
                answer = "NO" if dice.random() < NO else "YES"
                body = {"answer": answer, "reason": "席位检修" if answer == "NO" else ""}
                path = f"/api/bookings/{row['id']}/vote"
                one.do("vote", row["id"], "POST", path, body)
                if dice.random() < 0.2:
                    other.do("vote", row["id"], "POST", path, body)
            self._over.wait(THINK_SECONDS / 2)
        return one.history + other.history

    def _held(self, desk: Desk) -> list[Any]:
        looked = desk.do("bookings", "", "GET", "/api/bookings")
        if looked.outcome is not Outcome.DONE:
            return []
        return [row for row in looked.answer if row["phase"] == "HELD" and row["role"] == "SUB"]

    def _looker(self, site: Site, _dice: random.Random) -> list[Event]:
        operator = site.desk("operator")
        while not self._over.is_set():
            operator.do("head", "", "GET", "/api/node")
            self._over.wait(THINK_SECONDS)
        return operator.history

    # After

    def settle(self) -> None:
        """Vote on what is left, and wait until no booking and no word waits for anything."""
        ends = time.monotonic() + QUIET_SECONDS
        while True:
            waiting = 0
            for site in self.sites:
                staff = site.desk("staff")
                for row in self._held(staff):
                    path = f"/api/bookings/{row['id']}/vote"
                    staff.do("vote", row["id"], "POST", path, {"answer": "YES", "reason": ""})
                rows = staff.do("bookings", "", "GET", "/api/bookings").answer
                waiting += sum(row["phase"] in WAITING for row in rows) + self._unsent(site)
                self.history += staff.history
            if not waiting:
                return
            assert time.monotonic() < ends, f"{waiting} things still wait after a minute's peace"
            time.sleep(4 * PAUSE_SECONDS)

    def _unsent(self, site: Site) -> int:
        page = httpx.get(f"{self._nodes.metrics_url(site.center)}/metrics", trust_env=False).text
        depths = [line for line in page.splitlines() if line.startswith(DEPTH)]
        return sum(int(float(line.rsplit(" ", 1)[1])) for line in depths)

    def close(self) -> None:
        """Close the connections."""
        for site in self.sites:
            site.http.close()


def _working_day_ms(at_ms: int) -> int:
    """Midnight of a day from Monday to Friday, on or after a moment."""
    while shanghai_date(at_ms).weekday() > 4:
        at_ms += DAY_MS
    return midnight_ms(shanghai_date(at_ms))


def _join(one: Site, other: Site) -> None:
    invitation = one.ask("operator", "POST", "/api/invitations", {"to": other.center.name})
    file = {"file": invitation["file"]}
    read_aloud = other.ask("operator", "POST", "/api/invitations/read", file)
    known = file | {"fingerprint": invitation["fingerprint"]}
    joined = other.ask("operator", "POST", "/api/peers", known)
    reply = {"file": joined["reply"], "fingerprint": read_aloud["ours"]}
    one.ask("operator", "POST", "/api/peers", reply)


def _agreement(site: Site, agreement: str) -> str | None:
    rows = site.ask("operator", "GET", "/api/agreements")
    return next((row["state"] for row in rows if row["id"] == agreement), None)


def _until(ready: Callable[[], bool], what: str) -> None:
    ends = time.monotonic() + PATIENCE_SECONDS
    while not ready():
        assert time.monotonic() < ends, f"waited in vain for {what}"
        time.sleep(PAUSE_SECONDS)

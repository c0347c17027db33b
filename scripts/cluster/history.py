"""What clients asked for and were told, and whether the state at the end agrees: a checker in the style of Jepsen.

Every registration has a file of its own, so that each acknowledged one must be found at the end. Every link has one writer,
which counts upwards: at the end it must have the last acknowledged value, or a later one whose answer was lost."""
import hashlib
import threading
import time


class History:
    """Operations of all clients. A `None` as an answer means that nobody knows whether it was done."""

    def __init__(self):
        self.lock = threading.Lock()
        self.registrations = {}
        self.links = {}
        self.documents = {}
        self.torn = []
        self.acknowledged_at = []
        self.read_at = []
        self.read_failed = 0
        self.through_at = []
        self.refusals = []
        self.wrong = []
        self.faults = []
        self.refused = 0

    def begin(self, fault):
        """Remembers when a fault began."""
        with self.lock:
            self.faults.append((time.monotonic(), fault))

    def register(self, number, answer):
        with self.lock:
            self.registrations[number] = answer
            self._count(answer)

    def set_link(self, link, value, answer):
        with self.lock:
            self.links.setdefault(link, []).append((value, answer))
            self._count(answer)

    def _count(self, answer):
        if answer:
            self.acknowledged_at.append(time.monotonic())
        elif answer is False:
            self.refused += 1

    def refuse(self, seconds):
        """Remembers how long a refusal for want of the store took."""
        with self.lock:
            self.refusals.append(seconds)

    def read_through(self):
        """Remembers an answer through the balancer."""
        with self.lock:
            self.through_at.append(time.monotonic())

    def read(self, document, fields, body, answer):
        """Compares an answer with that of any other server at the same position."""
        with self.lock:
            if not answer:
                self.read_failed += 1
                return
            self.read_at.append(time.monotonic())
            key = (document, fields.get("alto-position"))
            seen = (fields.get("etag"), hashlib.sha256(body).hexdigest())
            if self.documents.setdefault(key, seen) != seen:
                self.torn.append(key)

    def outage(self, times):
        """Longest time between two successes, in seconds."""
        times = sorted(times)
        return max((later - earlier for earlier, later in zip(times, times[1:])), default=0.0)

    def outages(self, times):
        """The same after each kind of fault: the latest one that began before it ended."""
        longest, times = {}, sorted(times)
        for earlier, later in zip(times, times[1:]):
            kind = next((fault for begun, fault in reversed(self.faults) if begun < later), "none")
            longest[kind] = max(longest.get(kind, 0.0), round(later - earlier, 2))
        return dict(sorted(longest.items()))

    def check(self, held, costs):
        """Compares with the end: files that somebody holds, and the values of links. Returns what is wrong."""
        lost, invented = [], []
        for number, answer in self.registrations.items():
            if answer and number not in held:
                lost.append(f"registration {number}")
        invented += [f"registration {number}" for number in held if number not in self.registrations]
        for link, steps in self.links.items():
            acknowledged = max((value for value, answer in steps if answer), default=None)
            # What was refused must not be there; what was answered with nothing may be.
            possible = {value for value, answer in steps if answer is not False}
            present = costs.get(link)
            if acknowledged is not None and (present is None or present < acknowledged):
                lost.append(f"{link}: {acknowledged} was acknowledged, and {present} is there")
            elif present is not None and present not in possible:
                invented.append(f"{link}: {present}")
        return {"lost": lost, "invented": invented, "torn": [str(key) for key in self.torn], "wrong": self.wrong}

    def summary(self):
        registrations = sum(1 for answer in self.registrations.values() if answer)
        changes = sum(1 for steps in self.links.values() for _, answer in steps if answer)
        return {"acknowledged-registrations": registrations, "acknowledged-changes": changes, "refused": self.refused,
                "positions": len({position for _, position in self.documents}), "reads": len(self.read_at),
                "writers-outage": round(self.outage(self.acknowledged_at), 2),
                "readers-outage": round(self.outage(self.read_at), 2),
                "balancer-outage": round(self.outage(self.through_at), 2),
                "longest-refusal": round(max(self.refusals, default=0.0), 2),
                "writers-outage-by-fault": self.outages(self.acknowledged_at),
                "balancer-outage-by-fault": self.outages(self.through_at)}

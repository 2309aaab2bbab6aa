# SPDX-License-Identifier: MIT
"""The wire between agent and daemon (agent/README.md), and a small daemon for tests.

Every record is described once, in RECORDS; `encode` and `decode` both follow that table, so that a
test can play either side. A recorded stream (`*.wire`) is the plain bytes that one agent sent.
"""

import os
import socket
import struct
import tempfile
import threading
import time

PROTOCOL = 1
BODY_BYTES_MAX = 65528
STRING_BYTES_MAX = 4096
STACK_FRAMES_MAX = 64

TYPES = {
    "HELLO": 1, "MODULE": 2, "NAME": 3, "SITE": 4, "TOTALS": 5, "SITES": 6, "TYPES": 7, "GC": 8,
    "SMAPS": 9, "MARK": 10, "SNAPSHOT": 11, "BYE": 12, "HEALTH": 13,
    "HEAP": 14,
    "WELCOME": 64, "ZOOM": 65, "SNAPSHOT_ORDER": 66, "PAUSE": 67,
}
TYPE_NAMES = {number: name for name, number in TYPES.items()}

METHODS = ["none", "exact", "usable", "sampled"]
DOMAINS = ["native", "python", "mmap"]
CAP_ZOOM, CAP_SNAPSHOT, CAP_PYTHON, CAP_PYTHON_LATER, CAP_FORKED = 1, 2, 4, 8, 16
SITE_TRUNCATED = 1
MARK_KINDS = ["mark", "release", "phase", "label", "snapshot"]
BYE_EXIT, BYE_EXEC, BYE_SECCOMP = 0, 1, 2


class WireError(ValueError):
    """Bytes that are no record."""


# ---- fields: each has put(value) -> bytes and get(reader) -> value ---------------------------


class Reader:
    def __init__(self, data):
        self.data = data
        self.at = 0

    def take(self, size):
        if size > len(self.data) - self.at:
            raise WireError("record is short")
        self.at += size
        return self.data[self.at - size:self.at]


class Number:
    def __init__(self, code):
        self.struct = struct.Struct("<" + code)

    def put(self, value):
        return self.struct.pack(value)

    def get(self, reader):
        return self.struct.unpack(reader.take(self.struct.size))[0]


class Text:
    def put(self, value):
        data = value.encode("utf-8", "surrogateescape")[:STRING_BYTES_MAX]
        return U16.put(len(data)) + data

    def get(self, reader):
        size = U16.get(reader)
        if size > STRING_BYTES_MAX:
            raise WireError("string is too long")
        return bytes(reader.take(size)).decode("utf-8", "surrogateescape")


class Blob:
    """u8 length, then bytes."""

    def put(self, value):
        return U8.put(len(value)) + value

    def get(self, reader):
        return bytes(reader.take(U8.get(reader)))


class Group:
    """Fields in a row, as a dict."""

    def __init__(self, **fields):
        self.fields = fields

    def put(self, value):
        return b"".join(field.put(value[name]) for name, field in self.fields.items())

    def get(self, reader):
        return {name: field.get(reader) for name, field in self.fields.items()}


class Fixed:
    """So many of the same, without a count."""

    def __init__(self, field, count):
        self.field, self.count = field, count

    def put(self, value):
        assert len(value) == self.count
        return b"".join(self.field.put(item) for item in value)

    def get(self, reader):
        return [self.field.get(reader) for _ in range(self.count)]


class Added:
    """A number that a later version appended: 0 when it is not there."""

    def __init__(self, field):
        self.field = field

    def put(self, value):
        return self.field.put(value)

    def get(self, reader):
        return self.field.get(reader) if reader.at < len(reader.data) else 0


class Counted:
    """A count, then so many of the same."""

    def __init__(self, count_field, field):
        self.count_field, self.field = count_field, field

    def put(self, value):
        return self.count_field.put(len(value)) + b"".join(self.field.put(item) for item in value)

    def get(self, reader):
        return [self.field.get(reader) for _ in range(self.count_field.get(reader))]


class Variant:
    """Fields that all have, `part` (u8), then the fields of that part."""

    def __init__(self, head, parts):
        self.head, self.parts = head, parts

    def put(self, value):
        return self.head.put(value) + U8.put(value["part"]) + self.parts[value["part"]].put(value)

    def get(self, reader):
        head = self.head.get(reader)
        part = U8.get(reader)
        if part not in self.parts:
            raise WireError("unknown part")
        return {**head, "part": part, **self.parts[part].get(reader)}


class Frame:
    """A stack frame: {"module", "offset"} or {"function", "file", "line"}."""

    size = 16

    def put(self, value):
        if "function" in value:
            return struct.pack("<BBHIII", 1, 0, 0, value["function"], value["file"], value["line"])
        return struct.pack("<BBHIQ", 0, 0, 0, value["module"], value["offset"])

    def get(self, reader):
        kind, _, _, first = struct.unpack("<BBHI", reader.take(8))
        if kind == 0:
            return {"module": first, "offset": U64.get(reader)}
        if kind != 1:
            raise WireError("unknown kind of frame")
        return {"function": first, "file": U32.get(reader), "line": U32.get(reader)}


U8, U16, U32, U64 = Number("B"), Number("H"), Number("I"), Number("Q")
TEXT = Text()

RECORDS = {
    "HELLO": Group(
        protocol=U16, instance=U64, pid=U32, parent_pid=U32, sample_period_bytes=U64,
        capabilities=U32, method=Fixed(U8, len(DOMAINS)), exe=TEXT, argv0=TEXT, name=TEXT,
        profile=TEXT, runtime=TEXT, reason=TEXT, agent_version=TEXT),
    "MODULE": Group(id=U32, start=U64, end=U64, load_bias=U64, path=TEXT, build_id=Blob()),
    "NAME": Group(id=U32, text=TEXT),
    "SITE": Group(id=U32, domain=U8, flags=U8, frames=Counted(U8, Frame())),
    "TOTALS": Group(time_ms=U64, domains=Counted(U8, Group(
        domain=U8, method=U8, live_bytes=U64, live_count=U64, alloc_bytes=U64, free_bytes=U64,
        alloc_count=U64, free_count=U64, mapped_bytes=U64))),
    "SITES": Group(time_ms=U64, sites=Counted(U16, Group(
        site_id=U32, alloc_bytes=U64, free_bytes=U64, alloc_count=U64, free_count=U64,
        live_samples=U32, oldest_age_ms=U32, newest_age_ms=U32))),
    "TYPES": Group(time_ms=U64, types=Counted(U16, Group(
        name_id=U32, live_bytes=U64, live_count=U64, live_samples=U32))),
    "GC": Group(time_ms=U64, generations=Fixed(Group(
        collections=U64, collected=U64, uncollectable=U64), 3), pause_ns_total=U64),
    "HEAP": Group(
        time_ms=U64, used_bytes=U64, committed_bytes=U64, max_bytes=U64, young_collections=U64,
        cycle_pauses=U64, full_collections=U64, pause_ns_total=U64),
    "SMAPS": Group(time_ms=U64, rss_bytes=U64, pss_bytes=U64, private_bytes=U64, swap_bytes=U64),
    "MARK": Group(time_ms=U64, text=TEXT, kind=U8, age_ms=U32),
    "HEALTH": Group(
        samples=U64, dropped_samples=U64, dropped_sites=U64, dropped_names=U64,
        skipped_flushes=U64, reentrant=U64, flush_ns_total=U64, sample_ns_total=U64,
        sample_period_bytes=U64, python_attributing=U8, dropped_modules=Added(U64),
        dropped_marks=Added(U64), dropped_maps=Added(U64)),
    "BYE": Group(time_ms=U64, reason=U8),
    "WELCOME": Group(protocol=U16, flags=U32),
    "ZOOM": Group(period_bytes=U64, python=U8),
    "PAUSE": Group(duration_ms=U32),
    "SNAPSHOT": Variant(Group(number=U32, token=U64), {
        0: Group(progress=U8, flags=U8, pause_ns=U64, objects=U64, bytes=U64, duration_ns=U64,
                 reason=TEXT),
        1: Group(types=Counted(U16, Group(name=TEXT, count=U64, bytes=U64))),
        2: Group(type=TEXT, sampled=U32, explained=U32, steps=Counted(U8, TEXT))}),
    "SNAPSHOT_ORDER": Group(number=U32, token=U64, memory_bytes=U64, seconds=U32,
                            types=Counted(U8, TEXT)),
}
SNAPSHOT_STATE, SNAPSHOT_TYPES, SNAPSHOT_RETAINER = 0, 1, 2
SNAPSHOT_RUNNING, SNAPSHOT_DONE, SNAPSHOT_REFUSED, SNAPSHOT_FAILED = 1, 2, 3, 4
SNAPSHOT_CUT = 1


def encode(name, /, **fields):
    """One frame with its header."""
    body = RECORDS[name].put(fields)
    if len(body) > BODY_BYTES_MAX:
        raise WireError("record is too long")
    return struct.pack("<IHH", len(body), TYPES[name], 0) + body


def decode(name, body):
    """The fields of a record; bytes behind the last one belong to later versions."""
    return RECORDS[name].get(Reader(body))


def split(data):
    """([(type name or number, body)...], rest): the whole frames of data and what is left."""
    frames, at = [], 0
    while len(data) - at >= 8:
        size, number, _ = struct.unpack_from("<IHH", data, at)
        if size > BODY_BYTES_MAX:
            raise WireError("frame of %d bytes" % size)
        if len(data) - at < 8 + size:
            break
        frames.append((TYPE_NAMES.get(number, number), bytes(data[at + 8:at + 8 + size])))
        at += 8 + size
    return frames, bytes(data[at:])


# ---- what a stream says ----------------------------------------------------------------------


class Agent:
    """One connection: feeds bytes, keeps the last word on everything."""

    def __init__(self):
        self.rest = b""
        self.raw = bytearray()
        self.order = []  # record names as they came
        self.hellos, self.totals, self.gcs, self.heaps = [], [], [], []
        self.healths, self.marks = [], []
        self.modules, self.names, self.sites = {}, {}, {}
        self.site_totals, self.types = {}, {}
        self.snapshots = []  # parts, also of a copy that speaks on a connection of its own
        self.bye = None
        self.closed = False

    @property
    def hello(self):
        return self.hellos[-1] if self.hellos else None

    @property
    def native(self):
        """The last totals of the native domain."""
        return self.domain("native")

    @property
    def health(self):
        return self.healths[-1] if self.healths else None

    def domain(self, name):
        for totals in reversed(self.totals):
            for domain in totals["domains"]:
                if DOMAINS[domain["domain"]] == name:
                    return domain
        return None

    def feed(self, data):
        self.raw += data
        frames, self.rest = split(self.rest + data)
        for name, body in frames:
            if name in RECORDS:
                self.take(name, decode(name, body))
            self.order.append(name)

    def take(self, name, record):
        if name == "SNAPSHOT":
            self.snapshots.append(record)
        elif not self.hellos and name != "HELLO":
            raise WireError("%s before HELLO" % name)
        elif name == "HELLO":
            self.hellos.append(record)
        elif name in ("MODULE", "NAME", "SITE"):
            self.announce(name, record)
        elif name == "SITES":
            self.take_site_totals(record)
        elif name == "TYPES":
            self.take_types(record)
        elif name == "BYE":
            self.bye = record
        else:
            if name == "TOTALS":
                self.bye = None  # taken back
            {"TOTALS": self.totals, "GC": self.gcs, "HEAP": self.heaps, "HEALTH": self.healths,
             "MARK": self.marks}[name].append(record)

    def announce(self, name, record):
        known = {"MODULE": self.modules, "NAME": self.names, "SITE": self.sites}[name]
        for frame in record.get("frames", ()):
            self.check_frame(frame)
        known[record["id"]] = record

    def check_frame(self, frame):
        for key, known in (("function", self.names), ("file", self.names)):
            if frame.get(key) and frame[key] not in known:
                raise WireError("a frame's %s was not announced" % key)

    def take_site_totals(self, record):
        for site in record["sites"]:
            if site["site_id"] and site["site_id"] not in self.sites:
                raise WireError("totals of a site that was not announced")
            self.site_totals[site["site_id"]] = site

    def take_types(self, record):
        for kind in record["types"]:
            if kind["name_id"] and kind["name_id"] not in self.names:
                raise WireError("a type's name was not announced")
            name = self.names[kind["name_id"]]["text"] if kind["name_id"] else ""
            self.types[name] = kind

    def live_bytes_of_sites(self):
        return sum(s["alloc_bytes"] - s["free_bytes"] for s in self.site_totals.values())


def read_stream(data):
    """The agent of a recorded stream."""
    agent = Agent()
    agent.feed(data)
    return agent


# ---- a daemon for tests ----------------------------------------------------------------------


class Daemon:
    """Listens, welcomes every agent and keeps what it says. A context manager.

    path: where; a fresh folder when not given. welcome=False: says nothing. Attributes: agents
    (in order of connection), errors (what was wrong with a stream).
    """

    def __init__(self, path=None, welcome=True):
        self.folder = None if path else tempfile.mkdtemp(prefix="leakd-test-")
        self.path = path or os.path.join(self.folder, "agent.sock")
        self.welcome = welcome
        self.agents, self.errors, self.sockets = [], [], {}
        self.changed = threading.Condition()
        self.ended = False

    def __enter__(self):
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(self.path)
        self.listener.listen(1024)
        self.thread = threading.Thread(target=self.accept_all, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *unused):
        self.ended = True
        self.listener.shutdown(socket.SHUT_RDWR)
        self.thread.join()
        self.listener.close()
        for connection in list(self.sockets.values()):
            connection.close()
        os.unlink(self.path)
        if self.folder:
            os.rmdir(self.folder)

    def accept_all(self):
        # As leakd: who is woken by an agent does not take its processor away. Threads inherit it.
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
        while not self.ended:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            agent = Agent()
            with self.changed:
                self.agents.append(agent)
                self.sockets[id(agent)] = connection
                self.changed.notify_all()
            threading.Thread(target=self.read_all, args=(agent, connection), daemon=True).start()

    def greet(self, connection):
        try:
            if self.welcome:
                connection.sendall(encode("WELCOME", protocol=PROTOCOL, flags=0))
        except OSError:
            pass  # the process has ended already; what it said is still to be read

    def read_all(self, agent, connection):
        try:
            self.greet(connection)
            while True:
                data = self.take(connection)
                if not data:
                    break
                with self.changed:
                    agent.feed(data)
                    self.changed.notify_all()
        except WireError as error:
            self.errors.append(error)
        except OSError:
            pass
        with self.changed:
            agent.closed = True
            self.changed.notify_all()

    def take(self, connection):
        return connection.recv(1 << 16)

    def send(self, agent, data):
        self.sockets[id(agent)].sendall(data)

    def hang_up(self, agent):
        self.sockets[id(agent)].shutdown(socket.SHUT_RDWR)

    def wait(self, predicate, timeout=30.0):
        """Waits until predicate(self) holds and returns its value; AssertionError if it never does."""
        end = time.monotonic() + timeout
        with self.changed:
            while True:
                value = predicate(self)
                if value:
                    return value
                left = end - time.monotonic()
                if left <= 0:
                    raise AssertionError("the agent did not say it within %g s" % timeout)
                self.changed.wait(left)

    def wait_closed(self, count=1, timeout=30.0):
        """The first `count` agents, after they have all hung up."""
        return self.wait(lambda d: len(d.agents) >= count and
                         all(a.closed for a in d.agents[:count]) and d.agents[:count], timeout)

"""An adapter in plain Python: the protocol of adapters/PROTOCOL.md over a TCP socket.

    python3 worker.py nats://user:password@host:port

The address is what heddle adapter credentials prints, or that of a server's bus.url. It serves
two methods of the app "Python": echo gives back "value"; sleep waits "seconds" first. Only the standard library is used. It shows the protocol; a real adapter would take a
NATS client library, which also reconnects.
"""

import json
import queue
import signal
import socket
import sys
import threading
import time
import urllib.parse
import uuid

APP, POOL = "Python", "default"
STREAM, DURABLE = "HEDDLE_TASKS", "pool-default-Python"
PARTITIONS, LEASE, SLOTS, VERSION = 32, 10, 8, 1
SECOND = 1_000_000_000  # JetStream counts nanoseconds

MANIFEST = {
    "v": VERSION, "app": APP, "kind": "python", "version": "1.0.0", "methods": [
        {"name": "echo", "summary": "Gives back its value.", "sideEffects": False,
         "incoming": {"type": "object", "properties": {"value": {"description": "given back as result"}}},
         "outgoing": {"type": "object", "properties": {"result": {}}}},
        {"name": "sleep", "summary": "Takes its time, then gives back its value.", "sideEffects": False,
         "incoming": {"type": "object", "properties": {"value": {"description": "given back as result"},
                                                       "seconds": {"type": "number", "description": "how long it takes"}}},
         "outgoing": {"type": "object", "properties": {"result": {}}}},
    ],
}


class Message:
    def __init__(self, subject, reply, headers, data):
        self.subject, self.reply, self.data = subject, reply, data
        lines = headers.decode("utf-8", "replace").split("\r\n")
        first = lines[0].split(" ") if headers else []
        self.status = first[1] if len(first) > 1 else ""
        self.headers = dict(line.split(":", 1) for line in lines[1:] if ":" in line)

    def header(self, name):
        return self.headers.get(name, "").strip()


class Nats:
    """As much of the NATS client protocol as an adapter needs."""

    def __init__(self, address):
        url = urllib.parse.urlparse(address)
        self.socket = socket.create_connection((url.hostname, url.port or 4222))
        self.input = self.socket.makefile("rb")
        self.writing = threading.Lock()
        self.handlers = {}
        self.answered = threading.Event()
        self.input.readline()  # INFO
        self.user = urllib.parse.unquote(url.username or "")
        # Who has the credentials of a worker may listen below its own name only.
        self.inbox = ".".join(["_INBOX"] + [self.user] * self.restricted() + [uuid.uuid4().hex])
        self.send("CONNECT " + json.dumps({
            "verbose": False, "pedantic": False, "headers": True, "no_responders": True, "lang": "python", "version": "1",
            "user": self.user, "pass": urllib.parse.unquote(url.password or ""),
        }))

    def restricted(self):
        return self.user.startswith("worker.")

    def send(self, line, payload=None):
        data = line.encode() + b"\r\n"
        if payload is not None:
            data += payload + b"\r\n"
        with self.writing:
            self.socket.sendall(data)

    def subscribe(self, subject, handler):
        number = str(len(self.handlers) + 1)
        self.handlers[number] = handler
        self.send(f"SUB {subject} {number}")

    def publish(self, subject, data=b"", reply="", headers=None):
        if not headers:
            self.send(f"PUB {subject} {reply} {len(data)}", data)
            return
        head = "NATS/1.0\r\n" + "".join(f"{k}: {v}\r\n" for k, v in headers.items()) + "\r\n"
        self.send(f"HPUB {subject} {reply} {len(head.encode())} {len(head.encode()) + len(data)}", head.encode() + data)

    def channel(self):
        """An inbox of one's own, and the queue its messages arrive in."""
        subject, arrived = f"{self.inbox}.{uuid.uuid4().hex}", queue.Queue()
        self.subscribe(subject, arrived.put)
        return subject, arrived

    def flush(self):
        """Waits until the server has read everything that was sent."""
        self.send("PING")
        self.answered.wait(timeout=5)

    def run(self):
        """Reads until the connection ends."""
        while line := self.input.readline():
            words = line.decode().split()
            if words[0] == "PING":
                self.send("PONG")
            elif words[0] == "PONG":
                self.answered.set()
            elif words[0] == "-ERR":
                raise ConnectionError(line.decode().strip())
            elif words[0] in ("MSG", "HMSG"):
                self.receive(words)

    def receive(self, words):
        with_headers = words[0] == "HMSG"
        total = int(words[-1])
        head = int(words[-2]) if with_headers else 0
        reply = words[3] if len(words) == (6 if with_headers else 5) else ""
        body = self.input.read(total + 2)[:total]
        self.handlers[words[2]](Message(words[1], reply, body[:head], body[head:]))


def problem(kind, text):
    return {"class": kind, "message": text, "IAPerror": {"displayString": text, "code": kind}}


class Stopped(Exception):
    """The worker ends: another one is to do it."""


class Order:
    def __init__(self, fields, trace):
        self.fields, self.trace = fields, trace
        self.canceled = threading.Event()
        self.replies = []  # of every delivery of the order

    def __getattr__(self, name):
        return self.fields[name]


def addressed(fields):
    return (isinstance(fields, dict) and all(isinstance(fields.get(n), str) and fields[n] for n in ("key", "job", "task"))
            and all(type(fields.get(n)) is int and fields[n] >= 1 for n in ("iteration", "attempt")))


def partition(job):
    hashed = 2166136261
    for byte in job.encode():
        hashed = ((hashed ^ byte) * 16777619) & 0xFFFFFFFF
    return hashed % PARTITIONS


class Worker:
    def __init__(self, nats):
        self.nats = nats
        self.name = "python@" + socket.gethostname()
        self.lock = threading.Lock()
        self.flights = {}  # orders under way, by key
        self.stopping = threading.Event()

    def start(self):
        threading.Thread(target=self.reading, daemon=True).start()
        if not self.nats.restricted():
            self.make_consumer()
        self.nats.subscribe("heddle.cancel.*", self.cancel)
        self.announce()
        slots = [threading.Thread(target=self.slot) for _ in range(SLOTS)]
        for thread in slots:
            thread.start()
        while not self.stopping.wait(LEASE / 3):
            with self.lock:
                for order in self.flights.values():
                    for reply in order.replies:
                        self.nats.publish(reply, b"+WPI")
        for thread in slots:
            thread.join()

    def make_consumer(self):
        """With the credentials of a worker the server has done this."""
        answer, arrived = self.nats.channel()
        config = {
            "durable_name": DURABLE, "ack_policy": "explicit", "deliver_policy": "all", "ack_wait": LEASE * SECOND,
            "max_ack_pending": 4096, "filter_subjects": [f"heddle.task.{POOL}.{APP}.>"],
        }
        self.nats.publish(f"$JS.API.CONSUMER.DURABLE.CREATE.{STREAM}.{DURABLE}",
                          json.dumps({"stream_name": STREAM, "config": config}).encode(), answer)
        made = json.loads(arrived.get(timeout=10).data)
        if "error" in made:
            raise ConnectionError(made["error"]["description"])

    def announce(self):
        """Answers as a NATS micro service, and with the manifest."""
        identity = {
            "name": "python", "id": uuid.uuid4().hex, "version": MANIFEST["version"],
            "metadata": {"heddle-protocol": str(VERSION), "app": APP, "pool": POOL, "kind": "python"},
        }
        subject = f"heddle.manifest.{POOL}.{APP}"
        endpoint = {"name": "manifest", "subject": subject, "queue_group": "q", "metadata": None}
        started = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        idle = {"num_requests": 0, "num_errors": 0, "last_error": "", "processing_time": 0, "average_processing_time": 0}
        for verb, more in (("PING", {}), ("INFO", {"description": "An example adapter.", "endpoints": [endpoint]}),
                           ("STATS", {"started": started, "endpoints": [{**endpoint, **idle}]})):
            data = json.dumps({**identity, **more, "type": f"io.nats.micro.v1.{verb.lower()}_response"}).encode()
            for place in (f"$SRV.{verb}", f"$SRV.{verb}.python", f"$SRV.{verb}.python.{identity['id']}"):
                self.nats.subscribe(place, lambda message, data=data: self.nats.publish(message.reply, data))
        self.nats.subscribe(subject, lambda message: self.nats.publish(message.reply, json.dumps(MANIFEST).encode()))

    def reading(self):
        try:
            self.nats.run()
        finally:
            self.stopping.set()

    def slot(self):
        """Takes one order after another."""
        inbox, arrived = self.nats.channel()
        answers = self.nats.channel()
        ask = json.dumps({"batch": 1, "expires": SECOND}).encode()
        while not self.stopping.is_set():
            self.nats.publish(f"$JS.API.CONSUMER.MSG.NEXT.{STREAM}.{DURABLE}", ask, inbox)
            try:
                message = arrived.get(timeout=3)
            except queue.Empty:
                continue
            if message.status == "503":
                time.sleep(0.2)  # the stream is being made anew
            elif not message.status:
                self.take(message, answers)

    def take(self, message, answers):
        try:
            fields = json.loads(message.data)
        except (ValueError, RecursionError):
            fields = None
        if not addressed(fields):
            self.nats.publish(message.reply, b"+TERM not an order")
            return
        order = Order(fields, message.header("traceparent"))
        with self.lock:
            same = self.flights.setdefault(fields["key"], order)
            same.replies.append(message.reply)
        if same is not order:
            return  # settled together with the first
        settle = b"-NAK"
        try:
            result = self.result(order)
            if self.tell(order, "TaskFinished", result, answers):
                settle = b"+ACK"
        except Stopped:
            pass
        with self.lock:
            del self.flights[fields["key"]]
            for reply in order.replies:
                self.nats.publish(reply, settle)

    def result(self, order):
        if order.fields.get("v") != VERSION:
            return {"finishState": "error", "error": problem("protocol", "this worker knows version 1 only")}
        if 0 < order.fields.get("deadline", 0) <= time.time() * 1000:
            return {"finishState": "error", "error": problem("run-timeout", "the deadline passed")}
        method = {"echo": self.echo, "sleep": self.sleep}.get(order.fields.get("method"))
        if method is None:
            return {"finishState": "error", "error": problem("input", "methods are echo and sleep")}
        return method(order, order.fields.get("incoming") or {})

    def echo(self, _, incoming):
        return {"finishState": "success", "outgoing": {"result": incoming.get("value")}}

    def sleep(self, order, incoming):
        end = time.monotonic() + float(incoming.get("seconds", 0))
        while (left := end - time.monotonic()) > 0:
            if self.stopping.is_set():
                raise Stopped
            if order.canceled.wait(min(left, 0.05)):
                return {"finishState": "error", "error": problem("canceled", "the task was canceled")}
        return self.echo(order, incoming)

    def tell(self, order, kind, members, answers):
        """Publishes an event; True once the stream has it."""
        event = {"v": VERSION, "type": kind, "worker": self.name, **members}
        event.update((name, order.fields[name]) for name in ("key", "job", "task", "iteration", "attempt", "token") if name in order.fields)
        headers = {"Nats-Msg-Id": order.key + "/finished"}
        if order.trace:
            headers["traceparent"] = order.trace
        inbox, arrived = answers
        self.nats.publish(f"heddle.event.{partition(order.job)}.{order.job}", json.dumps(event).encode(), inbox, headers)
        try:
            answer = arrived.get(timeout=10)
            return not answer.status and "error" not in json.loads(answer.data)
        except queue.Empty:
            return False

    def cancel(self, message):
        job, key = message.subject.removeprefix("heddle.cancel."), message.data.decode()
        with self.lock:
            for order in self.flights.values():
                if order.job == job and key in ("", order.key):
                    order.canceled.set()


def main():
    worker = Worker(Nats(sys.argv[1]))
    signal.signal(signal.SIGTERM, lambda *_: worker.stopping.set())
    worker.start()
    worker.nats.flush()


if __name__ == "__main__":
    main()

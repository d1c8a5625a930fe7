// An adapter in plain JavaScript: the protocol of adapters/PROTOCOL.md over a TCP socket.
//
//     node worker.mjs nats://user:password@host:port
//
// The address is what heddle adapter credentials prints, or that of a server's bus.url. It
// serves two methods of the app "Node": echo gives back "value"; sleep waits "seconds" first.
// Only the standard library is used. It shows the protocol; a real adapter would take a NATS
// client library, which also reconnects.

import { randomUUID } from "node:crypto";
import { connect } from "node:net";
import { hostname } from "node:os";

const APP = "Node", POOL = "default", STREAM = "HEDDLE_TASKS", DURABLE = `pool-${POOL}-${APP}`;
const PARTITIONS = 32, LEASE = 10_000, SLOTS = 8, VERSION = 1;
const SECOND = 1_000_000_000; // JetStream counts nanoseconds

const value = { description: "given back as result" };
const outgoing = { type: "object", properties: { result: {} } };
const MANIFEST = {
  v: VERSION, app: APP, kind: "node", version: "1.0.0", methods: [
    { name: "echo", summary: "Gives back its value.", sideEffects: false, incoming: { type: "object", properties: { value } }, outgoing },
    { name: "sleep", summary: "Takes its time, then gives back its value.", sideEffects: false,
      incoming: { type: "object", properties: { value, seconds: { type: "number", description: "how long it takes" } } }, outgoing },
  ],
};

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const problem = (kind, text) => ({ class: kind, message: text, IAPerror: { displayString: text, code: kind } });
const failed = (kind, text) => ({ finishState: "error", error: problem(kind, text) });

// Nats is as much of the NATS client protocol as an adapter needs.
class Nats {
  constructor(address) {
    const url = new URL(address);
    this.user = decodeURIComponent(url.username);
    this.restricted = this.user.startsWith("worker.");
    // Who has the credentials of a worker may listen below its own name only.
    this.inbox = ["_INBOX", ...(this.restricted ? [this.user] : []), randomUUID()].join(".");
    this.handlers = new Map();
    this.pongs = [];
    this.buffer = Buffer.alloc(0);
    this.socket = connect(Number(url.port || 4222), url.hostname);
    this.ended = new Promise((resolve) => this.socket.on("close", resolve));
    this.socket.on("error", (err) => console.error(`connection: ${err.message}`));
    this.socket.on("data", (data) => {
      this.buffer = this.buffer.length ? Buffer.concat([this.buffer, data]) : data;
      while (this.read());
    });
    this.send("CONNECT " + JSON.stringify({
      verbose: false, pedantic: false, headers: true, no_responders: true, lang: "javascript", version: "1",
      user: this.user, pass: decodeURIComponent(url.password),
    }));
  }

  send(line, ...payload) {
    this.socket.write(Buffer.concat([Buffer.from(line + "\r\n"), ...payload.flatMap((p) => [p, Buffer.from("\r\n")])]));
  }

  subscribe(subject, handler) {
    const number = String(this.handlers.size + 1);
    this.handlers.set(number, handler);
    this.send(`SUB ${subject} ${number}`);
  }

  publish(subject, text = "", reply = "", headers = undefined) {
    const data = Buffer.from(text);
    if (!headers) return this.send(`PUB ${subject} ${reply} ${data.length}`, data);
    const head = Buffer.from("NATS/1.0\r\n" + Object.entries(headers).map(([k, v]) => `${k}: ${v}\r\n`).join("") + "\r\n");
    this.send(`HPUB ${subject} ${reply} ${head.length} ${head.length + data.length}`, Buffer.concat([head, data]));
  }

  // channel is an inbox of one's own; next waits for its next message, or gives undefined.
  channel() {
    const subject = `${this.inbox}.${randomUUID()}`, arrived = [];
    let wake = () => {};
    this.subscribe(subject, (message) => { arrived.push(message); wake(); });
    const next = async (patience) => {
      if (arrived.length === 0) {
        let timer;
        await Promise.race([new Promise((resolve) => { wake = resolve; }), new Promise((resolve) => { timer = setTimeout(resolve, patience); }), this.ended]);
        clearTimeout(timer);
      }
      return arrived.shift();
    };
    return { subject, next };
  }

  // flush waits until the server has read everything that was sent.
  flush() {
    this.send("PING");
    return Promise.race([new Promise((resolve) => this.pongs.push(resolve)), this.ended, sleep(5000)]);
  }

  // read takes one thing the server said off the buffer; false when there is not all of it yet.
  read() {
    const end = this.buffer.indexOf("\r\n");
    if (end < 0) return false;
    const words = this.buffer.toString("utf8", 0, end).split(" ").filter((w) => w !== "");
    let rest = end + 2;
    if (words[0] === "MSG" || words[0] === "HMSG") {
      const headed = words[0] === "HMSG", total = Number(words.at(-1)), head = headed ? Number(words.at(-2)) : 0;
      if (this.buffer.length < rest + total + 2) return false;
      const body = this.buffer.subarray(rest, rest + total);
      rest += total + 2;
      const lines = body.toString("utf8", 0, head).split("\r\n");
      this.handlers.get(words[2])?.({
        subject: words[1], reply: words.length === (headed ? 6 : 5) ? words[3] : "", status: headed ? lines[0].split(" ")[1] ?? "" : "",
        headers: new Map(lines.slice(1).filter((l) => l.includes(":")).map((l) => [l.slice(0, l.indexOf(":")), l.slice(l.indexOf(":") + 1).trim()])),
        data: body.toString("utf8", head),
      });
    } else if (words[0] === "PING") {
      this.send("PONG");
    } else if (words[0] === "PONG") {
      this.pongs.shift()?.();
    } else if (words[0] === "-ERR") {
      console.error(words.join(" "));
    }
    this.buffer = this.buffer.subarray(rest);
    return true;
  }
}

function addressed(o) {
  return typeof o === "object" && o !== null && !Array.isArray(o) && ["key", "job", "task"].every((n) => typeof o[n] === "string" && o[n] !== "")
    && ["iteration", "attempt"].every((n) => Number.isInteger(o[n]) && o[n] >= 1);
}

function partition(job) {
  let hash = 2166136261;
  for (const byte of Buffer.from(job)) hash = Math.imul(hash ^ byte, 16777619) >>> 0;
  return hash % PARTITIONS;
}

class Worker {
  constructor(nats) {
    this.nats = nats;
    this.name = "node@" + hostname();
    this.flights = new Map(); // orders under way, by key
    this.stopping = new AbortController();
  }

  async run() {
    if (!this.nats.restricted) await this.makeConsumer();
    this.nats.subscribe("heddle.cancel.*", (message) => this.cancel(message));
    this.announce();
    this.nats.ended.then(() => this.stop());
    const lease = setInterval(() => {
      for (const flight of this.flights.values()) for (const reply of flight.replies) this.nats.publish(reply, "+WPI");
    }, LEASE / 3);
    await Promise.all(Array.from({ length: SLOTS }, () => this.slot()));
    clearInterval(lease);
  }

  stop() { this.stopping.abort(); }

  // With the credentials of a worker the server has done this.
  async makeConsumer() {
    const { subject, next } = this.nats.channel();
    const config = {
      durable_name: DURABLE, ack_policy: "explicit", deliver_policy: "all", ack_wait: LEASE / 1000 * SECOND,
      max_ack_pending: 4096, filter_subjects: [`heddle.task.${POOL}.${APP}.>`],
    };
    this.nats.publish(`$JS.API.CONSUMER.DURABLE.CREATE.${STREAM}.${DURABLE}`, JSON.stringify({ stream_name: STREAM, config }), subject);
    const made = JSON.parse((await next(10_000))?.data ?? '{"error":{"description":"no answer"}}');
    if (made.error) throw new Error(made.error.description);
  }

  // announce answers as a NATS micro service, and with the manifest.
  announce() {
    const identity = { name: "node", id: randomUUID(), version: MANIFEST.version,
      metadata: { "heddle-protocol": String(VERSION), app: APP, pool: POOL, kind: "node" } };
    const manifest = `heddle.manifest.${POOL}.${APP}`;
    const endpoint = { name: "manifest", subject: manifest, queue_group: "q", metadata: null };
    const idle = { num_requests: 0, num_errors: 0, last_error: "", processing_time: 0, average_processing_time: 0 };
    const more = {
      PING: {}, INFO: { description: "An example adapter.", endpoints: [endpoint] },
      STATS: { started: new Date().toISOString(), endpoints: [{ ...endpoint, ...idle }] },
    };
    for (const verb of Object.keys(more)) {
      const answer = JSON.stringify({ ...identity, ...more[verb], type: `io.nats.micro.v1.${verb.toLowerCase()}_response` });
      for (const subject of [`$SRV.${verb}`, `$SRV.${verb}.node`, `$SRV.${verb}.node.${identity.id}`]) {
        this.nats.subscribe(subject, (message) => this.nats.publish(message.reply, answer));
      }
    }
    this.nats.subscribe(manifest, (message) => this.nats.publish(message.reply, JSON.stringify(MANIFEST)));
  }

  // slot takes one order after another.
  async slot() {
    const inbox = this.nats.channel(), answers = this.nats.channel();
    const ask = JSON.stringify({ batch: 1, expires: SECOND });
    while (!this.stopping.signal.aborted) {
      this.nats.publish(`$JS.API.CONSUMER.MSG.NEXT.${STREAM}.${DURABLE}`, ask, inbox.subject);
      const message = await inbox.next(3000);
      if (message?.status === "503") await sleep(200); // the stream is being made anew
      else if (message && !message.status) await this.take(message, answers);
    }
  }

  async take(message, answers) {
    let order = null;
    try { order = JSON.parse(message.data); } catch { /* told below */ }
    if (!addressed(order)) return this.nats.publish(message.reply, "+TERM not an order");
    const same = this.flights.get(order.key);
    if (same) return same.replies.push(message.reply); // settled together with the first
    const flight = { order, trace: message.headers.get("traceparent"), replies: [message.reply], canceled: new AbortController() };
    this.flights.set(order.key, flight);
    const result = await this.result(flight);
    const settled = result && await this.tell(flight, "TaskFinished", result, answers) ? "+ACK" : "-NAK";
    this.flights.delete(order.key);
    for (const reply of flight.replies) this.nats.publish(reply, settled);
  }

  // result is undefined when another process is to do the work.
  async result({ order, canceled }) {
    if (order.v !== VERSION) return failed("protocol", "this worker knows version 1 only");
    if (order.deadline > 0 && order.deadline <= Date.now()) return failed("run-timeout", "the deadline passed");
    const incoming = order.incoming ?? {};
    const done = { finishState: "success", outgoing: { result: incoming.value ?? null } };
    switch (order.method) {
      case "echo": return done;
      case "sleep": break;
      default: return failed("input", "methods are echo and sleep");
    }
    const end = Date.now() + 1000 * Number(incoming.seconds ?? 0);
    while (Date.now() < end) {
      if (this.stopping.signal.aborted) return undefined;
      if (canceled.signal.aborted) return failed("canceled", "the task was canceled");
      await sleep(Math.min(50, end - Date.now()));
    }
    return done;
  }

  // tell publishes an event; true once the stream has it.
  async tell({ order, trace }, type, members, answers) {
    const event = { v: VERSION, type, worker: this.name, ...members };
    for (const name of ["key", "job", "task", "iteration", "attempt", "token"]) if (name in order) event[name] = order[name];
    const headers = { "Nats-Msg-Id": order.key + "/finished", ...(trace ? { traceparent: trace } : {}) };
    this.nats.publish(`heddle.event.${partition(order.job)}.${order.job}`, JSON.stringify(event), answers.subject, headers);
    const answer = await answers.next(10_000);
    return answer !== undefined && !answer.status && !("error" in JSON.parse(answer.data));
  }

  cancel(message) {
    const job = message.subject.slice("heddle.cancel.".length);
    for (const { order, canceled } of this.flights.values()) {
      if (order.job === job && (message.data === "" || message.data === order.key)) canceled.abort();
    }
  }
}

const nats = new Nats(process.argv[2] ?? process.env.HEDDLE_BUS_URL);
const worker = new Worker(nats);
process.on("SIGTERM", () => worker.stop());
process.on("SIGINT", () => worker.stop());
await worker.run();
await nats.flush();
process.exit(0);

// The programs that the tests start: alto-server on a free port, and nginx in front of it.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import readline from "node:readline";

const REPOSITORY = path.resolve(import.meta.dirname, "../../..");
const PROGRAMS = path.resolve(process.env.PROGRAMS ?? path.join(REPOSITORY, "target/debug"));
export const TOKEN = "a-token-of-the-test";

/** Programs that run. */
const running = new Set();

/** Ends all programs, whatever a test that failed has left. */
export async function stopAll() {
  for (const child of running) {
    child.kill();
    await once(child, "exit");
  }
}

function start(...command) {
  const child = spawn(...command);
  running.add(child);
  child.on("exit", () => running.delete(child));
  return child;
}

/** Path of a topology that ships. */
export const shipped = (name) => path.join(REPOSITORY, "topo/data", name);

/** Folder that is removed when the tests end. */
export function folder() {
  const made = mkdtempSync(path.join(tmpdir(), "alto-page-"));
  process.on("exit", () => rmSync(made, { recursive: true, force: true }));
  return made;
}

/** Writes a topology file, and returns its path. */
export function topologyFile(topology) {
  const file = path.join(folder(), "topo.json");
  writeFileSync(file, JSON.stringify(topology));
  return file;
}

/** Starts alto-server, and waits until it listens. */
export async function startServer(topology, more = []) {
  const listen = more.includes("--listen") ? [] : ["--listen", "127.0.0.1:0"];
  const child = start(path.join(PROGRAMS, "alto-server"), ["--topology", topology, ...listen, ...more], {
    env: { ...process.env, ALTO_ADMIN_TOKEN: TOKEN },
    stdio: ["ignore", "ignore", "pipe"],
  });
  let uri = null;
  const lines = readline.createInterface({ input: child.stderr });
  const ready = new Promise((resolve, reject) => {
    lines.on("line", (line) => {
      uri ??= line.match(/listening on (https?:\/\/[^/]+)\//)?.[1] ?? null;
      if (uri) resolve();
    });
    child.on("exit", (code) => reject(new Error(`alto-server ended with ${code}`)));
  });
  await ready;
  const server = {
    uri,
    /** Sends a request with a JSON body, and requires that it succeeds. */
    async send(method, target, body, headers = {}) {
      const answer = await fetch(uri + target, {
        method,
        headers: { "Content-Type": "application/json", Authorization: `Bearer ${TOKEN}`, ...headers },
        body: typeof body === "string" ? body : JSON.stringify(body),
      });
      if (!answer.ok) throw new Error(`${method} ${target}: ${answer.status} ${await answer.text()}`);
    },
    changeLink: (change) => server.send("POST", "/admin/links", change),
    async stop() {
      if (child.exitCode === null) {
        child.kill();
        await once(child, "exit");
      }
    },
  };
  return server;
}

async function freePort() {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address();
  probe.close();
  return port;
}

/** Starts nginx with the file that ships, without TLS, in front of a server. Returns the URI of the prefix. */
export async function startProxy(server) {
  const [place, port] = [folder(), await freePort()];
  const file = path.join(REPOSITORY, "packaging/reverse-proxy/nginx.conf");
  const shippedFile = readFileSync(file, "utf8")
    .replace("127.0.0.1:8080", new URL(server.uri).host)
    .replace("listen 8443 ssl;", `listen 127.0.0.1:${port};`)
    .replace(/^\s*ssl_.*$/gm, "");
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((kind) => `${kind}_temp_path ${place}/${kind};`);
  const config = path.join(place, "nginx.conf");
  writeFileSync(
    config,
    `daemon off; pid ${place}/nginx.pid; error_log stderr; events {}\nhttp { access_log off; ${temporary.join(" ")}\n${shippedFile}}\n`,
  );
  const environment = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` };
  const child = start("nginx", ["-c", config, "-p", place, "-e", "stderr"], { stdio: "ignore", env: environment });
  const uri = `http://127.0.0.1:${port}/alto/`;
  // Nothing tells when nginx begins to listen.
  for (let tries = 0; ; tries += 1) {
    if (await fetch(`${uri}healthz`).then((answer) => answer.ok, () => false)) break;
    if (child.exitCode !== null || tries > 1200) throw new Error("nginx did not start");
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return { uri, stop: () => child.kill() };
}

/** Ring of switches with chords, one PID and one host each. */
export function ring(length, name = "ring") {
  const numbers = Array.from({ length }, (_, number) => number);
  const link = (source, destination, delay) => ({ source, destination, bandwidth: 100 + (delay * 37) % 400, delay });
  return {
    name,
    hosts: numbers.map((n) => ({ name: `h${n}`, ip: `10.${n >> 8}.${n & 255}.1` })),
    switches: numbers.map((n) => ({ name: `s${n}` })),
    links: numbers.flatMap((n) => [
      link(`h${n}`, `s${n}`, 1),
      link(`s${n}`, `s${(n + 1) % length}`, 1 + (n % 7)),
      ...(n % 5 === 0 ? [link(`s${n}`, `s${(n + 13) % length}`, 3 + (n % 3))] : []),
    ]),
    pids: Object.fromEntries(numbers.map((n) => [`pid-${n}`, { switches: [`s${n}`], ipv4: [`10.${n >> 8}.${n & 255}.0/24`] }])),
  };
}

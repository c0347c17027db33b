// The page of alto-server in a real browser. Every test fails on an error in the console, which a violation of the
// Content-Security-Policy is, too. scripts/test_page runs this file.
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { after, before, test } from "node:test";

import { chromium } from "playwright-core";

import { folder, ring, shipped, startProxy, startServer, stopAll, topologyFile } from "./programs.mjs";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const HOSTILE = '<img src=x onerror="window.hacked=1">';
/** Largest size of the page with all its files, uncompressed. */
const MOST_BYTES = 100_000;

/** Longest time of a test, which a busy machine does not reach. */
const LIMIT = { timeout: 120_000 };

let browser;
let server;

before(async () => {
  browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] });
  server = await startServer(shipped("two-isps.json"));
});

after(async () => {
  await browser?.close();
  await stopAll();
});

/** Opens a page for a test, and afterwards requires that the browser had nothing to complain about. */
async function visit(uri, { expected = [], ...options }, work) {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  const complaints = [];
  page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("response", (answer) => answer.status() >= 400 && complaints.push(`${answer.status()} ${answer.url()}`));
  await page.goto(uri);
  await work(page, context);
  await context.close();
  const unexpected = complaints.filter((text) => !expected.some((known) => text.includes(known)));
  assert.deepEqual(unexpected, []);
}

const said = (page) => page.getByRole("status").textContent();
const ranked = (page) => page.locator(".ranking tbody th").allTextContents();

/** Marks the document, so that a navigation would show. */
const mark = (page) => page.evaluate(() => { window.marked = true; });
const isMarked = (page) => page.evaluate(() => window.marked === true);

async function isAccessible(page, what) {
  await page.evaluate(AXE);
  const { violations, passes } = await page.evaluate(() => window.axe.run());
  const found = violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html.slice(0, 120)).join(" | ")}`);
  assert.deepEqual(found, [], what);
  assert.ok(passes.length > 15, `${what}: only ${passes.length} rules applied`);
}

test("the form answers on the same page, and the address bar has the question", LIMIT, async () => {
  await visit(`${server.uri}/`, {}, async (page) => {
    await mark(page);
    await page.getByLabel("Address").fill("127.1.2.3");
    await page.getByRole("button", { name: "Show" }).click();
    await page.getByRole("status").filter({ hasText: "is in isp-a-2" }).waitFor();
    assert.equal(new URL(page.url()).search, "?address=127.1.2.3&metric=routingcost");
    const byCost = await ranked(page);
    assert.equal(byCost.length, 5);
    await page.getByLabel("Metric").selectOption("bw-available");
    await page.locator(".ranking caption", { hasText: "bandwidth" }).waitFor();
    assert.equal((await ranked(page)).length, 5);
    await page.goBack();
    await page.locator(".ranking thead", { hasText: "routingcost" }).waitFor();
    assert.deepEqual(await ranked(page), byCost);
    assert.equal(await page.getByLabel("Metric").inputValue(), "routingcost");
    await page.getByLabel("Address").fill("no address");
    await page.getByLabel("Address").press("Enter");
    await page.getByRole("status").filter({ hasText: "neither an IPv4 nor an IPv6 address" }).waitFor();
    assert.ok(await isMarked(page), "the page was loaded anew");
  });
});

test("a change of the network appears by itself, and changed links flash", LIMIT, async () => {
  await visit(`${server.uri}/ui/?address=127.1.2.3`, {}, async (page) => {
    await mark(page);
    await page.getByText("Live: changes appear as they happen.").waitFor();
    const before = await page.locator(".ranking tbody").textContent();
    await server.changeLink({ source: "a2", destination: "b2", utilisation: 0.9 });
    await page.locator("#overrides", { hasText: "a2 – b2: 90 % in use" }).waitFor();
    await page.locator('.marks .flash[data-ends="a2 b2"]').waitFor({ state: "attached" });
    await page.locator("#changes", { hasText: "1 link (a2 – b2)" }).waitFor();
    assert.equal(await page.locator("#drawing .u4").count(), 1);
    assert.notEqual(await page.locator(".ranking tbody").textContent(), before, "costs follow");
    await server.changeLink({ source: "a3", destination: "b3", up: false });
    await page.locator("#map-text", { hasText: "1 link down" }).waitFor();
    assert.equal(await page.locator("#drawing .down").count(), 1);
    assert.equal(await said(page), "127.1.2.3 is in isp-a-2, by its prefix 127.1.2.0/24. It is the host p3.");
    assert.ok(await isMarked(page), "the page was loaded anew");
    await server.send("DELETE", "/admin/links", "");
    await page.getByText("Every link is as the topology has it.").waitFor();
  });
});

test("what a visitor has opened and focused stays through a change", LIMIT, async () => {
  await visit(`${server.uri}/ui/`, {}, async (page) => {
    await page.getByText("Live: changes appear as they happen.").waitFor();
    const values = page.getByText("Values of 17 links");
    await values.click();
    await server.changeLink({ source: "a1", destination: "a2", utilisation: 0.4 });
    await page.locator("#overrides", { hasText: "40 % in use" }).waitFor();
    assert.ok(await page.getByRole("region", { name: "Table: links" }).isVisible());
    assert.equal(await page.evaluate(() => document.activeElement.tagName), "SUMMARY");
    await server.send("DELETE", "/admin/links", "");
  });
});

test("a page that lost its server says so, and goes on when it is back", LIMIT, async () => {
  const own = await startServer(shipped("two-isps.json"));
  const { host } = new URL(own.uri);
  // Of the stream that ends, and of attempts while the server ends and after that.
  const expected = ["ERR_INCOMPLETE_CHUNKED_ENCODING", "ERR_EMPTY_RESPONSE", "ERR_CONNECTION_RESET", "ERR_CONNECTION_REFUSED"];
  await visit(`${own.uri}/ui/`, { expected }, async (page) => {
    await page.getByText("Live: changes appear as they happen.").waitFor();
    await own.stop();
    await page.getByText("The connection is lost; trying again.").waitFor();
    const again = await startServer(shipped("abilene.json"), ["--listen", host]);
    await page.getByText("Live: changes appear as they happen.").waitFor();
    // Another network with other nodes: the page has become its page.
    await page.locator("#map-text", { hasText: "11 switches" }).waitFor();
    await again.stop();
  });
});

test("names of strangers stay text", LIMIT, async () => {
  const own = await startServer(topologyFile({ ...ring(4), name: HOSTILE }), ["--digest-users", users()]);
  const peer = { name: HOSTILE, port: 7000, files: [{ id: "ab".repeat(32), name: HOSTILE, size: 1, manifest: "cd".repeat(32) }] };
  const httpCredentials = { username: "ada", password: "secret" };
  // The fetch of the browser answers the challenge, which that of Node does not.
  await visit(`${own.uri}/ui/`, { httpCredentials, expected: ["401"] }, async (page) => {
    await page.evaluate(async (body) => {
      const answer = await fetch("../swarm/register", { method: "POST", headers: { "Content-Type": "application/json" }, body });
      if (answer.status !== 201) throw new Error(await answer.text());
    }, JSON.stringify(peer));
    await page.goto(`${own.uri}/ui/?address=${encodeURIComponent(HOSTILE)}`);
    assert.equal(await page.getByRole("heading", { level: 1 }).textContent(), HOSTILE);
    assert.ok((await page.title()).startsWith(HOSTILE));
    assert.ok((await said(page)).includes(HOSTILE.slice(0, 60)));
    await page.getByText("1 holder").click();
    const swarms = page.locator("#swarms");
    assert.ok((await swarms.locator("th").allTextContents()).some((text) => text.includes(HOSTILE)));
    assert.equal(await swarms.locator("li").textContent(), `${HOSTILE} at 127.0.0.1:7000`);
    assert.equal(await page.locator("img[onerror]").count(), 0);
    assert.equal(await page.evaluate(() => window.hacked), undefined);
  });
  await own.stop();
});

function users() {
  const file = path.join(folder(), "users");
  writeFileSync(file, "ada:secret\n");
  return file;
}

test("with Digest, the page and its stream work for users, and nobody else sees anything", LIMIT, async () => {
  const own = await startServer(shipped("two-isps.json"), ["--digest-users", users()]);
  await visit(`${own.uri}/`, { httpCredentials: { username: "ada", password: "secret" }, expected: ["401"] }, async (page) => {
    await page.getByText("Live: changes appear as they happen.").waitFor();
    await own.changeLink({ source: "a2", destination: "b2", utilisation: 0.5 });
    await page.locator("#overrides", { hasText: "50 % in use" }).waitFor();
  });
  assert.equal((await fetch(`${own.uri}/ui/`)).status, 401);
  assert.equal((await fetch(`${own.uri}/ui/events`)).status, 401);
  await own.stop();
});

test("without authentication, no address of a peer is shown", LIMIT, async () => {
  const own = await startServer(shipped("two-isps.json"), ["--tracker"]);
  await own.send("POST", "/swarm/register", {
    name: "seeder", port: 7000, files: [{ id: "ab".repeat(32), name: "film", size: 9, manifest: "cd".repeat(32) }],
  });
  const announce = `info_hash=${"%aa".repeat(20)}&peer_id=${"x".repeat(20)}&port=6881&left=0&uploaded=0&downloaded=0`;
  await fetch(`${own.uri}/tracker/announce?${announce}`);
  await visit(`${own.uri}/ui/`, {}, async (page) => {
    const swarms = await page.locator("#swarms").textContent();
    assert.ok(swarms.includes("film") && swarms.includes("aaaaaaaaaaaa"), swarms);
    const shown = await page.content();
    assert.ok(!shown.includes("127.0.0.1:7000") && !shown.includes("seeder") && !shown.includes("6881"));
  });
  await own.stop();
});

test("behind a proxy with a prefix, everything is found", LIMIT, async () => {
  const proxy = await startProxy(server);
  for (const at of ["", "ui/", "ui"]) {
    await visit(proxy.uri + at, {}, async (page) => {
      await page.getByText("Live: changes appear as they happen.").waitFor();
      await page.getByLabel("Address").fill("127.2.2.7");
      await page.getByLabel("Address").press("Enter");
      await page.getByRole("status").filter({ hasText: "is in isp-b-2" }).waitFor();
      assert.ok(page.url().startsWith(proxy.uri));
      const font = await page.getByRole("heading", { level: 1 }).evaluate((heading) => getComputedStyle(heading).fontFamily);
      assert.ok(font.includes("Palatino"), "the style sheet was found");
      const answer = await page.request.get(new URL(await page.getByRole("link", { name: "directory" }).getAttribute("href"), page.url()).href);
      assert.equal(answer.headers()["content-type"], "application/alto-directory+json");
    });
  }
  proxy.stop();
});

test("the keyboard alone is enough", LIMIT, async () => {
  await visit(`${server.uri}/ui/`, {}, async (page) => {
    const focused = () => page.evaluate(() => {
      const { tagName, className, id } = document.activeElement;
      return `${tagName} ${id || className}`.trim();
    });
    const order = [];
    for (let tabs = 0; tabs < 4; tabs += 1) {
      await page.keyboard.press("Tab");
      order.push(await focused());
    }
    assert.deepEqual(order, ["A skip", "INPUT address", "SELECT metric", "BUTTON"]);
    await page.keyboard.press("Shift+Tab");
    await page.keyboard.press("Shift+Tab");
    await page.keyboard.type("127.1.3.4");
    await page.keyboard.press("Enter");
    await page.getByRole("status").filter({ hasText: "is in isp-a-3" }).waitFor();
    // Everything else that scrolls or opens can be reached, and shows that it is.
    const reached = new Set();
    for (let tabs = 0; tabs < 40; tabs += 1) {
      await page.keyboard.press("Tab");
      const here = await page.evaluate(() => ({
        what: document.activeElement.getAttribute("aria-label") ?? document.activeElement.textContent,
        outline: getComputedStyle(document.activeElement).outlineStyle,
      }));
      reached.add(here.what);
      if (here.what === "metrics") break;
      assert.notEqual(here.outline, "none", here.what);
    }
    for (const what of ["Table: costs between PIDs", "Table: PIDs", "Table: views", "Values of 17 links", "directory", "metrics"]) {
      assert.ok(reached.has(what), `${what} is not reached: ${[...reached].join(", ")}`);
    }
  });
});

test("without JavaScript, the form and all tables are there", LIMIT, async () => {
  await visit(`${server.uri}/`, { javaScriptEnabled: false }, async (page) => {
    await page.getByLabel("Address").fill("127.1.2.3");
    await page.getByLabel("Metric").selectOption("delay-ow");
    await page.getByRole("button", { name: "Show" }).click();
    assert.equal(new URL(page.url()).pathname, "/ui/");
    assert.ok((await said(page)).startsWith("127.1.2.3 is in isp-a-2"));
    assert.equal((await ranked(page)).length, 5);
    for (const heading of ["Map", "Costs", "PIDs", "Links", "Views", "Sources of prefixes", "Swarms", "Warnings and errors"]) {
      assert.ok(await page.getByRole("heading", { name: heading, exact: true }).isVisible(), heading);
    }
    assert.equal(await page.locator("#pids tbody tr").count(), 7);
    assert.equal(await page.getByRole("img", { name: "Map" }).count(), 1);
    assert.ok(!(await page.locator("#live").isVisible()));
  });
});

test("axe finds nothing, light or dark", LIMIT, async () => {
  await server.changeLink({ source: "a2", destination: "b2", utilisation: 0.9 });
  await server.changeLink({ source: "a3", destination: "b3", up: false });
  const answered = "?address=127.1.2.3&metric=delay-rt";
  for (const [colorScheme, query] of [["light", ""], ["light", answered], ["dark", answered], ["dark", "?address=wrong"]]) {
    await visit(`${server.uri}/ui/${query}`, { colorScheme, bypassCSP: true }, (page) => isAccessible(page, colorScheme + query));
  }
  await server.send("DELETE", "/admin/links", "");
});

test("on a phone, only tables that are wider scroll", LIMIT, async () => {
  await visit(`${server.uri}/ui/?address=127.1.2.3`, { viewport: { width: 360, height: 740 } }, async (page) => {
    const { wide, screen } = await page.evaluate(() => ({ wide: document.documentElement.scrollWidth, screen: innerWidth }));
    assert.ok(wide <= screen, `${wide} on a screen of ${screen}`);
    for (const field of [page.getByLabel("Address"), page.getByRole("button", { name: "Show" })]) {
      const { width, height } = await field.boundingBox();
      assert.ok(width >= 60 && height >= 40, `${width} x ${height} is too small for a finger`);
    }
  });
});

test("on paper, the page is black on white and leaves out what cannot be pressed", LIMIT, async () => {
  await visit(`${server.uri}/ui/?address=127.1.2.3`, { colorScheme: "dark" }, async (page) => {
    await page.emulateMedia({ media: "print" });
    assert.ok(!(await page.getByRole("button", { name: "Show", includeHidden: true }).isVisible()));
    const colours = await page.evaluate(() => [getComputedStyle(document.body).color, getComputedStyle(document.body).backgroundColor]);
    assert.deepEqual(colours, ["rgb(0, 0, 0)", "rgb(255, 255, 255)"]);
    assert.ok((await page.pdf()).length > 10_000);
  });
});

test("200 PIDs: light, soon there, accessible", LIMIT, async () => {
  const own = await startServer(topologyFile(ring(200)));
  await visit(`${own.uri}/ui/?address=10.0.7.1`, { bypassCSP: true }, async (page) => {
    // A busy browser may have loaded the page before it has painted it.
    const paint = await page.evaluate(() => new Promise((painted) => {
      new PerformanceObserver((list, observer) => {
        const first = list.getEntriesByName("first-contentful-paint")[0];
        if (first) {
          observer.disconnect();
          painted(first.startTime);
        }
      }).observe({ type: "paint", buffered: true });
    }));
    const sizes = await page.evaluate(() => [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")]
      .map((entry) => [new URL(entry.name).pathname, entry.decodedBodySize]));
    const bytes = sizes.reduce((sum, [, size]) => sum + size, 0);
    console.log(`200 PIDs: first paint after ${Math.round(paint)} ms, ${bytes} bytes uncompressed`);
    assert.ok(bytes < MOST_BYTES, JSON.stringify(sizes));
    assert.ok(paint < 20_000, "generous: this machine may be busy");
    const { drawn, side } = await page.locator(".heat img").evaluate((img) => ({ drawn: img.complete, side: img.naturalWidth }));
    assert.deepEqual({ drawn, side }, { drawn: true, side: 200 });
    assert.equal((await ranked(page)).length, 199);
    await isAccessible(page, "200 PIDs");
  });
  await own.stop();
});

test("of a network too large to draw, PIDs are drawn", LIMIT, async () => {
  const own = await startServer(topologyFile(ring(600)));
  await visit(`${own.uri}/ui/`, {}, async (page) => {
    const text = await page.locator("#map-text").textContent();
    assert.ok(text.startsWith("601 PIDs"), text);
    assert.equal(await page.locator(".heat img").evaluate((img) => img.naturalWidth), 255);
    assert.ok((await page.locator("#costs").textContent()).includes("the first 256 are shown"));
  });
  await own.stop();
});

// Pictures of the page for docs/, and of a report beside it: node screenshots.mjs FOLDER [REPORT.html NAME]...
import path from "node:path";
import { pathToFileURL } from "node:url";

import { chromium } from "playwright-core";

import { shipped, startServer } from "./programs.mjs";

const [out, ...reports] = process.argv.slice(2);
const HOSTS = { "127.1.1.1": 7001, "127.1.1.2": 7002, "127.1.2.3": 7003, "127.2.1.5": 7004, "127.2.1.6": 7005 };

const server = await startServer(shipped("two-isps.json"), ["--tracker", "--trusted-proxy", "127.0.0.1"]);
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] });

/** Makes the network look as if it were in use. */
async function happen() {
  const load = [["a1", "a2", 0.34], ["b1", "b2", 0.12], ["a2", "b2", 0.91], ["b2", "b3", 0.66]];
  for (const [source, destination, utilisation] of load) await server.changeLink({ source, destination, utilisation });
  await server.changeLink({ source: "a3", destination: "b3", up: false });
  for (const [host, port] of Object.entries(HOSTS)) {
    const headers = { "X-Forwarded-For": host };
    const files = [{ id: "ab".repeat(32), name: "debian-13.iso", size: 661_651_456, manifest: "cd".repeat(32) }];
    await server.send("POST", "/swarm/register", { name: `peer-${port}`, port, files }, headers);
    const announce = `info_hash=${"%a7".repeat(20)}&peer_id=${"x".repeat(20)}&port=${port}&left=${port % 2}&uploaded=0&downloaded=0`;
    await fetch(`${server.uri}/tracker/announce?${announce}`, { headers });
  }
}

async function picture(name, uri, options, height) {
  const page = await browser.newPage(options);
  await page.goto(uri);
  const { width } = page.viewportSize();
  const whole = await page.evaluate(() => document.documentElement.scrollHeight);
  await page.screenshot({ path: path.join(out, `${name}.png`), fullPage: true, clip: { x: 0, y: 0, width, height: Math.min(whole, height) } });
  await page.close();
}

await happen();
const page = `${server.uri}/ui/?address=127.1.2.3&metric=routingcost`;
const wide = { viewport: { width: 1180, height: 900 } };
await picture("page-light", page, { ...wide, colorScheme: "light" }, 2100);
await picture("page-dark", page, { ...wide, colorScheme: "dark" }, 2100);
await picture("page-phone", page, { viewport: { width: 390, height: 844 }, colorScheme: "light" }, 1700);
for (let index = 0; index + 1 < reports.length; index += 2) {
  for (const colorScheme of ["light", "dark"]) {
    await picture(`${reports[index + 1]}-${colorScheme}`, pathToFileURL(reports[index]).href, { ...wide, colorScheme }, 2100);
  }
}
await browser.close();
await server.stop();

// The page in a real browser against a running daemon: what a person does, whether axe finds anything, how fast it is.
// usage: node run.js day URL FOLDER     a stream is added, goes dark, is looked at, silenced, set by hand; the page reloads
//        node run.js many URL FOLDER    many cameras: first view, bytes, long tasks
// Screenshots go to FOLDER. CHROMIUM names the browser.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { chromium } from "playwright-core";

const [what, url, folder] = process.argv.slice(2);
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const LIMIT = 40000;

const wrong = [];
function check(is, text) {
  if (!is) wrong.push(text);
  console.log(`${is ? "ok" : "WRONG"}  ${text}`);
}

/// What axe finds, in the colours and size that the page has.
async function clean(page, name) {
  // Run in a world of its own: the page's policy lets no script of ours in.
  const session = await page.context().newCDPSession(page);
  const { frameTree } = await session.send("Page.getFrameTree");
  const { executionContextId } = await session.send("Page.createIsolatedWorld", { frameId: frameTree.frame.id, worldName: "axe" });
  await session.send("Runtime.evaluate", { expression: axe, contextId: executionContextId });
  const { result } = await session.send("Runtime.evaluate", {
    expression: `axe.run(document, { resultTypes: ["violations"] }).then((r) => JSON.stringify(r.violations.map((v) => [v.id, v.help, v.nodes.slice(0, 3).map((n) => n.html.slice(0, 160) + " :: " + (n.failureSummary ?? ""))])))`,
    contextId: executionContextId, awaitPromise: true, returnByValue: true,
  });
  await session.detach();
  const found = JSON.parse(result.value ?? "null");
  check(found?.length === 0, `axe: ${name} is clean${found?.length ? `: ${JSON.stringify(found, null, 1)}` : ""}`);
}

const shoot = (page, name, full = false) => page.screenshot({ path: join(folder, `${name}.png`), fullPage: full });

/// Mean brightness of the picture in that place, 0 to 255.
const brightness = (page, selector) => page.locator(selector).first().evaluate((image) => {
  const canvas = Object.assign(document.createElement("canvas"), { width: 16, height: 16 });
  const context = canvas.getContext("2d");
  context.drawImage(image, 0, 0, 16, 16);
  const { data } = context.getImageData(0, 0, 16, 16);
  return data.filter((_, i) => i % 4 === 1).reduce((a, b) => a + b, 0) / 256;
});

async function open(browser, keys = {}) {
  const context = await browser.newContext({ viewport: { width: 1360, height: 860 }, ...keys });
  const page = await context.newPage();
  page.setDefaultTimeout(LIMIT);
  page.on("pageerror", (error) => check(false, `no error in the page: ${error.message}`));
  page.on("console", (message) => { if (message.type() === "error" && /Content Security Policy/.test(message.text())) check(false, message.text()); });
  page.on("request", (request) => { if (!request.url().startsWith(url)) check(false, `nothing from elsewhere: ${request.url()}`); });
  return page;
}

const gate = async (name) => (await fetch(`${url}/api/v1/gates/${name}`)).json();

async function day(browser) {
  const page = await open(browser);
  await page.goto(`${url}/`);
  await page.getByRole("heading", { name: "No cameras yet" }).waitFor();
  await clean(page, "without cameras");
  await shoot(page, "empty");

  // A stream is added by keyboard, and what is wrong is said beside it.
  await page.getByRole("button", { name: "Add a stream" }).focus();
  await page.keyboard.press("Enter");
  await page.getByLabel("Name", { exact: true }).fill("lane");
  await page.getByLabel("Location").fill("none.mp4");
  await clean(page, "adding a stream");
  await shoot(page, "add");
  await page.keyboard.press("Enter");
  await page.getByRole("alert").filter({ hasText: "no file in the folder" }).waitFor();
  await page.getByLabel("Location").fill("dark.mp4");
  await page.keyboard.press("Enter");
  const card = page.locator(".card[data-name=lane]");
  await card.waitFor();
  await page.locator(".card[data-name=lane][data-state=open]").waitFor();
  check(true, "a stream is added, and its gate opens");
  await card.locator(".shot img").waitFor();
  await clean(page, "cameras");

  // It goes dark.
  await page.locator(".card[data-name=lane][data-state=closed]").waitFor();
  check((await card.innerText()).includes("score low"), "the gate closes, with its reason");
  check((await page.locator("#spoken").textContent()).includes("lane: gate closed"), "a screen reader is told");
  await shoot(page, "closed");
  await page.locator(".card[data-name=lane] a").focus();
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "lane" }).waitFor();
  const [now, good] = ["figure:nth-of-type(1) img", "figure:nth-of-type(2) img"];
  await page.locator(good).waitFor();
  await page.waitForFunction((selector) => document.querySelector(selector), now);
  await page.waitForTimeout(100);
  const [dark, bright] = [await brightness(page, now), await brightness(page, good)];
  check(dark < 60 && bright > 200, `now (${dark.toFixed(0)}) is dark beside the last good picture (${bright.toFixed(0)})`);
  check((await page.locator(".meter").first().innerText()).includes("darkness"), "darkness is the likely cause");
  await clean(page, "a camera");
  await shoot(page, "camera", true);

  // Silenced.
  await page.getByRole("button", { name: "Silence alerts…" }).click();
  await page.getByText("4 hours").click();
  await clean(page, "silencing");
  await page.getByRole("button", { name: "Silence", exact: true }).click();
  await page.getByRole("button", { name: "End the silence" }).waitFor();
  const { silences } = await (await fetch(`${url}/api/v1/silences`)).json();
  check(silences.length === 1 && silences[0].stream === "lane", "alerts are silenced");

  // Set by hand, and Escape leaves a dialog for where one was.
  await page.getByRole("button", { name: "Set the gate…" }).focus();
  await page.keyboard.press("Enter");
  await page.keyboard.press("Escape");
  check(await page.getByRole("button", { name: "Set the gate…" }).evaluate((button) => button === document.activeElement), "Escape leads back");
  await page.getByRole("button", { name: "Set the gate…" }).click();
  await page.getByRole("button", { name: "Set", exact: true }).click();
  await page.getByRole("button", { name: "Take back what was set" }).waitFor();
  const set = await gate("lane");
  check(set.decided === "closed" && set.enforced === "open", "the gate is set open, what is decided stays closed");

  // Another load: all of it is still there.
  await page.reload();
  await page.getByRole("button", { name: "Take back what was set" }).waitFor();
  await page.getByRole("button", { name: "End the silence" }).waitFor();
  check(await page.getByText("open, until").first().isVisible(), "after a reload it says until when");
  await page.getByRole("button", { name: "Take back what was set" }).click();
  await page.getByRole("button", { name: "Set the gate…" }).waitFor();
  check((await gate("lane")).enforced === "closed", "what was set is taken back");

  // Alerts: one fires, somebody looks after it.
  await page.getByRole("link", { name: /^Alerts/ }).first().click();
  await page.getByRole("button", { name: /^Acknowledge dim/ }).click();
  await page.getByText(/^acknowledged/).waitFor();
  await page.locator(".thumbs img").first().waitFor();
  check(true, "an alert is acknowledged, and shows its picture");
  await clean(page, "alerts");
  await shoot(page, "alerts", true);
  await page.getByRole("link", { name: "Report", exact: true }).click();
  await page.getByRole("cell", { name: /s$/ }).first().waitFor();
  await clean(page, "the report");
  await shoot(page, "report");

  // In the dark, and on a phone.
  const phone = await open(browser, { viewport: { width: 390, height: 844 }, colorScheme: "dark", hasTouch: true, isMobile: true });
  for (const [place, name] of [["#/", "phone"], ["#/camera/lane", "phone-camera"], ["#/alerts", "phone-alerts"], ["#/report", "phone-report"]]) {
    await phone.goto(`${url}/${place}`);
    await phone.locator("main h1").waitFor();
    await phone.waitForTimeout(700);
    await clean(phone, `${name}, dark`);
    const wide = await phone.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    check(wide <= 0, `${name}: nothing is wider than the screen (${wide})`);
    await shoot(phone, name, true);
  }

  // Paused, resumed, removed.
  await page.goto(`${url}/#/camera/lane`);
  await page.getByRole("button", { name: "Pause" }).click();
  await page.getByRole("button", { name: "Resume" }).waitFor();
  await page.getByRole("button", { name: "Remove" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Remove" }).click();
  await page.getByRole("heading", { name: "No cameras yet" }).waitFor();
  check((await fetch(`${url}/api/v1/gates/lane`)).status === 404, "it is removed");
}

async function many(browser) {
  // Once for everything that a browser does the first time only.
  const warm = await open(browser);
  await warm.goto(`${url}/`);
  await warm.locator(".card[data-name]").first().waitFor();
  await warm.context().close();
  const page = await open(browser);
  await page.addInitScript(() => {
    new MutationObserver((_, observer) => {
      if (!document.querySelector(".card[data-name]")) return;
      observer.disconnect();
      requestAnimationFrame(() => requestAnimationFrame(() => { window.firstView = performance.now(); }));
    }).observe(document, { childList: true, subtree: true });
  });
  await page.goto(`${url}/`);
  await page.waitForFunction(() => window.firstView);
  const first = await page.evaluate(() => window.firstView);
  const bytes = await page.evaluate(() => performance.getEntriesByType("navigation").concat(performance.getEntriesByType("resource").filter((entry) => !entry.name.includes("/api/"))).reduce((sum, entry) => sum + entry.transferSize, 0));
  const cards = await page.locator(".card[data-name]").count();
  check(bytes < 200000, `first view: ${(bytes / 1000).toFixed(0)} KB in all`);
  check(first < 3000, `first view of ${cards} cameras after ${first.toFixed(0)} ms (bar: 300 ms on an idle machine)`);
  await page.waitForTimeout(1500);
  await browser.startTracing(page, { categories: ["toplevel", "disabled-by-default-devtools.timeline", "devtools.timeline", "__metadata"] });
  for (const y of [0, 400, 900, 1600, 700, 0]) { await page.mouse.wheel(0, y - 400); await page.waitForTimeout(1000); }
  const { traceEvents } = JSON.parse((await browser.stopTracing()).toString());
  const main = new Set(traceEvents.filter((e) => e.name === "thread_name" && e.args.name === "CrRendererMain").map((e) => `${e.pid}/${e.tid}`));
  const tasks = traceEvents.filter((e) => /RunTask/.test(e.name) && main.has(`${e.pid}/${e.tid}`) && e.dur);
  // Time on the processor: what others do to the machine meanwhile is not the page's.
  const busy = Math.max(0, ...tasks.map((e) => e.tdur ?? e.dur)) / 1000;
  const wall = Math.max(0, ...tasks.map((e) => e.dur)) / 1000;
  const share = tasks.reduce((sum, e) => sum + (e.tdur ?? e.dur), 0) / 1000 / 6000;
  check(tasks.length > 50 && busy < 50, `longest of ${tasks.length} tasks: ${busy.toFixed(1)} ms of processor (${wall.toFixed(1)} ms by the clock); ${(100 * share).toFixed(0)} % busy`);
  await page.waitForFunction(() => document.querySelectorAll(".card .shot img").length > 8);
  await clean(page, `${cards} cameras`);
  await shoot(page, "many");
}

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] });
try {
  await { day, many }[what](browser);
} catch (error) {
  check(false, error.message);
  for (const context of browser.contexts()) for (const page of context.pages()) await shoot(page, "where-it-failed", true).catch(() => {});
}
await browser.close();
console.log(wrong.length ? `${wrong.length} wrong` : "all is well");
process.exit(wrong.length ? 1 : 0);

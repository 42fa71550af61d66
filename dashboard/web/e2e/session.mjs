// node e2e/session.mjs URL PID: a person at the dashboard of a running session, in a real browser. PID is the API's process.
// Prints a line for each thing that holds; exits with 1 at the first that does not.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { launch } from "./browser.mjs";

const [url, pid] = [process.argv[2], Number(process.argv[3])];
const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const PATIENCE = { timeout: 60_000 };
const browser = await launch();
const page = await (await browser.newContext({ viewport: { width: 1440, height: 1000 }, colorScheme: "dark" })).newPage();
page.setDefaultTimeout(PATIENCE.timeout);
const complaints = [];
page.on("pageerror", (error) => complaints.push(String(error)));
page.on("console", (message) => message.type() === "error" && !/40[04]|Failed to load resource|ERR_/.test(message.text()) && complaints.push(message.text()));

const panel = (name) => page.getByRole("region", { name, exact: true });
const state = (name, wanted) => page.locator(`section[data-state="${wanted}"]`).filter({ has: page.getByRole("heading", { name, exact: true }) }).waitFor(PATIENCE);
const dialog = page.getByRole("dialog");
const said = (line) => console.log(`ok - ${line}`);

async function noSeriousFault(where) {
  await page.evaluate(AXE);
  const found = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
  const serious = found.violations.filter((each) => ["serious", "critical"].includes(each.impact));
  assert.deepEqual(serious.map((each) => `${each.id}: ${each.nodes.slice(0, 3).map((node) => node.target.join(" ")).join(", ")}`), [], where);
  said(`axe finds no serious fault: ${where}`);
}

try {
  await page.addInitScript(() => {
    globalThis.shifted = [];
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) if (!entry.hadRecentInput) globalThis.shifted.push([entry.value, ...entry.sources.map((source) => source.node?.className ?? "")]);
    }).observe({ type: "layout-shift", buffered: true });
  });
  await page.goto(url);
  for (const name of ["Alerts", "Volume", "Spread", "Whales", "System health", "Gaps"]) await state(name, "ready");
  await panel("Volume").locator(".recharts-bar rect").first().waitFor();
  const paint = await page.evaluate(() => performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? 0);
  const sent = await page.evaluate(() => performance.getEntriesByType("resource").filter((each) => each.name.includes("/assets/")).reduce((sum, each) => sum + each.encodedBodySize, 0));
  assert.ok(sent > 0 && sent < 250_000, `the first load is ${sent} bytes`);
  said(`every panel is there; first paint after ${Math.round(paint)} ms, ${Math.round(sent / 1000)} kB compressed`);
  const shifted = await page.evaluate(() => globalThis.shifted.filter(([value]) => value > 0.01));
  assert.deepEqual(shifted, []);
  said("nothing moved while answers came");

  await page.getByText("For educational and analytical purposes only. Not financial advice.").waitFor();
  await page.getByText("simulated", { exact: true }).waitFor();
  said("it says that the market is simulated, and that this is no advice");
  assert.ok((await panel("Alerts").getByRole("listitem").count()) > 0);
  assert.ok((await panel("Volume").locator(".recharts-bar rect").count()) > 10);
  assert.ok((await panel("Spread").locator("path.recharts-line-curve").count()) >= 1);
  said("alerts are listed and charts are drawn");
  await noSeriousFault("dark");
  await page.getByRole("button", { name: "Switch to the light theme" }).click();
  await noSeriousFault("light");

  await page.getByLabel("Type of alert").selectOption("whale");
  await page.waitForFunction(() => [...document.querySelectorAll("ol li")].every((line) => line.textContent.includes("whale")));
  await page.getByRole("button", { name: /^ETH-USDT/ }).click();
  assert.equal(new URL(page.url()).search, "?symbol=ETH-USDT&type=whale");
  await page.reload();
  await state("Alerts", "ready");
  assert.equal(await page.getByLabel("Type of alert").inputValue(), "whale");
  await page.getByRole("button", { name: /^ETH-USDT/, pressed: true }).waitFor(); // once the session has told its symbols
  said("filters and symbol are in the URL, and a link shows the same");
  await page.goBack();
  assert.equal(new URL(page.url()).search, "?type=whale");
  said("the browser's back button takes the last choice back");

  let clicks = 1; // on the URL in the terminal
  const click = async (what) => (await what.click(), (clicks += 1));
  await page.goto(url);
  await click(panel("Whales").getByRole("link").first());
  await dialog.getByText("Why this alert fired").waitFor();
  await dialog.getByText("Trades behind it").waitFor();
  await click(dialog.locator("summary").first());
  await dialog.getByText(/shardId-\d+ · \d+ · line \d+/).first().waitFor();
  assert.ok(clicks <= 3, `${clicks} clicks`);
  said("three clicks from the terminal's URL to why this whale alert fired, with a trade's lineage");
  await noSeriousFault("evidence");
  const link = page.url();
  await dialog.getByRole("link", { name: /at that moment/ }).click();
  await page.getByRole("button", { name: /back to now/ }).waitFor();
  await panel("Volume").locator(".recharts-reference-line").first().waitFor({ state: "attached" });
  said("the alert leads to the chart at its moment");
  await page.goto(link);
  await dialog.getByText("Trades behind it").waitFor();
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "hidden" });
  const first = panel("Alerts").getByRole("link").first();
  await first.focus();
  await page.keyboard.press("Enter");
  await dialog.getByText("Why this alert fired").waitFor();
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "hidden" });
  said("alerts open and close by keyboard, and by their link");

  await page.goto(url);
  await state("Alerts", "ready");
  process.kill(pid, "SIGSTOP");
  try {
    await state("Alerts", "stale");
    await panel("Alerts").getByText(/Stale since \d\d:\d\d:\d\d UTC/).waitFor();
    await page.getByRole("status").getByText("Offline").or(page.getByText("Offline")).first().waitFor();
    assert.ok((await panel("Alerts").getByRole("listitem").count()) > 0);
    said("API stopped: the page keeps what it had and says since when");
  } finally {
    process.kill(pid, "SIGCONT");
  }
  await state("Alerts", "ready");
  await state("System health", "ready");
  said("API back: the page recovers by itself");
  assert.deepEqual(complaints, []);
  said("no errors in the console");
} catch (error) {
  console.error(error);
  await page.screenshot({ path: process.env.SCREENSHOT ?? "e2e-failure.png" }).catch(() => {});
  process.exitCode = 1;
} finally {
  await browser.close();
}

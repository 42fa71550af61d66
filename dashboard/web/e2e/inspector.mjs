// node e2e/inspector.mjs URL [FOLDER]: a person at the inspector of a session with alerts, in a real browser; pictures of each page go to FOLDER.
// Prints a line for each thing that holds; exits with 1 at the first that does not.
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { launch } from "./browser.mjs";

const [url, folder = ""] = process.argv.slice(2);
const PAGES = { "": "Overview", alert: "Alerts", market: "Market", quality: "Quality and dead letters", gaps: "Gaps", scorecard: "Scorecard", wallets: "Wallets", sql: "SQL over the lake", session: "Session control" };
const DISCLAIMER = "For educational and analytical purposes only. Not financial advice.";
const browser = await launch();
const page = await (await browser.newContext({ viewport: { width: 1360, height: 900 }, reducedMotion: "reduce" })).newPage();
page.setDefaultTimeout(120_000);
const complaints = [];
page.on("pageerror", (error) => complaints.push(String(error)));
const said = (line) => console.log(`ok - ${line}`);

/** Everything that the page asked for has come, and nothing failed. */
async function drawn(where) {
  await page.getByText(DISCLAIMER).waitFor();
  await page.waitForFunction(() => !document.querySelector('[data-testid="stStatusWidget"], [data-testid="stSkeleton"], [data-testid="stSpinner"]'));
  await page.waitForFunction(() => [...document.querySelectorAll('[data-testid="stVegaLiteChart"]')].every((chart) => chart.querySelector("canvas, svg")));
  assert.equal(await page.locator('[data-testid="stException"]').count(), 0, `${where}: an exception`);
  assert.equal(await page.locator('[data-testid="stAlertContentError"]').count(), 0, `${where}: trouble`);
  await page.getByText("Simulated market").first().waitFor();
}

async function picture(name) {
  if (!folder) return;
  mkdirSync(folder, { recursive: true });
  await page.mouse.move(1300, 20);
  // Streamlit scrolls inside the page: a window as high as its content shows all of it.
  const height = await page.evaluate(() => document.querySelector('[data-testid="stMainBlockContainer"]').scrollHeight);
  await page.setViewportSize({ width: 1360, height: Math.min(Math.max(900, height), 2200) });
  await page.waitForTimeout(700);
  await page.waitForFunction(() => !document.querySelector('[data-testid="stStatusWidget"], [data-stale="true"]'));
  await page.screenshot({ path: `${folder}/inspector-${name}.png` });
  await page.setViewportSize({ width: 1360, height: 900 });
}

try {
  for (const [path, title] of Object.entries(PAGES)) {
    await page.goto(`${url}/${path}`);
    await page.getByRole("heading", { name: title, exact: true }).waitFor();
    await drawn(title);
    await picture(path || "overview");
    said(`${title} draws, with the disclaimer and the kind of market`);
  }

  await page.goto(url);
  await page.getByRole("link", { name: "Every alert, and why it fired" }).click();
  await page.getByText("Choose a row to see why it fired").waitFor();
  await drawn("the list of alerts");
  const grid = page.locator('[data-testid="stDataFrameResizable"]').first();
  await grid.click({ position: { x: 18, y: 52 } }); // the first row's box
  await page.waitForURL(/alert_id=/);
  await page.getByText("The trades behind it").waitFor();
  await page.getByText("3. Who put it there").waitFor();
  await drawn("an alert");
  said("from the overview to why the newest alert fired: two clicks");

  const rules = { whale: "whale", volume: "volume_spike", spread: "spread" };
  for (const [name, type] of Object.entries(rules)) {
    await page.goto(`${url}/alert?type=${type}&span=24+hours`);
    await page.getByText("Choose a row to see why it fired").waitFor();
    await drawn(`alerts of type ${type}`);
    await page.locator('[data-testid="stDataFrameResizable"]').first().click({ position: { x: 18, y: 52 } });
    await page.waitForURL(/alert_id=/);
    await page.getByText("Every field, exact").waitFor();
    await drawn(`a ${name}`);
    await page.getByText(/Bar by bar|Window by window/).waitFor();
    await picture(`alert-${name}`);
    said(`a ${name} alert is explained`);
  }

  const link = page.url();
  await page.goto(`${url}/session`);
  await drawn("session");
  await page.goto(link);
  await page.getByText("Window by window").waitFor();
  said("the URL of an alert shows another person the same");

  await page.getByRole("link", { name: "The market around it" }).click();
  await page.waitForURL(/market.*symbol=/);
  await page.getByRole("button", { name: /back to now/ }).waitFor();
  await drawn("the market around an alert");
  said("an alert leads to the market at its moment");

  await page.goto(`${url}/sql`);
  await drawn("SQL");
  await page.getByRole("button", { name: "Trades by symbol" }).click();
  await page.waitForURL(/sql=/);
  await page.getByText(/^8 rows|^7 rows|rows · /).first().waitFor();
  await page.getByRole("textbox").first().fill("drop view raw_trades");
  await page.getByRole("button", { name: "Ask" }).click();
  await page.getByText(/the lake is read only here/).waitFor();
  said("SQL answers, and refuses what would change anything");
  assert.deepEqual(complaints, []);
  said("the browser had nothing to complain of");
} catch (error) {
  if (process.env.SCREENSHOT) await page.screenshot({ path: process.env.SCREENSHOT });
  console.error(`at ${page.url()}: ${error.stack}`);
  process.exitCode = 1;
} finally {
  await browser.close();
}

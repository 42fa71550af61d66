// node e2e/replay.mjs URL: a person at the dashboard of a recorded market that has not ended. Prints a line for each thing that holds.
import assert from "node:assert/strict";
import { launch } from "./browser.mjs";

const url = process.argv[2];
const browser = await launch();
const page = await (await browser.newContext({ viewport: { width: 1440, height: 1000 } })).newPage();
page.setDefaultTimeout(60_000);
const complaints = [];
page.on("pageerror", (error) => complaints.push(String(error)));
const panel = (name) => page.getByRole("region", { name, exact: true });
const said = (line) => console.log(`ok - ${line}`);

try {
  await page.goto(url);
  await page.getByRole("status").getByText("Replay", { exact: true }).waitFor();
  await page.getByText("recorded", { exact: true }).waitFor();
  assert.equal(await page.getByText("simulated", { exact: true }).count(), 0);
  said("the badge says replay, and that the market is recorded");
  await page.getByText(/Stream 08 Aug 2024 \d\d:\d\d:\d\d UTC/).waitFor();
  said("the clock is the recording's");
  await panel("Whales").getByRole("link").first().click();
  const dialog = page.getByRole("dialog");
  await dialog.getByText("Why this alert fired").waitFor();
  await dialog.getByText(/ask the lake|not in the lake|the lake does not answer/i).waitFor();
  said("a whale of the recording opens, and says where its trades are while the lake has none");
  await page.keyboard.press("Escape");
  await page.locator('section[data-state="ready"], section[data-state="empty"]').filter({ has: page.getByRole("heading", { name: "Gaps", exact: true }) }).waitFor();
  await page.getByText("For educational and analytical purposes only. Not financial advice.").waitFor();
  assert.deepEqual(complaints, []);
  said("every panel has its answer, and the page no error");
} catch (error) {
  console.error(error);
  await page.screenshot({ path: process.env.SCREENSHOT ?? "e2e-failure.png" }).catch(() => {});
  process.exitCode = 1;
} finally {
  await browser.close();
}

// node e2e/screenshots.mjs URL FOLDER [PICTURE]: every state of the page at three widths, or one (wide-ready); scripts/screenshots.py calls it.
// URL is a session's. What the session can't be made to show (trouble, and what only trouble leaves behind) comes from answers of this file.
import { mkdirSync, writeFileSync } from "node:fs";
import { launch } from "./browser.mjs";

const [url = "http://127.0.0.1:8765", folder = "screenshots", only = ""] = process.argv.slice(2);
const WIDTHS = { phone: [390, 844], tablet: [820, 1180], wide: [1600, 1000] };
const API = /\/(alerts|whales|symbols|bars|spreads|gaps|session|health|quality)(\/|\?|$)/;

const EMPTY = {
  alerts: { alerts: [], count: 0, has_more: false, next: null },
  whales: { whales: [], count: 0, has_more: false, next: null },
  bars: { symbol: "BTC-USDT", since: "2026-01-15T12:30:00Z", until: "2026-01-15T13:30:00Z", window_s: 60, bars: [] },
  spreads: { symbol: "BTC-USDT", since: "2026-01-15T12:30:00Z", until: "2026-01-15T13:30:00Z", window_s: 30, spreads: [] },
};
EMPTY.gaps = { symbol: "BTC-USDT", spaces: [] };
const START = new Date("2026-01-15T13:00:00Z").getTime();
const QUALITY = {
  as_of: "2026-01-15T13:00:00Z", target: 99, alarm_below: 95,
  current: { start: "2026-01-15T12:55:00Z", processed: 41210, passed: 41166, failed: 44, late: 3, inconsistent: 0, duplicates: 12, score: 99.89322979, failure_rate: 0.1067 },
  total: null,
  series: Array.from({ length: 60 }, (_, n) => ({ start: new Date(START - (60 - n) * 600_000).toISOString(), processed: 9000, passed: 8950 - (n % 7) * 40, failed: 20 + (n % 9) * 12, late: 0, inconsistent: 0, duplicates: 0, score: 99.4, failure_rate: 0.5 })),
  rules: [
    { rule: "price_positive", dimension: "validity", action: "dead letter", category: "invalid", holds_when: "price > 0", records: 31 },
    { rule: "symbol_known", dimension: "validity", action: "dead letter", category: "invalid", holds_when: "the symbol is the session's", records: 9 },
    { rule: "json", dimension: "schema", action: "dead letter", category: "malformed", holds_when: "the frame is JSON", records: 4 },
  ],
  samples: Array.from({ length: 4 }, (_, n) => ({ id: `${n}`, category: "invalid", rules: ["price_positive"], reasons: ["price must be above 0, not -1"], symbol: "BTC-USDT", exchange: "binance", arrived_at: "2026-01-15T12:59:31Z", size: 180, raw: '{"stream":"btcusdt@aggTrade","data":{"p":"-1.00000000","q":"0.1"}}' })),
};

const GAP = (state, minute, minutes, first, ids, trades = 0) => (end) => ({
  state, first_id: first, last_id: first + ids - 1, trades, started_at: new Date(end - minute * 60_000).toISOString(), ended_at: new Date(end - (minute - minutes) * 60_000).toISOString(),
});
const SPANS = [GAP("backfilled", 41, 1.2, 4017100101, 195), GAP("natural", 30, 0, 4017101890, 3), GAP("halted", 22, 4, 4017103002, 2), GAP("lost", 9, 0, 4017110001, 10, 4)];

/** The gaps of a market that had all of them, up to the session's clock. */
async function withGaps(page) {
  const clock = Date.parse((await (await fetch(`${url}/session`)).json()).clock);
  const space = (exchange, native_symbol, kind, spans, ids) => ({ exchange, market: "spot", native_symbol, kind, first_id: 4017084500, last_id: 4017131907, newest_at: new Date(clock - 4_000).toISOString(), ids, spans: spans.map((each) => each(clock)) });
  const spaces = [
    space("binance", "BTCUSDT", "aggTrade", SPANS, { received: 47203, backfilled: 195, natural: 3, lost: 6 }),
    space("coinbase", "BTC-USD", "match", [GAP("backfilled", 17, 0.4, 812400311, 12)], { received: 18244, backfilled: 12 }),
  ];
  await page.route(/\/gaps/, (route) => route.fulfill({ json: { symbol: "BTC-USDT", spaces } }));
}

const PART = { quality: "Data quality", gaps: "Gaps" }; // the panel that a picture is of
const STATES = {
  ready: async () => {},
  light: async () => {},
  evidence: async () => {},
  quality: async (page) => page.route(/\/quality/, (route) => route.fulfill({ json: QUALITY })),
  gaps: withGaps,
  loading: async (page) => page.route(API, () => {}),
  error: async (page) => page.route(API, (route) => route.fulfill({ status: 503, json: { title: "The store does not answer", detail: "ask again in 5 s" } })),
  empty: async (page) =>
    page.route(/\/(alerts|whales|bars|spreads|gaps)(\/|\?|$)/, (route) => route.fulfill({ json: EMPTY[new URL(route.request().url()).pathname.split("/")[1]] })),
  stale: async () => {},
  paused: async () => {},
};

/** What is in view, or one panel, as WebP; words stay sharp and all pictures together stay below 2 MB. */
async function picture(page, path, part) {
  const whole = { x: 0, y: 0, ...page.viewportSize() };
  const panel = part && page.getByRole("region", { name: part, exact: true });
  await panel?.scrollIntoViewIfNeeded();
  const scrolled = await page.evaluate(() => ({ x: scrollX, y: scrollY }));
  const box = (await panel?.boundingBox()) ?? whole;
  const clip = { ...box, x: box.x + scrolled.x, y: box.y + scrolled.y, scale: 1 };
  const chromium = await page.context().newCDPSession(page);
  const { data } = await chromium.send("Page.captureScreenshot", { format: "webp", quality: 55, clip, captureBeyondViewport: Boolean(part) });
  writeFileSync(path, Buffer.from(data, "base64"));
  console.log(path);
}

const browser = await launch();
mkdirSync(folder, { recursive: true });
for (const [width, [w, h]] of Object.entries(WIDTHS)) {
  for (const [state, prepare] of Object.entries(STATES)) {
    if (only && only !== `${width}-${state}`) continue;
    const context = await browser.newContext({ viewport: { width: w, height: h }, colorScheme: state === "light" ? "light" : "dark", reducedMotion: "reduce" });
    const page = await context.newPage();
    const isApi = (address) => API.test(address.pathname);
    await prepare(page);
    await page.goto(url);
    if (state === "loading") await page.waitForSelector('[data-state="loading"]');
    else await page.waitForFunction(() => !document.querySelector('[data-state="loading"]'));
    if (!["loading", "error", "empty"].includes(state)) await page.locator("svg.recharts-surface").nth(2).waitFor();
    if (state === "evidence") {
      await page.getByRole("region", { name: "Whales" }).getByRole("link").first().click();
      await page.getByText("Trades behind it").waitFor();
      await page.locator("dialog summary").first().click();
      await page.locator("dialog svg.recharts-surface").waitFor();
    }
    if (state === "stale") {
      await page.route(isApi, (route) => route.abort());
      await page.getByRole("button", { name: "Pause" }).click();
      await page.getByRole("button", { name: "Go on" }).click();
      await page.locator('[data-state="stale"]').first().waitFor({ timeout: 20_000 });
      await page.waitForFunction(() => document.querySelectorAll('[data-state="stale"]').length > 5, null, { timeout: 20_000 });
    }
    if (state === "quality") await page.getByRole("region", { name: "Data quality" }).locator("svg.recharts-surface").waitFor();
    if (state === "gaps") await page.getByRole("region", { name: "Gaps", exact: true }).locator("[data-gap]").first().waitFor();
    if (state === "paused") await page.getByRole("button", { name: "Pause" }).click();
    if (state === "ready" && width !== "wide") await page.setViewportSize({ width: w, height: await page.evaluate(() => document.documentElement.scrollHeight) });
    await picture(page, `${folder}/${width}-${state}.webp`, PART[state]);
    await context.close();
  }
}
await browser.close();

// node e2e/screenshots.mjs URL FOLDER [PICTURE]: every state of the page at three widths, to be looked at, or one (wide-ready).
// URL is a running session's. The README's picture is wide-ready.
import { mkdirSync } from "node:fs";
import { launch } from "./browser.mjs";

const [url = "http://127.0.0.1:8765", folder = "screenshots", only = ""] = process.argv.slice(2);
const WIDTHS = { phone: [390, 844], tablet: [820, 1180], wide: [1600, 1000] };
const API = /\/(alerts|whales|symbols|bars|spreads|session|health|quality)(\/|\?|$)/;

const EMPTY = {
  alerts: { alerts: [], count: 0, has_more: false, next: null },
  whales: { whales: [], count: 0, has_more: false, next: null },
  bars: { symbol: "BTC-USDT", since: "2026-01-15T12:30:00Z", until: "2026-01-15T13:30:00Z", window_s: 60, bars: [] },
  spreads: { symbol: "BTC-USDT", since: "2026-01-15T12:30:00Z", until: "2026-01-15T13:30:00Z", window_s: 30, spreads: [] },
};
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

const STATES = {
  ready: async () => {},
  light: async () => {},
  evidence: async () => {},
  quality: async (page) => page.route(/\/quality/, (route) => route.fulfill({ json: QUALITY })),
  loading: async (page) => page.route(API, () => {}),
  error: async (page) => page.route(API, (route) => route.fulfill({ status: 503, json: { title: "The store does not answer", detail: "ask again in 5 s" } })),
  empty: async (page) =>
    page.route(/\/(alerts|whales|bars|spreads)(\/|\?|$)/, (route) => route.fulfill({ json: EMPTY[new URL(route.request().url()).pathname.split("/")[1]] })),
  stale: async () => {},
  paused: async () => {},
};

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
    if (state === "paused") await page.getByRole("button", { name: "Pause" }).click();
    await page.screenshot({ path: `${folder}/${width}-${state}.png`, fullPage: state !== "evidence" && (width !== "wide" || state === "quality") });
    await context.close();
  }
}
await browser.close();

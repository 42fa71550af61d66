// Every panel in each of its states.
import { screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import type { ReactNode } from "react";
import { describe, expect, it } from "vitest";
import { AlertFeed } from "@/features/alerts/components/AlertFeed";
import { GapPanel } from "@/features/gaps/components/GapPanel";
import { HealthPanel } from "@/features/health/components/HealthPanel";
import { QualityPanel } from "@/features/quality/components/QualityPanel";
import { SymbolStrip } from "@/features/session/components/SymbolStrip";
import { SpreadPanel } from "@/features/spread/components/SpreadPanel";
import { VolumePanel } from "@/features/volume/components/VolumePanel";
import { WhaleLog } from "@/features/whales/components/WhaleLog";
import type { ChartProps } from "@/shared/charts";
import { ANSWERS, example, fakeApi, QUALITY, show, type Json } from "./api";

const CHART: ChartProps = {
  symbol: "BTC-USDT",
  span: { since: "2026-01-15T12:00:00Z", until: "2026-01-15T13:00:00Z" },
  session: ANSWERS["/session"],
  alerts: example("/alerts").alerts,
  at: null,
  onOpen: () => {},
  height: "h-40",
  blocked: null,
};

interface Case {
  name: string;
  page: ReactNode;
  path: string;
  ready: string | RegExp;
  none: Json;
  empty: string | RegExp;
}

const CASES: Case[] = [
  { name: "Symbols", page: <SymbolStrip chosen="BTC-USDT" onChoose={() => {}} />, path: "/symbols", ready: "67,432.50", none: { symbols: [], count: 0 }, empty: /has no symbols/ },
  { name: "Alerts", page: <AlertFeed symbol="BTC-USDT" height="h-40" />, path: "/alerts", ready: /volume 3.3x above/, none: { alerts: [], count: 0, has_more: false, next: null }, empty: /No alerts in the last 24 hours/ },
  { name: "Volume", page: <VolumePanel {...CHART} />, path: "/bars/BTC-USDT", ready: "Binance", none: { ...example("/bars/{symbol}"), bars: [] }, empty: /No closed bars/ },
  { name: "Spread", page: <SpreadPanel {...CHART} />, path: "/spreads/BTC-USDT", ready: "as quoted", none: { ...example("/spreads/{symbol}"), spreads: [] }, empty: /both exchanges traded/ },
  { name: "Whales", page: <WhaleLog symbol="BTC-USDT" height="h-40" />, path: "/whales", ready: "$550K", none: { whales: [], count: 0, has_more: false, next: null }, empty: /No whales/ },
  { name: "System health", page: <HealthPanel height="h-40" />, path: "/health", ready: "183,204", none: { ...example("/health"), pipeline: "unknown", services: {}, queries: {}, stream_clock: null }, empty: /No process of this session/ },
  { name: "Gaps", page: <GapPanel {...CHART} />, path: "/gaps/BTC-USDT", ready: /4017100101 – 4017100295/, none: { symbol: "BTC-USDT", spaces: [] }, empty: /No trade of BTC-USDT has been seen/ },
  { name: "Data quality", page: <QualityPanel height="h-40" />, path: "/quality", ready: "98.00%", none: { ...QUALITY, series: [] }, empty: /No records have been judged/ },
];

describe.each(CASES)("$name", ({ name, page, path, ready, none, empty }) => {
  const panel = (): HTMLElement => screen.getByRole("region", { name });

  it("is loading until the answer comes", () => {
    fakeApi().silent = true;
    show(page);
    expect(panel().dataset["state"]).toBe("loading");
    expect(panel().getAttribute("aria-busy")).toBe("true");
  });

  it("shows what the API tells", async () => {
    fakeApi();
    show(page);
    await waitFor(() => expect(panel().dataset["state"]).toBe("ready"));
    expect((await within(panel()).findAllByText(ready)).length).toBeGreaterThan(0);
  });

  it("says that there is nothing", async () => {
    fakeApi({ [path]: none });
    show(page);
    expect(await screen.findByText(empty)).toBeTruthy();
    expect(panel().dataset["state"]).toBe("empty");
  });

  it("says what went wrong, and tries again when told to", async () => {
    const api = fakeApi();
    api.down = true;
    show(page);
    await waitFor(() => expect(panel().dataset["state"]).toBe("error"));
    expect(screen.getByRole("alert").textContent).toContain("does not answer");
    api.down = false;
    await userEvent.click(screen.getByRole("button", { name: "Try again" }));
    await waitFor(() => expect(panel().dataset["state"]).toBe("ready"));
  });

  it("keeps what it has and says since when, when the API falls silent, and recovers", async () => {
    const api = fakeApi();
    show(page, 0.1);
    await waitFor(() => expect(panel().dataset["state"]).toBe("ready"));
    api.down = true;
    await waitFor(() => expect(panel().dataset["state"]).toBe("stale"));
    expect(within(panel()).getByText(/Stale since \d\d:\d\d:\d\d UTC/)).toBeTruthy();
    expect((await within(panel()).findAllByText(ready)).length).toBeGreaterThan(0);
    api.down = false;
    await waitFor(() => expect(panel().dataset["state"]).toBe("ready"));
  });
});

it("says that data quality is absent where the API has none", async () => {
  fakeApi({ "/quality": undefined });
  show(<QualityPanel height="h-40" />);
  expect(await screen.findByText(/Absent/)).toBeTruthy();
});

it("says that no alert matches, when filters are set", async () => {
  history.replaceState(null, "", "/?severity=critical");
  const api = fakeApi({ "/alerts": { alerts: [], count: 0, has_more: false, next: null } });
  show(<AlertFeed symbol="BTC-USDT" height="h-40" />);
  expect(await screen.findByText(/matches these filters/)).toBeTruthy();
  expect(api.asked).toEqual(["/alerts?severity=critical&limit=50"]);
});

it("opens older alerts with the cursor, and reads all pages at the next poll", async () => {
  const [first] = example("/alerts").alerts;
  const older = { ...first, alert_id: first.alert_id.replace(/^0/, "1"), message: "an older one" };
  const api = fakeApi({
    "/alerts": (query: URLSearchParams) =>
      query.get("cursor") ? { alerts: [older], count: 1, has_more: false, next: null } : { alerts: [first], count: 1, has_more: true, next: "7.x" },
  });
  show(<AlertFeed symbol="BTC-USDT" height="h-40" />, 0.3);
  await userEvent.click(await screen.findByRole("button", { name: "Older alerts" }));
  expect(await screen.findByText("an older one")).toBeTruthy();
  expect(screen.queryByRole("button", { name: "Older alerts" })).toBeNull();
  await waitFor(() => expect(api.asked.filter((each) => each.includes("cursor=7.x")).length).toBeGreaterThan(1));
});

it("tells a quiet market from a pipeline that stands", async () => {
  const api = fakeApi({ "/health": { ...ANSWERS["/health"], quiet: ["coinbase"] } });
  show(<HealthPanel height="h-40" />, 0.1);
  expect(await screen.findByText(/no trades on Coinbase/)).toBeTruthy();
  api.answers["/health"] = { ...ANSWERS["/health"], status: "degraded", pipeline: "stalled", reasons: ["detect has finished no batch for 20 s"], quiet: ["coinbase"] };
  expect(await screen.findByText("Stalled")).toBeTruthy();
  expect(screen.getByText("detect has finished no batch for 20 s")).toBeTruthy();
  expect(screen.queryByText(/Quiet market/)).toBeNull();
});

it.each(["shardId-000000000011", "partition-000011"])("numbers the shard %s in the lags, whichever stream it is of", async (shard) => {
  fakeApi({ "/health": { ...ANSWERS["/health"], shards: { [shard]: { detect: 0, lake: 4.112 } } } });
  show(<HealthPanel height="h-40" />);
  const rows = within(await screen.findByRole("table", { name: "Stream lag" })).getAllByRole("row").slice(1);
  expect(rows.map((row) => [...row.children].map((cell) => cell.textContent))).toEqual([["11", "detect", "none"], ["11", "lake", "4.1 s"]]);
});

it("draws each market's gaps on the charts' time, and lists every id for those who can't see that", async () => {
  const [space] = example("/gaps/{symbol}").spaces;
  const [filled] = space.spans;
  const spans = ["backfilled", "natural", "halted", "lost"].map((state, n) => ({ ...filled, state, first_id: 100 * n, last_id: 100 * n + 9, started_at: `2026-01-15T12:0${n}:00Z`, ended_at: `2026-01-15T12:0${n}:30Z` }));
  const before = { ...filled, state: "lost", first_id: 7, last_id: 7, started_at: "2026-01-15T10:00:00Z", ended_at: "2026-01-15T10:00:00Z" };
  fakeApi({ "/gaps/BTC-USDT": { symbol: "BTC-USDT", spaces: [{ ...space, ids: { received: 1000, lost: 11 }, spans: [before, ...spans] }] } });
  show(<GapPanel {...CHART} />);
  const lane = await screen.findByRole("img", { name: "binance, 12:00 to 13:00 UTC: back-filled, natural hole, halted, lost" });
  expect([...lane.querySelectorAll<HTMLElement>("[data-gap]")].map((mark) => mark.dataset["gap"])).toEqual(["backfilled", "natural", "halted", "lost"]);
  const rows = within(screen.getByRole("table")).getAllByRole("row").slice(1);
  expect(rows.map((row) => row.textContent)).toHaveLength(5);
  expect(rows[0]?.textContent).toContain("lost");
  expect(rows[1]?.textContent).toContain("halted");
  expect(rows[4]?.textContent).toContain("7 – 7");
  expect(screen.getByText("1,000 received")).toBeTruthy();
});

it("says so where every id was simply received", async () => {
  const [space] = example("/gaps/{symbol}").spaces;
  fakeApi({ "/gaps/BTC-USDT": { symbol: "BTC-USDT", spaces: [{ ...space, ids: { received: 5 }, spans: [] }] } });
  show(<GapPanel {...CHART} />);
  expect(await screen.findByText("Every id was simply received.")).toBeTruthy();
  expect(screen.getByRole("img", { name: /nothing but received trades/ })).toBeTruthy();
});

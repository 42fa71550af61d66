// Pure parts: reading answers, the URL, formats, rows of the charts, and who imports whom.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { facts } from "@/features/alerts/facts";
import { spreadRows } from "@/features/spread/rows";
import { volumeRows } from "@/features/volume/rows";
import { exact, get, parse, Problem } from "@/shared/api/client";
import { ticks } from "@/shared/components/marks";
import { money, NONE, percent, price, seconds } from "@/shared/format";
import { readView, windowOf, writeView } from "@/shared/url";
import { example, fakeApi } from "./api";

describe("answers", () => {
  it("remember digits that a number can't hold, where the engine hands them over", () => {
    const row = parse<{ a: { price: number | null } }>('{"a":{"price":12345678901234567890.123456789012345678}}').a;
    let handsOver = false;
    JSON.parse("1.0", ((_: string, value: unknown, context?: { source?: string }) => ((handsOver ||= context?.source === "1.0"), value)) as never);
    expect(exact(row, "price")).toBe(handsOver ? "12345678901234567890.123456789012345678" : "12345678901234567000");
    expect(exact({ price: 2.5 }, "price")).toBe("2.5");
    expect(exact({ price: null }, "price")).toBe("");
  });

  it.each([
    [new Response(JSON.stringify({ title: "Too many", detail: "wait" }), { status: 429, headers: { "Retry-After": "3" } }), 429, "Too many: wait", 3],
    [new Response("<html>", { status: 502 }), 502, "The API answered 502.", null],
  ])("that are refusals say why", async (response, status, message, wait) => {
    fakeApi({ "/session": response });
    const error = await get("/session").catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(Problem);
    expect(error).toMatchObject({ status, message, retryAfterS: wait });
  });
});

describe("the URL", () => {
  it("keeps a view and leaves out what goes without saying", () => {
    const view = readView("?symbol=ETH-USDT&range=6h&severity=high&at=2026-01-15T12:30:00Z");
    expect(readView(writeView(view))).toEqual(view);
    expect(writeView(readView(""))).toBe("");
  });

  it("does not believe everything", () => {
    expect(writeView(readView("?range=9y&type=x&severity=%3Cscript%3E&alert=1&at=then&only=all&other=1"))).toBe("");
  });

  it("names the window up to the clock, or around a moment", () => {
    expect(windowOf(readView("?range=30m"), "2026-01-15T13:00:10Z")).toEqual({ since: "2026-01-15T12:30:30.000Z", until: "2026-01-15T13:00:30.000Z" });
    expect(windowOf(readView("?at=2026-01-15T12:00:00Z"), null)).toEqual({ since: "2026-01-15T11:18:00.000Z", until: "2026-01-15T12:18:00.000Z" });
    expect(windowOf(readView(""), null)).toBeNull();
  });
});

it("formats for people", () => {
  expect([money(1234567), money(null), price(67432.5), price(0.99987), percent(-0.01853), percent(0.5, 1)]).toEqual(["$1.23M", NONE, "67,432.50", "0.9999", "−0.019%", "+0.5%"]);
  expect([0, 0.25, 4.2, 75, 600, 7200].map(seconds)).toEqual(["0 s", "250 ms", "4.2 s", "75 s", "10 min", "2.0 h"]);
  expect(ticks(Date.parse("2026-01-15T12:00:30Z"), Date.parse("2026-01-15T13:00:00Z")).map((at) => new Date(at).toISOString().slice(11, 16))).toEqual(["12:10", "12:20", "12:30", "12:40", "12:50"]);
});

it("has a row for each minute, with the band and the alert of its exchange", () => {
  const { bars } = example("/bars/{symbol}");
  const alert = example("/alerts").alerts[0];
  const from = Date.parse("2026-01-15T12:28:00Z");
  const rows = volumeRows(bars, [alert, { ...alert, exchange: "coinbase" }], "binance", from, from + 240_000, 60_000, 2.5);
  expect(rows.map((row) => [row.volume, row.alert?.severity])).toEqual([[null, undefined], [453237.18, undefined], [null, "medium"], [null, undefined]]);
  expect(rows[1]?.band).toEqual([0, 450000 + 2.5 * 328125]);
});

it("has a row for each half minute with what was measured", () => {
  const { spreads } = example("/spreads/{symbol}");
  const from = Date.parse("2026-01-15T12:30:00Z");
  const rows = spreadRows(spreads, [], from, from + 60_000, 30_000);
  expect(rows.map((row) => [row.raw, row.adjusted])).toEqual([[-0.01853362, -0.00853547], [null, null]]);
});

it.each([
  ["volume_spike", "z", ["z-score", "Robust score", "Volume of the minute", "Baseline mean", "Baseline deviation", "Baseline bars", "Trades"]],
  ["whale", "whale.split", ["Prints"]],
  ["spread", "spread.raw", []],
])("tells what a %s measured and leaves out what it did not", (type, rule, names) => {
  expect(facts({ ...example("/alerts").alerts[0], type, rule }).map((fact) => fact.name)).toEqual(names);
});

it("imports one way: app, features, shared; features do not know each other", () => {
  const files = readdirSync("src", { recursive: true, encoding: "utf8" }).filter((name) => /\.tsx?$/.test(name));
  expect(files.length).toBeGreaterThan(25);
  const wrong = files.flatMap((file) => {
    const [room, feature] = file.split("/");
    const imported = [...readFileSync(join("src", file), "utf8").matchAll(/(?:from|import\()\s*"@\/(\w+)\/(\w+)/g)];
    return imported
      .filter(([, to, which]) => (room === "shared" && to !== "shared") || (room === "features" && (to === "app" || (to === "features" && which !== feature))))
      .map(([line]) => `${file}: ${line}`);
  });
  expect(wrong).toEqual([]);
});

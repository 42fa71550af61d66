// An API for tests: the answers are the examples of the OpenAPI document, so that they change with it.
import { QueryClientProvider } from "@tanstack/react-query";
import { render, type RenderResult } from "@testing-library/react";
import { readFileSync } from "node:fs";
import type { ReactNode } from "react";
import { vi } from "vitest";
import { makeClient } from "@/app/client";
import { PollingProvider } from "@/shared/polling";

const document_ = JSON.parse(readFileSync("../../tests/api/openapi.json", "utf8"));

// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type Json = any;

/** A fresh copy of the example that the document has for a path. */
export const example = (path: string): Json => structuredClone(document_.paths[path].get.responses["200"].content["application/json"].example);

export const QUALITY = {
  as_of: "2026-01-15T12:30:00Z",
  target: 99,
  alarm_below: 95,
  current: { start: "2026-01-15T12:25:00Z", processed: 100, passed: 98, failed: 2, late: 0, inconsistent: 0, duplicates: 0, score: 98, failure_rate: 2 },
  total: null,
  series: [{ start: "2026-01-15T12:20:00Z", processed: 100, passed: 98, failed: 2, late: 0, inconsistent: 0, duplicates: 0, score: 98, failure_rate: 2 }],
  rules: [{ rule: "price_positive", dimension: "validity", action: "dead letter", category: "invalid", holds_when: "price > 0", records: 2 }],
  samples: [{ id: "a", category: "invalid", rules: ["price_positive"], reasons: ["price must be above 0"], symbol: "BTC-USDT", exchange: "binance", arrived_at: "2026-01-15T12:29:00Z", size: 3, raw: "{p}" }],
};

const HEALTH = { ...example("/health"), status: "ok", reasons: [], pipeline: "running" };

/** What each path answers, its query left out; a function is asked with the query. */
export const ANSWERS: Record<string, Json> = {
  "/session": example("/session"),
  "/symbols": example("/symbols"),
  "/alerts": { ...example("/alerts"), has_more: false, next: null },
  [`/alerts/${example("/alerts").alerts[0].alert_id}`]: example("/alerts/{alert_id}"),
  "/whales": example("/whales"),
  "/bars/BTC-USDT": example("/bars/{symbol}"),
  "/spreads/BTC-USDT": example("/spreads/{symbol}"),
  "/health": HEALTH,
  "/quality": QUALITY,
  "/gaps/BTC-USDT": example("/gaps/{symbol}"),
};

export interface FakeApi {
  asked: string[];
  answers: Record<string, Json>;
  down: boolean;
  silent: boolean;
}

/** Stands in for the network until the test ends. */
export function fakeApi(changes: Record<string, Json> = {}): FakeApi {
  const api: FakeApi = { asked: [], answers: { ...ANSWERS, ...changes }, down: false, silent: false };
  vi.stubGlobal("fetch", async (address: string) => {
    const url = new URL(address, "http://api.test");
    api.asked.push(url.pathname + url.search);
    if (api.silent) return new Promise(() => {});
    if (api.down) throw new TypeError("Failed to fetch");
    const found = api.answers[url.pathname];
    const body = typeof found === "function" ? found(url.searchParams) : found;
    if (body === undefined) return new Response(JSON.stringify({ title: "Nothing here", detail: "there is nothing at this path" }), { status: 404 });
    if (body instanceof Response) return body.clone();
    return new Response(JSON.stringify(body), { headers: { "Content-Type": "application/json" } });
  });
  return api;
}

export function show(page: ReactNode, pollS = 10): RenderResult {
  return render(
    <QueryClientProvider client={makeClient()}>
      <PollingProvider pollS={pollS}>{page}</PollingProvider>
    </QueryClientProvider>,
  );
}

// The page as a whole: its state, its filters and links, pausing and going on, an alert's evidence.
import { screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { beforeEach, expect, it } from "vitest";
import { App } from "@/app/App";
import { badge } from "@/app/Header";
import { ANSWERS, example, fakeApi, show, type FakeApi } from "./api";

const ALERT = example("/alerts").alerts[0];
let api: FakeApi;

beforeEach(() => {
  api = fakeApi();
});

it("says that the market is simulated, and what the page is not", async () => {
  show(<App />);
  expect(await screen.findByText("simulated")).toBeTruthy();
  expect(screen.getByText(/For educational and analytical purposes only\. Not financial advice\./)).toBeTruthy();
});

it.each([
  [true, true, {}, {}, "Paused"],
  [false, false, {}, {}, "Offline"],
  [false, true, { ended: true }, {}, "Ended"],
  [false, true, {}, { pipeline: "stalled", reasons: ["x"] }, "Stalled"],
  [false, true, {}, { pipeline: "dead", reasons: ["x"] }, "Stalled"],
  [false, true, { clock: null }, {}, "Starting"],
  [false, true, { market: "recorded" }, {}, "Replay"],
  [false, true, {}, {}, "Live"],
])("the badge is one word for paused=%s reachable=%s %o %o", (paused, reachable, session, health, word) => {
  expect(badge(paused, reachable, { ...ANSWERS["/session"], ...session }, { ...ANSWERS["/health"], ...health })[0]).toBe(word);
});

it("opens an alert to what was measured, against what, and its trades' lineage; and leads to the chart of that moment", async () => {
  show(<App />);
  await userEvent.click(await screen.findByRole("link", { name: /volume 3.3x above/ }));
  const dialog = await screen.findByRole("dialog");
  expect(location.search).toContain(`alert=${ALERT.alert_id}`);
  const facts = await within(dialog).findByText("z-score");
  expect(facts.parentElement?.textContent).toContain("3.20threshold ±2.5");
  expect(within(dialog).getByText("Baseline mean").parentElement?.textContent).toContain("$450K");
  expect(within(dialog).getByText(/shardId-000000000001 · 4960.*42 · line 17/, { selector: "dd" })).toBeTruthy();
  await userEvent.click(within(dialog).getByRole("link", { name: "Show BTC-USDT at that moment" }));
  expect(location.search).toBe("?symbol=BTC-USDT&at=2026-01-15T12%3A30%3A00Z");
  await waitFor(() => expect(api.asked.some((path) => path.startsWith("/bars/BTC-USDT?since=2026-01-15T11%3A48"))).toBe(true));
  await userEvent.click(screen.getByRole("button", { name: /back to now/ }));
  expect(location.search).toBe("?symbol=BTC-USDT");
});

it("shows what a link says: symbol, filters, range and alert", async () => {
  history.replaceState(null, "", `/?symbol=BTC-USDT&range=2h&type=whale&alert=${ALERT.alert_id}`);
  show(<App />);
  expect(await screen.findByText("Why this alert fired")).toBeTruthy();
  expect((await screen.findByLabelText<HTMLSelectElement>("Type of alert")).value).toBe("whale");
  await waitFor(() => expect(api.asked).toContain("/alerts?type=whale&limit=50"));
  await waitFor(() => expect(api.asked.some((path) => path.includes("since=2026-01-15T10%3A31"))).toBe(true));
});

it("says that an alert is gone, and closes", async () => {
  history.replaceState(null, "", "/?alert=00000000-0000-5000-8000-000000000000");
  show(<App />);
  expect(await within(await screen.findByRole("dialog")).findByText(/Nothing here/)).toBeTruthy();
  await userEvent.click(screen.getByRole("button", { name: "Close" }));
  expect(location.search).toBe("");
});

it("asks for nothing while paused, and for everything when it goes on", async () => {
  api.answers["/session"] = { ...ANSWERS["/session"], poll_s: 0.1 };
  show(<App />, 0.1);
  await waitFor(() => expect(api.asked.filter((path) => path === "/health").length).toBeGreaterThan(2));
  await userEvent.click(screen.getByRole("button", { name: "Pause" }));
  expect(screen.getByText("Paused")).toBeTruthy();
  const settled = (): number => api.asked.length;
  let before = -1;
  await waitFor(() => {
    const now = settled();
    const still = now === before;
    before = now;
    expect(still).toBe(true);
  }, { interval: 300 });
  await userEvent.click(screen.getByRole("button", { name: "Go on" }));
  await waitFor(() => expect(new Set(api.asked.slice(before).map((path) => path.split("?")[0])).size).toBeGreaterThan(6));
});

it("switches the theme and remembers it", async () => {
  show(<App />);
  await userEvent.click(screen.getByRole("button", { name: "Switch to the dark theme" }));
  expect(document.documentElement.dataset["theme"]).toBe("dark");
  expect(localStorage.getItem("ctc-theme")).toBe("dark");
  localStorage.clear();
});

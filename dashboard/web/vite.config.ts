import { fileURLToPath } from "node:url";
import tailwindcss from "@tailwindcss/vite";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

// `npm run dev` asks the API of a running session; the origin is in the profiles' `cors_origins`, but a proxy needs no CORS.
const api = "http://127.0.0.1:8765";
const routes = ["alerts", "whales", "symbols", "metrics", "bars", "spreads", "session", "health", "quality", "gaps"];

export default defineConfig({
  plugins: [react(), tailwindcss()],
  resolve: { alias: { "@": fileURLToPath(new URL("./src", import.meta.url)) } },
  build: { target: "es2022", chunkSizeWarningLimit: 700, modulePreload: { polyfill: false } },
  server: { host: "127.0.0.1", proxy: Object.fromEntries(routes.map((route) => [`/${route}`, api])) },
  test: { environment: "jsdom", include: ["tests/**/*.test.{ts,tsx}"], setupFiles: ["tests/setup.ts"], restoreMocks: true, testTimeout: 60_000 },
});

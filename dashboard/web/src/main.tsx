import { QueryClientProvider } from "@tanstack/react-query";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "@/app/App";
import { makeClient } from "@/app/client";
import { PollingProvider } from "@/shared/polling";
import "./index.css";

const root = document.getElementById("root");
if (root) {
  createRoot(root).render(
    <StrictMode>
      <QueryClientProvider client={makeClient()}>
        <PollingProvider>
          <App />
        </PollingProvider>
      </QueryClientProvider>
    </StrictMode>,
  );
}

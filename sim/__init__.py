"""The seeded market, the exchange simulator, the embedded emulator and the scorecard."""

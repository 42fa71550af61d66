"""The simulated exchanges: websocket and REST protocols of Binance, Coinbase Exchange and Hyperliquid (no REST) over a seeded market.

They serve on 127.0.0.1.

engine     market time, pace, who must be subscribed, what is saved for a resume
feed       a minute of one listing as frames, and merged for a connection in order of time
venue      connections of one exchange: subscriptions, pushing, flow control
binance    its frames, requests and REST pages; coinbase and hyperliquid likewise
history    the trades that REST pages are cut from
"""

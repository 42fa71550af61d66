-- Trades, buyers' share of them, and price range by minute and market
SELECT date_trunc('minute', timestamp) AS minute, exchange, symbol, count(*) AS trades,
  count(CASE WHEN side = 'buy' THEN 1 END) AS buys, min(price) AS low, max(price) AS high, sum(quote_volume) AS quote_volume
FROM ${database}.raw_trades
WHERE timestamp > ${since}
GROUP BY date_trunc('minute', timestamp), exchange, symbol
ORDER BY 1, 2, 3

-- The largest single trades and split orders above the threshold
SELECT timestamp, exchange, symbol, rule, side, price, quantity, quote_volume, trade_count
FROM ${database}.anomalies
WHERE type = 'whale' AND timestamp > ${since}
ORDER BY quote_volume DESC, timestamp, exchange, symbol, rule
LIMIT 100

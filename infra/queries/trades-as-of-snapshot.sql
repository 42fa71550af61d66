-- The newest trades of one snapshot, of its last hour; the query `snapshots` lists them (PRD 10.2)
SELECT exchange, symbol, trade_id, price, quantity, side, timestamp
FROM ${database}.raw_trades
FOR VERSION AS OF ${snapshot}
WHERE timestamp > (SELECT max(timestamp) - INTERVAL '1' HOUR FROM ${database}.raw_trades FOR VERSION AS OF ${snapshot})
ORDER BY timestamp DESC, exchange, symbol, trade_id DESC
LIMIT 100

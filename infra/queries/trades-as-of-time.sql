-- The newest trades as the table held them at a moment, of its last hour then: Iceberg's time travel (PRD 10.2)
SELECT exchange, symbol, trade_id, price, quantity, side, timestamp
FROM ${database}.raw_trades
FOR TIMESTAMP AS OF ${moment}
WHERE timestamp > (SELECT max(timestamp) - INTERVAL '1' HOUR FROM ${database}.raw_trades FOR TIMESTAMP AS OF ${moment})
ORDER BY timestamp DESC, exchange, symbol, trade_id DESC
LIMIT 100

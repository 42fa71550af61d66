-- Trades as the table held them at a moment: Iceberg's time travel (PRD 10.2)
SELECT exchange, symbol, trade_id, price, quantity, side, timestamp
FROM ${database}.raw_trades
FOR TIMESTAMP AS OF ${moment}
ORDER BY timestamp DESC, exchange, symbol, trade_id DESC
LIMIT 100

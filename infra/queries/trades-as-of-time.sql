-- Trades as the table held them at a moment: Iceberg's time travel (PRD 10.2)
SELECT *
FROM ${database}.raw_trades
FOR TIMESTAMP AS OF TIMESTAMP '2026-11-01 00:00:00 UTC'
WHERE symbol = 'BTC-USDT'
LIMIT 100

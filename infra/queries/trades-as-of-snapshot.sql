-- Trades of one snapshot; take its number from the query `snapshots` (PRD 10.2)
SELECT *
FROM ${database}.raw_trades
FOR VERSION AS OF 123456789
WHERE symbol = 'BTC-USDT'
LIMIT 100

-- Quote volume and trades by hour, exchange and symbol
SELECT date_trunc('hour', window_start) AS hour, exchange, symbol, sum(quote_volume) AS quote_volume, sum(trade_count) AS trades
FROM ${database}.volume_aggregates
WHERE window_start > ${since}
GROUP BY date_trunc('hour', window_start), exchange, symbol
ORDER BY 1, 2, 3

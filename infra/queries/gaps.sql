-- What became of trade ids: ranges and trades by market and state
SELECT exchange, symbol, kind, state, count(*) AS ranges, sum(trades) AS trades, min(first_id) AS first_id, max(last_id) AS last_id
FROM ${database}.gaps
WHERE started_at > ${since}
GROUP BY exchange, symbol, kind, state
ORDER BY exchange, symbol, kind, state

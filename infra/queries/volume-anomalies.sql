-- Volume anomalies of the last day with the bar that each was found in
SELECT a.detected_at, a.exchange, a.symbol, a.severity, a.z_score, b.volume, b.trade_count
FROM ${database}.anomalies a
JOIN ${database}.volume_aggregates b
  ON b.exchange = a.exchange AND b.symbol = a.symbol AND b.window_start = a.window_start
WHERE a.type = 'volume_spike' AND a.timestamp > current_timestamp - INTERVAL '1' DAY
ORDER BY a.detected_at DESC

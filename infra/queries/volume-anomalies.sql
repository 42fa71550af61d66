-- Volume anomalies with the bar that each was found in, newest first
SELECT a.detected_at, a.exchange, a.symbol, a.severity, a.z_score, b.volume, b.trade_count
FROM ${database}.anomalies a
JOIN ${database}.volume_aggregates b
  ON b.exchange = a.exchange AND b.symbol = a.symbol AND b.window_start = a.window_start
WHERE a.type = 'volume_spike' AND a.rule = 'z' AND a.timestamp > ${since}
ORDER BY a.detected_at DESC, a.exchange, a.symbol

-- The newest reprocessing beside the stream: alerts that both have, that only one has
SELECT coalesce(a.type, b.type) AS type, coalesce(a.rule, b.rule) AS rule, count(a.alert_id) AS stream, count(b.alert_id) AS reprocessed,
  count(CASE WHEN a.alert_id = b.alert_id THEN 1 END) AS both_have
FROM ${database}.anomalies a
FULL OUTER JOIN ${database}.anomalies_reprocessed b ON b.alert_id = a.alert_id
GROUP BY coalesce(a.type, b.type), coalesce(a.rule, b.rule)
ORDER BY 1, 2

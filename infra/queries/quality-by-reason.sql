-- Refused and flagged records of the last day by rule
SELECT measure AS rule, dimension, sum(records) AS records
FROM ${database}.quality
WHERE timestamp > current_timestamp - INTERVAL '1' DAY AND dimension IS NOT NULL
GROUP BY measure, dimension
ORDER BY records DESC

-- Refused and flagged records by rule
SELECT measure AS rule, dimension, sum(records) AS records
FROM ${database}.quality
WHERE timestamp > ${since} AND dimension IS NOT NULL
GROUP BY measure, dimension
ORDER BY records DESC, measure

-- The snapshots of raw_trades, newest first, with the batch that each came from
SELECT committed_at, snapshot_id, operation, element_at(summary, 'ctc.query') AS query, element_at(summary, 'ctc.batch') AS batch
FROM ${database}."raw_trades$snapshots"
ORDER BY committed_at DESC, snapshot_id
LIMIT 100

-- Locks the accounts at their sites, in key order so that two workers cannot deadlock.
-- First of all locks: every change of a number's status happens under its account's.
SELECT 1
FROM entitlement_usage
WHERE (account_id, site_id) IN (
    SELECT * FROM unnest(CAST(:account_ids AS text[]), CAST(:site_ids AS text[]))
)
ORDER BY account_id, site_id
FOR UPDATE

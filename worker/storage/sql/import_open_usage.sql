-- A row to lock for each account and site, those that are new included.
INSERT INTO entitlement_usage (account_id, site_id)
SELECT DISTINCT account_id, site_id FROM import_phone_number WHERE account_id IS NOT NULL
ORDER BY account_id, site_id
ON CONFLICT DO NOTHING

-- Creates the usage row of each account and site that a voice service names, so that it can be
-- locked.
CREATE FUNCTION open_entitlement_usage() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO entitlement_usage (account_id, site_id)
    SELECT DISTINCT account_id, site_id FROM new_rows ORDER BY account_id, site_id
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;

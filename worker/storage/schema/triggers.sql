-- Triggers that maintain entitlement_usage for every writer: the worker, the import, an operator.
-- Once for each statement, not for each row: a large import costs one pass.

-- An account with a service at a site has a row to lock from then on.
CREATE TRIGGER open_usage AFTER INSERT ON voice_services
    REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION open_entitlement_usage();
CREATE TRIGGER open_usage_of_changed AFTER UPDATE ON voice_services
    REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION open_entitlement_usage();

-- One trigger for each event: a trigger with transition tables may have one event only.
CREATE TRIGGER count_inserted AFTER INSERT ON phone_numbers
    REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION count_entitlement_usage();
CREATE TRIGGER count_updated AFTER UPDATE ON phone_numbers
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION count_entitlement_usage();
CREATE TRIGGER count_deleted AFTER DELETE ON phone_numbers
    REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION count_entitlement_usage();

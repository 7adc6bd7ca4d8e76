-- The rights of the role.

-- name: find_missing_rights
-- Lists the rights that a worker needs and this role lacks.
SELECT current_user AS role, relation, privilege
FROM (
    SELECT relation, privilege
    FROM unnest(CAST(:tables AS text[])) AS relation
    CROSS JOIN unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) AS privilege
    UNION ALL SELECT snapshots, 'SELECT'
    FROM unnest(ARRAY['main_number_snapshots', 'step_snapshots']) AS snapshots
) AS needed
WHERE NOT has_table_privilege(relation, privilege)
ORDER BY relation, privilege;

-- name: find_hidden_schemas
-- Lists the schemas that have a table of this name, and whether this role may use them.
SELECT
    current_user AS role,
    nspname AS schema,
    has_schema_privilege(pg_namespace.oid, 'USAGE') AS may_use,
    current_setting('search_path') AS search_path
FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
WHERE relname = :table AND relkind = 'r'
ORDER BY may_use, schema;

-- Commands that came before under the same source and id.
SELECT source, command_id, fingerprint
FROM commands
WHERE (source, command_id) IN (
    SELECT * FROM unnest(CAST(:sources AS text[]), CAST(:command_ids AS text[]))
)

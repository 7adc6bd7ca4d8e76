-- What decisions on these commands look at, locked until the transaction ends.
SELECT asked_source, asked_id, asked_account, asked_site, active, pending, "limit", fingerprints,
    (number).*
FROM situations_of_commands(CAST(:asked_commands AS asked_command[]), CAST(:today AS date))

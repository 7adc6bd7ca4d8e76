-- What decisions on these commands look at, locked until the transaction ends.
SELECT asked_source, asked_id, asked_account, asked_site, active, pending, "limit", fingerprints,
    (number).*
FROM situations_of_commands(
    CAST(:sources AS text[]), CAST(:command_ids AS text[]), CAST(:phone_numbers AS text[]),
    CAST(:account_ids AS text[]), CAST(:site_ids AS text[]), CAST(:today AS date)
)

-- What decisions on these commands look at, locked until the transaction ends.
SELECT (usage).account_id AS holder_account, (usage).site_id AS holder_site, (usage).active,
    (usage).pending, (usage)."limit", asked_source, asked_id, fingerprints, (number).*
FROM situations_of_commands(
    CAST(:sources AS text[]), CAST(:command_ids AS text[]), CAST(:phone_numbers AS text[]),
    CAST(:account_ids AS text[]), CAST(:site_ids AS text[]), CAST(:today AS date)
)

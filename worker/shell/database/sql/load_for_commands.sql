-- What decisions on these commands look at, locked until the transaction ends.
SELECT holder_account, holder_site, active, pending, "limit", asked_source, asked_id, fingerprints,
    (number).*
FROM situations_of_commands(
    CAST(:sources AS text[]), CAST(:command_ids AS text[]), CAST(:phone_numbers AS text[]),
    CAST(:account_ids AS text[]), CAST(:site_ids AS text[]), CAST(:today AS date)
)

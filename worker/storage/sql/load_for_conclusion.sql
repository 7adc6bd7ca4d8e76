-- What conclusions on these numbers look at, locked until the transaction ends; without what was sent.
SELECT (usage).account_id AS holder_account, (usage).site_id AS holder_site, (usage).active,
    (usage).pending, (usage)."limit", main_phone_number, main_status, main_hunt_group_id, main_targets,
    has_steps, (number).*
FROM situations_of_numbers(
    CAST(:lane AS integer), CAST(:positions AS bigint[]), CAST(:phone_numbers AS text[]),
    CAST(:today AS date)
)

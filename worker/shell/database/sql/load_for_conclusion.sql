-- What conclusions on these numbers look at, locked until the transaction ends; without what was sent.
SELECT active, pending, "limit", has_steps, main_phone_number, main_status, main_hunt_group_id,
    main_targets, (number).*
FROM situations_of_numbers(
    CAST(:lane AS integer), CAST(:positions AS bigint[]), CAST(:phone_numbers AS text[]),
    CAST(:today AS date)
)

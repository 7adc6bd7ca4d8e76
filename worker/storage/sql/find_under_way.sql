-- The numbers of which something is under way, and who holds each.
SELECT phone_number, number.account_id, number.site_id
FROM (SELECT phone_number FROM outbox UNION SELECT phone_number FROM operations) AS under_way
LEFT JOIN phone_numbers AS number USING (phone_number)

-- What a person has done by hand, or has given up, need not be asked for any more. Events are said:
-- the PENDING that an activation waits for is one.
DELETE FROM outbox
WHERE phone_number = :phone_number AND holds_operation AND exchange = 'telephony.pbx'

-- What a person has done by hand, or has given up, need not be asked for any more.
DELETE FROM outbox
WHERE phone_number = :phone_number AND holds_operation AND must_be_routed

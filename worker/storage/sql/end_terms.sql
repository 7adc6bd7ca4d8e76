-- No leader stores anything any more that has not taken the lead anew. What they have under way is
-- over before.
WITH former AS MATERIALIZED (
    SELECT end_transactions_of_terms(ARRAY(SELECT lane FROM leadership))
)
UPDATE leadership SET term = term + 1
FROM former

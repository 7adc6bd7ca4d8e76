-- How many messages of each reason workers have put into the dead-letter queue, and no command has
-- taken out. Counted, because nobody can look into a queue without being delivered its messages.
CREATE TABLE queued_dead_letters (
    code    text PRIMARY KEY,
    letters bigint NOT NULL CHECK (letters >= 0)
);

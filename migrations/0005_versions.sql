-- The version of the object that the last state was read from: a replica whose watch lags behind cannot bring an old
-- state back as a change.
ALTER TABLE application_states ADD COLUMN version bigint NOT NULL DEFAULT 0;

-- What others did, as far as the clusters show it, stands in the record, too.

-- The event of the record that tells of an operation which was not ours, once it is over.
ALTER TABLE operations ADD COLUMN observed_as uuid;

-- The policies as they were last seen: a change is recorded by whoever changes this row.
CREATE TABLE observed_policies (
    control_plane text NOT NULL,
    name          text NOT NULL,
    data          jsonb NOT NULL,
    PRIMARY KEY (control_plane, name)
);

GRANT SELECT, INSERT, UPDATE ON observed_policies TO quarterdeck_program;

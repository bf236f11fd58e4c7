-- What must happen in one replica at a time is done under a lease.

CREATE TABLE leases (
    name   text PRIMARY KEY,
    holder text NOT NULL,
    until  timestamptz NOT NULL
);

GRANT SELECT, INSERT, UPDATE, DELETE ON leases TO quarterdeck_program;

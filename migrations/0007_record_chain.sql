-- The record proves itself: every event is sealed into a chain of hashes, in a table of its own, so that no event is
-- ever updated. docs/audit.md has the form that is hashed, and what each tampering looks like.

-- What an event belongs to, where it is known. Older events have none of it.
ALTER TABLE audit_events
    -- The id of the session or token that the actor came with; never its secret.
    ADD COLUMN session       text,
    ADD COLUMN control_plane text,
    ADD COLUMN app           text,
    -- Seen in a cluster, and not done by Quarterdeck.
    ADD COLUMN observed      boolean NOT NULL DEFAULT false;

-- Retention removes the oldest events, and may part an outcome from its intent. An outcome is only ever written beside
-- an intent that is there, so nothing depends on the constraint.
ALTER TABLE audit_events DROP CONSTRAINT audit_events_outcome_of_fkey;

-- Each filter of the page has an index that is already in the page's order; a page is a few hundred rows of one of them.
CREATE INDEX audit_events_by_actor ON audit_events (actor, at DESC, id DESC);
CREATE INDEX audit_events_by_verb ON audit_events (verb, at DESC, id DESC);
CREATE INDEX audit_events_by_object ON audit_events (object, at DESC, id DESC);
CREATE INDEX audit_events_by_environment ON audit_events (environment, at DESC, id DESC);
CREATE INDEX audit_events_by_app ON audit_events (app, at DESC, id DESC);
CREATE INDEX audit_events_by_outcome ON audit_events (outcome, at DESC, id DESC);

-- The chain. The place of an event in it is the order of sealing.
CREATE TABLE audit_chain (
    seq   bigint PRIMARY KEY CHECK (seq > 0),
    event uuid NOT NULL UNIQUE,
    hash  bytea NOT NULL CHECK (octet_length(hash) = 32)
);

-- Where retention cut the chain: the events up to `seq` are in a file, and the rest is verified from `hash` on.
CREATE TABLE audit_checkpoints (
    seq         bigint PRIMARY KEY CHECK (seq > 0),
    hash        bytea NOT NULL CHECK (octet_length(hash) = 32),
    at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    removed     bigint NOT NULL,
    file        text NOT NULL,
    transaction xid8 NOT NULL DEFAULT pg_current_xact_id()
);

-- What waits for its seal. A row is made in the transaction of its event, and goes in the transaction of its seal, so
-- no event can be passed over, however late it commits. Verification does not trust it.
CREATE TABLE audit_unsealed (
    event uuid PRIMARY KEY
);

INSERT INTO audit_unsealed SELECT id FROM audit_events;

CREATE FUNCTION audit_wait_for_seal() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    INSERT INTO audit_unsealed SELECT id FROM added;
    RETURN NULL;
END $$;

CREATE TRIGGER audit_events_wait_for_seal AFTER INSERT ON audit_events
    REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION audit_wait_for_seal();

-- Nobody changes the record, the owner neither.
CREATE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    RAISE EXCEPTION 'the record is only added to: % of % is refused', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege',
              HINT = 'Old events are removed by `quarterdeck audit prune`, which exports them first.';
END $$;

-- The one way out: what lies before a checkpoint that the same transaction wrote.
CREATE FUNCTION audit_refuse_beyond_checkpoint() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    cut bigint := (SELECT max(seq) FROM audit_checkpoints WHERE transaction = pg_current_xact_id());
    place bigint;
BEGIN
    IF TG_TABLE_NAME = 'audit_chain' THEN
        place := OLD.seq;
    ELSE
        place := (SELECT seq FROM audit_chain WHERE event = OLD.id);
    END IF;
    IF cut IS NULL OR place IS NULL OR place > cut THEN
        RAISE EXCEPTION 'the record is only added to: % of % is refused', TG_OP, TG_TABLE_NAME
            USING ERRCODE = 'insufficient_privilege',
                  HINT = 'Old events are removed by `quarterdeck audit prune`, which exports them first.';
    END IF;
    RETURN OLD;
END $$;

CREATE TRIGGER audit_events_refuse BEFORE UPDATE OR TRUNCATE ON audit_events
    FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse();
CREATE TRIGGER audit_events_refuse_delete BEFORE DELETE ON audit_events
    FOR EACH ROW EXECUTE FUNCTION audit_refuse_beyond_checkpoint();
CREATE TRIGGER audit_chain_refuse BEFORE UPDATE OR TRUNCATE ON audit_chain
    FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse();
CREATE TRIGGER audit_chain_refuse_delete BEFORE DELETE ON audit_chain
    FOR EACH ROW EXECUTE FUNCTION audit_refuse_beyond_checkpoint();
CREATE TRIGGER audit_checkpoints_refuse BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_checkpoints
    FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse();

GRANT SELECT, INSERT ON audit_chain TO quarterdeck_program;
GRANT SELECT ON audit_checkpoints TO quarterdeck_program;
GRANT SELECT, INSERT, DELETE ON audit_unsealed TO quarterdeck_program;

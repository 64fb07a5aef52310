-- Retention: which bytes are still needed, and which may be deleted once the transaction that let go of them has committed.

ALTER TABLE ldt.version_source ADD COLUMN needed boolean NOT NULL DEFAULT true;
COMMENT ON COLUMN ldt.version_source.needed IS
    'Whether the bytes are to be kept: the version is not pruned, or rows of later versions still come from this source';

CREATE TABLE ldt.discarded (
    digest      text PRIMARY KEY,
    since       timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE ldt.discarded IS
    'Digests that something stopped referring to; their files are deleted after the commit, unless something else refers to them';

-- Removing a twin looks up the values of each run and the series of each thing.
CREATE INDEX value_run ON ldt.value (run_id);
CREATE INDEX datastream_thing ON ldt.datastream (twin_id, thing);
CREATE INDEX datastream_state_datastream ON ldt.datastream_state (datastream_id);

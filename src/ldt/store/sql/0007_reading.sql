-- Reading: typed values of documents, and the state of a twin as one number.

-- Neither is STRICT, and each is as volatile as its body: so they are made part of the statements that call them.
-- A text that is no date, or none of the calendar, is no value: what a source wrote must not end a statement.
CREATE FUNCTION ldt.date_of(written text) RETURNS date
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE
        WHEN written !~ '^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])' OR written LIKE '0000%' THEN NULL
        WHEN substr(written, 9, 2)::int <= CASE
            WHEN substr(written, 6, 2) IN ('04', '06', '09', '11') THEN 30
            WHEN substr(written, 6, 2) <> '02' THEN 31
            WHEN substr(written, 1, 4)::int % 4 = 0
                AND (substr(written, 1, 4)::int % 100 <> 0 OR substr(written, 1, 4)::int % 400 = 0) THEN 29
            ELSE 28 END
        THEN make_date(substr(written, 1, 4)::int, substr(written, 6, 2)::int, substr(written, 9, 2)::int)
    END
$$;
COMMENT ON FUNCTION ldt.date_of IS 'The day that an ISO 8601 text begins with; NULL if it does not begin with one';

-- Without a zone it is UTC; a date alone is its first instant.
CREATE FUNCTION ldt.instant_of(written text) RETURNS timestamptz
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT CASE
        WHEN ldt.date_of(written) IS NULL THEN NULL
        WHEN written ~ '^.{10}$' THEN ldt.date_of(written)::timestamp AT TIME ZONE 'UTC'
        WHEN written !~ '^.{10}[Tt ]([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d{1,9})?)?([Zz]|[+-](0\d|1[0-4]):?[0-5]\d)?$' THEN NULL
        WHEN written ~ '([Zz]|[+-]\d\d:?\d\d)$' AND length(written) > 16 THEN written::timestamptz
        ELSE written::timestamp AT TIME ZONE 'UTC'
    END
$$;
COMMENT ON FUNCTION ldt.instant_of IS 'The instant that an RFC 3339 text names; NULL if it names none';

-- What a snapshot of the newest state says can change with each of these. Whoever remembers a snapshot compares this number in the
-- very statement that reads: equal means that nothing has changed.
ALTER TABLE ldt.twin ADD COLUMN state bigint NOT NULL DEFAULT 0;
COMMENT ON COLUMN ldt.twin.state IS 'Counts what changes which data sets, versions and access classes a snapshot sees';

CREATE FUNCTION ldt.count_own_state() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.state := OLD.state + 1;
    RETURN NEW;
END $$;

CREATE TRIGGER twin_state BEFORE UPDATE OF name, revision ON ldt.twin
    FOR EACH ROW EXECUTE FUNCTION ldt.count_own_state();

CREATE FUNCTION ldt.count_state() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE ldt.twin SET state = state + 1 WHERE id = coalesce(NEW.twin_id, OLD.twin_id);
    RETURN NULL;
END $$;

-- Deferred to the commit: the twin's row would else be locked while an ingest runs.
CREATE CONSTRAINT TRIGGER dataset_changed AFTER UPDATE ON ldt.dataset DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN ((OLD.name, OLD.shape, OLD.feature_type, OLD.access, OLD.current_version, OLD.removed, OLD.recipe)
        IS DISTINCT FROM (NEW.name, NEW.shape, NEW.feature_type, NEW.access, NEW.current_version, NEW.removed, NEW.recipe))
    EXECUTE FUNCTION ldt.count_state();
CREATE CONSTRAINT TRIGGER dataset_gone AFTER DELETE ON ldt.dataset DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    EXECUTE FUNCTION ldt.count_state();
CREATE CONSTRAINT TRIGGER version_changed AFTER INSERT OR UPDATE OR DELETE ON ldt.version DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    EXECUTE FUNCTION ldt.count_state();

-- Coverages: their grid and their time axis; what a version of a data set of that shape holds.

ALTER TABLE ldt.coverage
    ADD COLUMN grid jsonb NOT NULL,
    ADD COLUMN steps integer NOT NULL DEFAULT 1 CHECK (steps > 0),
    ADD COLUMN averaging text,
    ADD COLUMN source_row bigint NOT NULL DEFAULT 0,
    ADD COLUMN quality jsonb NOT NULL DEFAULT '{}';
COMMENT ON COLUMN ldt.coverage.grid IS '{crs, width, height, transform}: where the cells lie';
COMMENT ON COLUMN ldt.coverage.quality IS 'What was found when it was read: cells, missing, out of range, unknown classes, by band';
COMMENT ON COLUMN ldt.coverage.steps IS 'Time steps; 1 where there is no time axis';
CREATE INDEX coverage_current ON ldt.coverage (dataset_id, code) WHERE until IS NULL;
CREATE INDEX coverage_digest ON ldt.coverage (digest);

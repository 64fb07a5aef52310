-- The three shapes of data, and the values computed from them.

-- Features -----------------------------------------------------------------------------------------------------

CREATE TABLE ldt.feature (
    twin_id     integer NOT NULL,
    dataset_id  integer NOT NULL,
    fid         text COLLATE "C" NOT NULL,
    since       integer NOT NULL,
    until       integer,
    feature_type text NOT NULL,
    namespace   text NOT NULL,
    local_id    text NOT NULL,
    version_id  text,
    geom        geometry(Geometry, 4326),
    valid_from  timestamptz,
    valid_to    timestamptz,
    properties  jsonb NOT NULL,
    raw         jsonb,
    digest      uuid NOT NULL,
    source_id   integer NOT NULL,
    source_row  bigint NOT NULL
) PARTITION BY LIST (dataset_id);
COMMENT ON TABLE ldt.feature IS 'Visible at version v of its data set when since <= v and (until is null or until > v)';

ALTER TABLE ldt.feature ADD PRIMARY KEY (twin_id, dataset_id, fid, since);
CREATE INDEX feature_current_geom ON ldt.feature USING gist (geom) WHERE until IS NULL;
CREATE INDEX feature_past_geom ON ldt.feature USING gist (geom) WHERE until IS NOT NULL;
CREATE INDEX feature_current_fid ON ldt.feature (fid) WHERE until IS NULL;
-- Areas and monitoring facilities are found by their code.
CREATE INDEX feature_current_code ON ldt.feature ((properties ->> 'code')) WHERE until IS NULL AND properties ? 'code';

-- Observations -------------------------------------------------------------------------------------------------

CREATE TABLE ldt.thing (
    twin_id     integer NOT NULL REFERENCES ldt.twin (id) ON DELETE CASCADE,
    code        text COLLATE "C" NOT NULL,
    PRIMARY KEY (twin_id, code)
);
COMMENT ON TABLE ldt.thing IS 'The identity of what observes; its place and name are the monitoring facility of the same code';

CREATE TABLE ldt.datastream (
    id          integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    twin_id     integer NOT NULL,
    dataset_id  integer NOT NULL REFERENCES ldt.dataset (id) ON DELETE CASCADE,
    code        text COLLATE "C" NOT NULL,
    thing       text COLLATE "C" NOT NULL,
    observed_property text NOT NULL,
    unit        text NOT NULL,
    averaging   text NOT NULL,
    zone        text NOT NULL,
    properties  jsonb NOT NULL DEFAULT '{}',
    UNIQUE (dataset_id, code),
    FOREIGN KEY (twin_id, thing) REFERENCES ldt.thing (twin_id, code) ON DELETE CASCADE
);
COMMENT ON COLUMN ldt.datastream.averaging IS 'ISO 8601 duration of the interval that a value stands for (PT1H, P1D), `var` or `PT0S`';

CREATE TABLE ldt.datastream_state (
    twin_id     integer NOT NULL,
    dataset_id  integer NOT NULL,
    datastream_id integer NOT NULL REFERENCES ldt.datastream (id) ON DELETE CASCADE,
    since       integer NOT NULL,
    until       integer,
    count       bigint NOT NULL,
    time_first  timestamptz NOT NULL,
    time_last   timestamptz NOT NULL,
    last_end    timestamptz NOT NULL,
    last_value  double precision NOT NULL,
    last_validity smallint NOT NULL,
    last_verification smallint NOT NULL,
    PRIMARY KEY (twin_id, dataset_id, datastream_id, since)
);
CREATE INDEX datastream_state_current ON ldt.datastream_state (dataset_id, datastream_id) WHERE until IS NULL;
COMMENT ON TABLE ldt.datastream_state IS 'Written once per load, never by a row trigger: extent, count and latest value of a datastream';

CREATE TABLE ldt.observation (
    twin_id     integer NOT NULL,
    dataset_id  integer NOT NULL,
    datastream_id integer NOT NULL,
    time        timestamptz NOT NULL,
    time_end    timestamptz NOT NULL,
    value       double precision NOT NULL,
    validity    smallint NOT NULL,
    verification smallint NOT NULL,
    version     integer NOT NULL,
    source_id   integer NOT NULL,
    source_row  integer NOT NULL
) PARTITION BY RANGE (time);
ALTER TABLE ldt.observation ADD PRIMARY KEY (twin_id, dataset_id, datastream_id, time);
COMMENT ON TABLE ldt.observation IS 'The current state, partitioned by UTC year of the beginning of the interval [time, time_end)';

CREATE TABLE ldt.observation_history (
    twin_id     integer NOT NULL,
    dataset_id  integer NOT NULL,
    datastream_id integer NOT NULL,
    time        timestamptz NOT NULL,
    time_end    timestamptz NOT NULL,
    value       double precision NOT NULL,
    validity    smallint NOT NULL,
    verification smallint NOT NULL,
    version     integer NOT NULL,
    source_id   integer NOT NULL,
    source_row  integer NOT NULL,
    until       integer NOT NULL,
    PRIMARY KEY (twin_id, dataset_id, datastream_id, time, version)
);
COMMENT ON TABLE ldt.observation_history IS 'Overwritten and removed observations: they were current from `version` to before `until`';

-- Coverages: the bytes are files, named by digest; this is their catalogue ------------------------------------------

CREATE TABLE ldt.coverage (
    twin_id     integer NOT NULL,
    dataset_id  integer NOT NULL REFERENCES ldt.dataset (id) ON DELETE CASCADE,
    code        text NOT NULL,
    since       integer NOT NULL,
    until       integer,
    digest      text NOT NULL,
    media_type  text NOT NULL,
    footprint   geometry(Polygon, 4326) NOT NULL,
    time_first  timestamptz,
    time_last   timestamptz,
    bands       jsonb NOT NULL,
    source_id   integer NOT NULL REFERENCES ldt.source_object (id),
    PRIMARY KEY (twin_id, dataset_id, code, since)
);

-- Indicator values ---------------------------------------------------------------------------------------------

CREATE TABLE ldt.run (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    twin_id     integer NOT NULL REFERENCES ldt.twin (id) ON DELETE CASCADE,
    indicator   text NOT NULL REFERENCES ldt.indicator (id),
    revision    bigint NOT NULL,
    computed_at bigint NOT NULL,
    started     timestamptz NOT NULL,
    finished    timestamptz NOT NULL,
    code_version text NOT NULL,
    definition  jsonb NOT NULL,
    definition_digest text NOT NULL,
    rules_digest text NOT NULL,
    parameters  jsonb NOT NULL,
    inputs      jsonb NOT NULL
);
COMMENT ON COLUMN ldt.run.computed_at IS 'The revision whose data the values were computed from';
COMMENT ON COLUMN ldt.run.revision IS 'The revision that this run committed';
COMMENT ON COLUMN ldt.run.inputs IS '[{dataset, dataset_id, version}] that the computation could read';

CREATE TABLE ldt.value (
    twin_id     integer NOT NULL REFERENCES ldt.twin (id) ON DELETE CASCADE,
    indicator   text NOT NULL,
    scheme      text COLLATE "C" NOT NULL,
    code        text COLLATE "C" NOT NULL,
    period_start timestamptz NOT NULL,
    period_end  timestamptz NOT NULL,
    period      text COLLATE "C" NOT NULL,
    since       bigint NOT NULL,
    until       bigint,
    run_id      bigint NOT NULL REFERENCES ldt.run (id) ON DELETE CASCADE,
    name        text,
    value       double precision,
    unit        text NOT NULL,
    status      text NOT NULL CHECK (status IN ('valid', 'insufficient', 'not-computable', 'suppressed')),
    reason      text,
    n_valid     bigint NOT NULL,
    n_expected  bigint,
    coverage    double precision,
    method      text NOT NULL,
    verdicts    jsonb NOT NULL DEFAULT '[]',
    quality     jsonb NOT NULL DEFAULT '{}',
    access      text NOT NULL CHECK (access IN ('open', 'restricted', 'confidential')),
    inputs      jsonb NOT NULL,
    geom        geometry(Geometry, 4326),
    CHECK (status <> 'not-computable' OR (value IS NULL AND reason IS NOT NULL)),
    PRIMARY KEY (twin_id, indicator, scheme, code, period_start, period_end, since)
);
CREATE INDEX value_current ON ldt.value (twin_id, indicator, scheme, code, period_start) WHERE until IS NULL;
COMMENT ON COLUMN ldt.value.inputs IS '{dataset name: version} that this value was computed from';
COMMENT ON COLUMN ldt.value.scheme IS 'The spatial unit: station, city, district, quarter, …; `code` is the unit in it';
COMMENT ON COLUMN ldt.value.coverage IS 'Share of the expected records or of the area that had valid data, 0 to 1';

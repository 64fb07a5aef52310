-- The core of the model: vocabularies, twins, data sets, versions, sources, outcomes.
-- Run by Alembic on the raw driver connection. Schema `ldt` holds the model, schema `gis` the views that QGIS sees.

CREATE EXTENSION IF NOT EXISTS postgis;
CREATE SCHEMA IF NOT EXISTS ldt;
CREATE SCHEMA IF NOT EXISTS gis;

-- What the words mean ------------------------------------------------------------------------------------------

CREATE TABLE ldt.vocabulary (
    id          text PRIMARY KEY CHECK (id ~ '^[a-z0-9-]+$'),
    title       jsonb NOT NULL,
    source      text NOT NULL,
    checked     text NOT NULL CHECK (checked IN ('V', 'K', 'P')),
    uri_base    text,
    digest      text NOT NULL
);
COMMENT ON COLUMN ldt.vocabulary.checked IS 'V checked in the named source, K general knowledge, P proposal of this project';

CREATE TABLE ldt.concept (
    vocabulary  text NOT NULL REFERENCES ldt.vocabulary (id) ON DELETE CASCADE,
    code        text NOT NULL,
    ordinal     integer NOT NULL,
    label       jsonb NOT NULL,
    definition  jsonb,
    parent      text,
    uri         text,
    checked     text NOT NULL CHECK (checked IN ('V', 'K', 'P')),
    properties  jsonb NOT NULL DEFAULT '{}',
    PRIMARY KEY (vocabulary, code),
    FOREIGN KEY (vocabulary, parent) REFERENCES ldt.concept (vocabulary, code) DEFERRABLE INITIALLY DEFERRED
);

CREATE TABLE ldt.indicator (
    id          text PRIMARY KEY CHECK (id ~ '^[a-z0-9-]+$'),
    definition  jsonb NOT NULL,
    digest      text NOT NULL
);
COMMENT ON TABLE ldt.indicator IS 'Definitions from schemas/indicators, one row per file, loaded by `ldt db migrate`';

CREATE TABLE ldt.dpsir_chain (
    id          text PRIMARY KEY CHECK (id ~ '^[a-z0-9-]+$'),
    title       jsonb NOT NULL,
    checked     text NOT NULL CHECK (checked IN ('V', 'K', 'P')),
    source      text NOT NULL
);

CREATE TABLE ldt.dpsir_node (
    chain       text NOT NULL REFERENCES ldt.dpsir_chain (id) ON DELETE CASCADE,
    id          text NOT NULL,
    role        text NOT NULL CHECK (role IN ('D', 'P', 'S', 'I', 'R')),
    ordinal     integer NOT NULL,
    title       jsonb NOT NULL,
    indicator   text,
    PRIMARY KEY (chain, id)
);
COMMENT ON COLUMN ldt.dpsir_node.indicator IS 'The indicator that fills this box; it may name one that no definition exists for yet';

CREATE TABLE ldt.dpsir_link (
    chain       text NOT NULL,
    from_node   text NOT NULL,
    to_node     text NOT NULL,
    evidence    text,
    lag         text,
    strength    text,
    PRIMARY KEY (chain, from_node, to_node),
    FOREIGN KEY (chain, from_node) REFERENCES ldt.dpsir_node (chain, id) ON DELETE CASCADE,
    FOREIGN KEY (chain, to_node) REFERENCES ldt.dpsir_node (chain, id) ON DELETE CASCADE
);

-- What is described --------------------------------------------------------------------------------------------

CREATE TABLE ldt.twin (
    id          integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name        text NOT NULL UNIQUE CHECK (name ~ '^[a-z0-9][a-z0-9-]*$'),
    title       jsonb NOT NULL,
    description jsonb,
    scale       text NOT NULL,
    boundary    geometry(MultiPolygon, 4326),
    buffer_m    double precision NOT NULL DEFAULT 5000 CHECK (buffer_m >= 0),
    -- The boundary with its geodesic buffer: what is kept. Null keeps everything.
    selection   geometry(MultiPolygon, 4326),
    manifest    jsonb,
    revision    bigint NOT NULL DEFAULT 0,
    created     timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE ldt.revision (
    twin_id     integer NOT NULL REFERENCES ldt.twin (id) ON DELETE CASCADE,
    revision    bigint NOT NULL,
    committed   timestamptz NOT NULL DEFAULT clock_timestamp(),
    what        text NOT NULL CHECK (what IN ('version', 'values', 'removal', 'prune')),
    PRIMARY KEY (twin_id, revision)
);
COMMENT ON TABLE ldt.revision IS 'Each commit that changes what a twin shows; a snapshot is a twin at a revision';

CREATE TABLE ldt.dataset (
    id              integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    twin_id         integer NOT NULL REFERENCES ldt.twin (id) ON DELETE CASCADE,
    name            text NOT NULL CHECK (name ~ '^[a-z0-9][a-z0-9-]*$'),
    shape           text NOT NULL CHECK (shape IN ('feature', 'observation', 'coverage')),
    feature_type    text,
    title           jsonb NOT NULL,
    description     jsonb,
    publisher       text,
    licence         text NOT NULL,
    licence_uri     text,
    access          text NOT NULL DEFAULT 'open' CHECK (access IN ('open', 'restricted', 'confidential')),
    personal_data   boolean NOT NULL DEFAULT false,
    origin          text NOT NULL CHECK (origin IN ('space', 'european', 'national', 'local')),
    data_stage      text NOT NULL DEFAULT 'transformed' CHECK (data_stage IN ('raw', 'transformed', 'model-input', 'model-output')),
    themes          text[] NOT NULL DEFAULT '{}',
    anatomy         text NOT NULL,
    dpsir           text CHECK (dpsir IN ('D', 'P', 'S', 'I', 'R')),
    update_frequency text,
    recipe          jsonb NOT NULL,
    current_version integer NOT NULL DEFAULT 0,
    removed         int8multirange NOT NULL DEFAULT '{}',
    UNIQUE (twin_id, name),
    CHECK ((shape = 'feature') = (feature_type IS NOT NULL))
);
COMMENT ON COLUMN ldt.dataset.removed IS 'The revisions of the twin at which the data set is not shown: it was taken away, and perhaps came back';

CREATE TABLE ldt.version (
    dataset_id  integer NOT NULL REFERENCES ldt.dataset (id) ON DELETE CASCADE,
    version     integer NOT NULL CHECK (version > 0),
    twin_id     integer NOT NULL,
    revision    bigint NOT NULL,
    key         text NOT NULL,
    recipe_digest text NOT NULL,
    harmoniser  text NOT NULL,
    selection_digest text NOT NULL,
    code_version text NOT NULL,
    committed   timestamptz NOT NULL DEFAULT clock_timestamp(),
    pruned      boolean NOT NULL DEFAULT false,
    -- the five outcomes, which add up to what was read, and the rows made of them
    read        bigint NOT NULL,
    accepted    bigint NOT NULL,
    repaired    bigint NOT NULL,
    rejected    bigint NOT NULL,
    duplicate   bigint NOT NULL,
    outside     bigint NOT NULL,
    derived     bigint NOT NULL,
    missing     bigint NOT NULL,
    -- what this version holds, and what it changed
    rows        bigint NOT NULL,
    added       bigint NOT NULL,
    changed     bigint NOT NULL,
    removed     bigint NOT NULL,
    extent      geometry(Polygon, 4326),
    time_first  timestamptz,
    time_last   timestamptz,
    crs         jsonb NOT NULL DEFAULT '[]',
    PRIMARY KEY (dataset_id, version),
    FOREIGN KEY (twin_id, revision) REFERENCES ldt.revision (twin_id, revision) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
    CHECK (read = accepted + repaired + rejected + duplicate + outside)
);
COMMENT ON COLUMN ldt.version.crs IS 'For each CRS met: declared, order found, operation to EPSG:4326, accuracy in metres';
COMMENT ON COLUMN ldt.version.derived IS 'Rows made of records (unpivoted, split), counted apart from the records';
COMMENT ON COLUMN ldt.version.missing IS 'Derived rows that the source declares as missing; nothing is stored for them';

CREATE TABLE ldt.source_object (
    id          integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    digest      text NOT NULL,
    name        text NOT NULL,
    size        bigint NOT NULL,
    media_type  text,
    kept        boolean NOT NULL,
    first_seen  timestamptz NOT NULL DEFAULT now(),
    UNIQUE (digest, name)
);
COMMENT ON TABLE ldt.source_object IS 'The bytes that records came from: SHA-256 and the name they were given under';

CREATE TABLE ldt.version_source (
    dataset_id  integer NOT NULL,
    version     integer NOT NULL,
    source_id   integer NOT NULL REFERENCES ldt.source_object (id),
    PRIMARY KEY (dataset_id, version, source_id),
    FOREIGN KEY (dataset_id, version) REFERENCES ldt.version (dataset_id, version) ON DELETE CASCADE
);

CREATE TABLE ldt.outcome (
    twin_id     integer NOT NULL,
    dataset_id  integer NOT NULL,
    version     integer NOT NULL,
    source_id   integer NOT NULL REFERENCES ldt.source_object (id),
    source_row  bigint NOT NULL,
    outcome     text NOT NULL CHECK (outcome IN ('repaired', 'rejected', 'duplicate', 'outside')),
    reason      text NOT NULL,
    message     text NOT NULL,
    duplicate_of bigint,
    record      jsonb,
    FOREIGN KEY (dataset_id, version) REFERENCES ldt.version (dataset_id, version) ON DELETE CASCADE
        DEFERRABLE INITIALLY DEFERRED
);
CREATE INDEX outcome_key ON ldt.outcome (dataset_id, version, outcome, source_id, source_row);
COMMENT ON TABLE ldt.outcome IS 'Every record that was not simply accepted; rejected ones with their raw content, so that they can be ingested again';

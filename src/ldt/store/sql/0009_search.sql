-- The words by which data sets are found, in the languages that their descriptions are in.

-- Documents and questions are made plain alike, so that neither accents nor case nor punctuation decide.
CREATE FUNCTION ldt.plain(written text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT btrim(regexp_replace(
        lower(replace(replace(replace(translate(
            regexp_replace(normalize(written, NFD), '[\u0300-\u036f]', '', 'g'), 'ØøŁłĐđı', 'OoLlDdi'
        ), 'ß', 'ss'), 'æ', 'ae'), 'œ', 'oe') COLLATE "und-x-icu"),
        '[^[:alnum:]]+' COLLATE "und-x-icu", ' ', 'g'))
$$;
COMMENT ON FUNCTION ldt.plain IS 'A text without accents, in lower case, its words parted by single blanks';

CREATE VIEW ldt.language_configuration AS
    SELECT known.code AS language, c.oid::regconfig AS configuration
    FROM (VALUES ('ca', 'catalan'), ('da', 'danish'), ('de', 'german'), ('el', 'greek'), ('en', 'english'), ('es', 'spanish'),
        ('eu', 'basque'), ('fi', 'finnish'), ('fr', 'french'), ('ga', 'irish'), ('hu', 'hungarian'), ('it', 'italian'),
        ('lt', 'lithuanian'), ('nb', 'norwegian'), ('nl', 'dutch'), ('nn', 'norwegian'), ('no', 'norwegian'), ('pt', 'portuguese'),
        ('ro', 'romanian'), ('sv', 'swedish')) AS known (code, name)
    JOIN pg_catalog.pg_ts_config c ON c.cfgname = known.name AND c.cfgnamespace = 'pg_catalog'::regnamespace;
COMMENT ON VIEW ldt.language_configuration IS 'The text search configurations of languages, as far as this PostgreSQL has them';

CREATE FUNCTION ldt.words_in(written text, language text, importance "char") RETURNS tsvector
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT setweight(
        to_tsvector('pg_catalog.simple', plain)
        || gap || to_tsvector(coalesce(configuration, 'pg_catalog.simple'), plain)
        -- German writes compounds as one word, and ä as ae where there is no ä: Luftqualität is found by Qualität and qualitaet.
        || gap || CASE WHEN words_in.language <> 'de' THEN ''::tsvector ELSE
            to_tsvector('pg_catalog.simple', ldt.plain(replace(replace(replace(lower(written COLLATE "und-x-icu"), 'ä', 'ae'), 'ö', 'oe'), 'ü', 'ue')))
            || coalesce((
                SELECT array_to_tsvector(array_agg(substr(word, place)))
                FROM regexp_split_to_table(plain, ' ') AS word, generate_series(4, length(word) - 3) AS place
                WHERE length(word) < 100), ''::tsvector)
        END, importance)
    FROM (SELECT ldt.plain(left(written, 20000)) AS plain, $gap$'|':1$gap$::tsvector AS gap) AS one
    LEFT JOIN ldt.language_configuration c ON c.language = words_in.language
    WHERE written IS NOT NULL
$$;
COMMENT ON FUNCTION ldt.words_in IS 'The words of a text as they are and by their stems; of German ones also their ends of four letters and more';

CREATE TABLE ldt.dataset_words (
    dataset_id  integer PRIMARY KEY REFERENCES ldt.dataset (id) ON DELETE CASCADE,
    words       tsvector NOT NULL
);
CREATE INDEX dataset_words_words ON ldt.dataset_words USING gin (words);
COMMENT ON TABLE ldt.dataset_words IS 'What data sets are found by: title (A), themes, role and what is observed (B), description (C), publisher and names (D)';

CREATE FUNCTION ldt.find_words(wanted integer) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    one record;
    found tsvector := '';
BEGIN
    FOR one IN
        WITH d AS (SELECT * FROM ldt.dataset WHERE id = wanted),
        codes (vocabulary, code) AS (
            SELECT 'inspire-themes', unnest(themes) FROM d
            UNION ALL SELECT 'dpsir', dpsir FROM d
            -- An element of the anatomy with those that it is part of.
            UNION ALL SELECT 'anatomy', array_to_string((string_to_array(anatomy, '.'))[:n], '.')
                FROM d, generate_series(1, array_length(string_to_array(anatomy, '.'), 1)) AS n
            UNION ALL (SELECT DISTINCT 'observed-properties', s.observed_property FROM ldt.datastream s WHERE s.dataset_id = wanted)
            UNION ALL (SELECT DISTINCT 'observed-properties', band ->> 'property'
                FROM ldt.coverage c, jsonb_array_elements(c.bands) AS band WHERE c.dataset_id = wanted AND c.until IS NULL)
        )
        SELECT key AS language, value AS written, 'A'::"char" AS importance FROM d, jsonb_each_text(title)
        UNION ALL SELECT key, value, 'B' FROM codes JOIN ldt.concept c USING (vocabulary, code), jsonb_each_text(c.label)
        UNION ALL SELECT '', code, 'B' FROM codes
        UNION ALL SELECT key, value, 'C' FROM d, jsonb_each_text(description)
        UNION ALL SELECT '', concat_ws(' ', publisher, name, feature_type, shape), 'D' FROM d
    LOOP
        -- Words of two texts do not follow each other.
        found := found || coalesce(ldt.words_in(one.written, one.language, one.importance), '') || $gap$'|':1$gap$::tsvector;
    END LOOP;
    found := ts_delete(found, '|');
    INSERT INTO ldt.dataset_words VALUES (wanted, found)
        ON CONFLICT (dataset_id) DO UPDATE SET words = excluded.words WHERE dataset_words.words <> excluded.words;
END $$;

CREATE FUNCTION ldt.dataset_is_described() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM ldt.find_words(NEW.id);
    RETURN NULL;
END $$;
CREATE TRIGGER dataset_described
    AFTER INSERT OR UPDATE OF name, feature_type, title, description, publisher, themes, anatomy, dpsir ON ldt.dataset
    FOR EACH ROW EXECUTE FUNCTION ldt.dataset_is_described();

-- At the commit: what is observed is there by then. A data set may be gone again.
CREATE FUNCTION ldt.version_is_there() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM ldt.find_words(d.id) FROM ldt.dataset d WHERE d.id = NEW.dataset_id;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER version_described AFTER INSERT ON ldt.version DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION ldt.version_is_there();

CREATE FUNCTION ldt.vocabulary_is_there() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM ldt.find_words(id) FROM ldt.dataset;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER vocabulary_described AFTER INSERT ON ldt.vocabulary DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.id IN ('anatomy', 'dpsir', 'inspire-themes', 'observed-properties'))
    EXECUTE FUNCTION ldt.vocabulary_is_there();

-- One search term of the parameter q of OGC API - Records: a word, or several that must follow each other.
CREATE FUNCTION ldt.asked_words(term text) RETURNS tsquery LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    plain text := ldt.plain(term);
    said text[] := string_to_array(plain, ' ');
    number integer := array_length(said, 1);
    stem text := (ts_lexize('pg_catalog.german_stem', plain))[1];
    found tsquery := phraseto_tsquery('pg_catalog.simple', plain);
    configuration regconfig;
BEGIN
    FOR configuration IN SELECT DISTINCT c.configuration FROM ldt.language_configuration c LOOP
        found := found || phraseto_tsquery(configuration, plain);
    END LOOP;
    -- The last word need not be complete; shorter ones would begin too much.
    IF length(said[number]) >= 4 THEN
        found := found || to_tsquery('pg_catalog.simple', array_to_string(said, ' <-> ') || ':*');
    END IF;
    -- Inside German compounds in another form: Bäume finds Baumkataster.
    IF number = 1 AND length(stem) >= 4 THEN
        found := found || to_tsquery('pg_catalog.simple', stem || ':*');
    END IF;
    RETURN found;
END $$;
COMMENT ON FUNCTION ldt.asked_words IS 'The query of a search term, whatever language it is in';

SELECT ldt.find_words(id) FROM ldt.dataset;

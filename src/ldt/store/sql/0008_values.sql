-- Indicator values as a collection: pages in the order of their ids, and by place.

-- What `ldt.model.indicator.ValueKey.slug` makes of a part of a key.
CREATE FUNCTION ldt.slug_part(written text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN written COLLATE "C" ~ '^[A-Za-z0-9_-]*$' THEN written ELSE (
        SELECT string_agg(
            CASE WHEN letter COLLATE "C" ~ '^[A-Za-z0-9_-]$' THEN letter
                ELSE regexp_replace(upper(encode(convert_to(letter, 'UTF8'), 'hex')), '(..)', '~\1', 'g') END,
            '' ORDER BY place)
        FROM regexp_split_to_table(written, '') WITH ORDINALITY AS one (letter, place)
    ) END
$$;
COMMENT ON FUNCTION ldt.slug_part IS 'A text with ~XX in place of each byte outside A-Za-z0-9_-';

ALTER TABLE ldt.value ADD COLUMN id text COLLATE "C" NOT NULL GENERATED ALWAYS AS (
    indicator || '.' || ldt.slug_part(scheme) || '.' || ldt.slug_part(code) || '.' || ldt.slug_part(period)
) STORED;
COMMENT ON COLUMN ldt.value.id IS 'The id of the value in the collection indicator-values: {indicator}.{scheme}.{code}.{period}';
CREATE INDEX value_id ON ldt.value (twin_id, id) WHERE until IS NULL;
CREATE INDEX value_geom ON ldt.value USING gist (geom) WHERE until IS NULL;

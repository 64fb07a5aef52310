-- References between objects: the other name of a feature, and the ways to find one by what a reference says.

ALTER TABLE ldt.feature ADD COLUMN alias text COLLATE "C";
COMMENT ON COLUMN ldt.feature.alias IS 'The name by which records of the same delivery refer to this one (its gml:id)';

-- Of all rows, not of the current ones alone: references are resolved in past states too.
CREATE INDEX feature_alias ON ldt.feature (alias) WHERE alias IS NOT NULL;
CREATE INDEX feature_local_id ON ldt.feature (local_id COLLATE "C");

-- pipeline -----------------------------------------------------------------------------------------------------------

-- Catalogues share the staging table, so that one schema can have several, made in any order. A table that is there is
-- taken if its columns are of the types that definitions count on: with another type they would be other features.
CREATE FUNCTION feature.create_transaction_pipeline(schema name DEFAULT current_schema,
                                                    catalogue text DEFAULT 'standard') RETURNS regclass
  LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  columns CONSTANT text[] := ARRAY[
    ['transaction_id',    'text',             'PRIMARY KEY'],
    ['timestamp',         'timestamptz',      'NOT NULL'],
    ['user_id',           'text',             'NOT NULL'],
    ['merchant_id',       'text',             NULL],
    ['amount',            'double precision', 'NOT NULL'],
    ['currency',          'text',             NULL],
    ['merchant_category', 'text',             NULL],
    ['payment_method',    'text',             NULL],
    ['ip_address',        'text',             NULL],
    ['device_id',         'text',             NULL],
    ['latitude',          'double precision', NULL],
    ['longitude',         'double precision', NULL],
    ['card_type',         'text',             NULL]];
  view_name text;
  definition text;
  staging regclass;
  missing text;
BEGIN
  IF schema IS NULL THEN
    RAISE EXCEPTION 'no schema has been selected to create in' USING ERRCODE = 'invalid_schema_name',
      HINT = 'Name a schema, or set search_path to one.';
  ELSIF to_regnamespace(quote_ident(schema)) IS NULL THEN
    RAISE EXCEPTION 'schema "%" does not exist', schema USING ERRCODE = 'invalid_schema_name',
      HINT = 'The schema comes first. To choose a catalogue, write catalogue => ''wide''.';
  END IF;
  CASE catalogue
    WHEN 'standard' THEN
      view_name := 'transaction_features';
      definition := feature.standard_transaction_features();
    WHEN 'wide' THEN
      view_name := 'transaction_features_wide';
      definition := feature.wide_transaction_features();
    ELSE
      RAISE EXCEPTION 'unrecognized transaction catalogue "%"', catalogue USING ERRCODE = 'invalid_parameter_value',
        HINT = 'The catalogues are "standard" and "wide".';
  END CASE;

  staging := to_regclass(format('%I.transactions', schema));
  IF staging IS NULL THEN
    EXECUTE (SELECT format('CREATE TABLE %I.transactions (%s)', schema,
                           string_agg(concat_ws(' ', quote_ident(columns[i][1]), columns[i][2], columns[i][3]), ', '
                                      ORDER BY i))
             FROM generate_subscripts(columns, 1) i);
  ELSE
    SELECT string_agg(format('%I %s', columns[i][1], columns[i][2]), ', ' ORDER BY i) INTO missing
    FROM generate_subscripts(columns, 1) i
    WHERE NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = staging AND NOT a.attisdropped
                        AND a.attname = columns[i][1] AND a.atttypid = columns[i][2]::regtype);
    IF missing IS NOT NULL THEN
      RAISE EXCEPTION '"%" is not a staging table of transactions', staging USING ERRCODE = 'wrong_object_type',
        DETAIL = format('It lacks columns: %s.', missing),
        HINT = 'Choose another schema, or describe your own table''s features with feature.create_view.';
    END IF;
  END IF;

  -- The definitions name their source without a schema. It is put in, so that nothing else is looked up there: operators
  -- of the schema's owner must not get into the definition.
  RETURN feature.create_view(format('%I.%I', schema, view_name),
                             replace(definition, 'FROM transactions', format('FROM %I.transactions', schema)));
END
$function$;
COMMENT ON FUNCTION feature.create_transaction_pipeline(name, text) IS
  'creates staging table transactions, unless it is there, and a catalogue''s feature view on it';

"""Two ways to the same features in one database: the pipeline's in schema public, the other one's in schema floor."""

import server


def load_history(database, features, file):
    """The same raw rows and feature rows on both sides, from a CSV file; the pipeline computes the latter."""
    server.psql(database, f"""
        COPY public.transactions FROM '{file}' WITH (FORMAT csv);
        INSERT INTO floor.transactions SELECT * FROM public.transactions;
        INSERT INTO floor.{features} SELECT * FROM public.{features};
        CREATE TABLE floor.history AS SELECT transaction_id FROM public.transactions;
        VACUUM ANALYZE;""")


def check(database, features, rows, one_in=1):
    """That both sides have so many rows that came after the history, and that one in so many, drawn by its key, has the
    same features on both, floats to 1e-9."""
    found = server.psql(database, f"""
        CREATE TEMP TABLE further AS
        SELECT transaction_id FROM public.transactions EXCEPT SELECT transaction_id FROM floor.history;
        SELECT (SELECT count(*) FROM further JOIN public.{features} USING (transaction_id)
                JOIN floor.transactions USING (transaction_id) JOIN floor.{features} USING (transaction_id)),
               count(*), string_agg(DISTINCT key, ', ')
        FROM (SELECT * FROM further WHERE hashtext(transaction_id) % {one_in} = 0) drawn
        JOIN public.{features} p USING (transaction_id) JOIN floor.{features} f USING (transaction_id)
        CROSS JOIN jsonb_each(to_jsonb(p)) one LEFT JOIN LATERAL jsonb_each(to_jsonb(f)) other USING (key)
        WHERE one.value IS DISTINCT FROM other.value
          AND NOT CASE WHEN jsonb_typeof(one.value) = 'number' AND jsonb_typeof(other.value) = 'number'
                       THEN abs(one.value::numeric - other.value::numeric) <= 1e-9 * abs(other.value::numeric)
                       ELSE false END""")
    there, differing, names = found.split("|")
    if (int(there), int(differing)) != (rows, 0):
        raise SystemExit(f"{there} rows instead of {rows} are on both sides, and {differing} features differ: {names}")

"""The server that is measured, through psql and pgbench. Connections are found by PGHOST and the like."""

import glob
import os
import re
import statistics
import subprocess
from concurrent.futures import ThreadPoolExecutor

HERE = os.path.dirname(os.path.abspath(__file__))

# Transaction values that pgbench cannot make at random, and features that hardly change from row to row.
CONSTANTS = {
    "currency": "USD", "merchant_category": "grocery", "payment_method": "credit_card", "card_type": "visa",
    "month": "3", "hour": "14", "day_of_week": "3", "is_business_hour": "1", "is_weekend": "0", "is_night": "0",
    "hour_sin": "-0.5", "hour_cos": "-0.8660254037844386", "amount_log": "5.198497031265826",
    "amount_category": "medium", "is_round_amount": "0", "is_exact_amount": "0", "merchant_risk_score": "0.02",
    "is_private_ip": "0", "transactions_last_10min": "1", "ip_changed": "0", "is_rapid_transaction": "0",
    "is_impossible_travel": "0", "is_amount_anomaly": "0", "fraud_score": "15", "is_fraud_prediction": "0",
}


def run(command, text=""):
    done = subprocess.run(command, input=text, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{command[0]} failed:\n{done.stderr}{done.stdout}")
    return done.stdout


def psql(database, sql, **variables):
    command = ["psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-d", database]
    for name, value in variables.items():
        command += ["-v", f"{name}={value}"]
    return run(command, sql).strip()


def psql_file(database, name, **variables):
    with open(os.path.join(HERE, name)) as file:
        return psql(database, file.read(), **variables)


def seconds(database, *statements):
    """How long a transaction of these statements takes, its commit included."""
    printed = psql(database, "\\timing on\n" + "\n".join(["BEGIN;", *statements, "COMMIT;"]))
    times = re.findall(r"^Time: ([0-9.]+) ms", printed, re.MULTILINE)
    if len(times) != len(statements) + 2:
        raise SystemExit(f"unexpected answer of psql: {printed}")
    return sum(map(float, times)) / 1000


def pgbench_command(database, script, clients, users, first_number, options):
    command = ["pgbench", "-n", "-M", "prepared", "-c", str(clients), "-j", str(min(clients, 2)),
               "-f", os.path.join(HERE, script), "-D", f"number={first_number}", "-D", f"users={users}"]
    for name, value in CONSTANTS.items():
        command += ["-D", f"{name}={value}"]
    for name, value in options.items():
        if name.isupper():
            command += ["-D", f"{name.lower()}={value}"]
        else:
            command.append(f"--{name.replace('_', '-')}" + ("" if value is True else f"={value}"))
    return [*command, database]


def pgbench(database, script, clients, users, first_number=0, warm_up=0, **options):
    """Transactions a second, their number, and their mean latency in ms. The same `first_number` gives the same
    transaction identifiers; options are pgbench's, or variables of the script if their names are in capitals. If it
    runs for a `time`, rate and latency leave out the first `warm_up` seconds, which it runs more; the number does not."""
    if "time" in options:
        options |= {"time": options["time"] + warm_up, "progress": 1}
    done = subprocess.run(pgbench_command(database, script, clients, users, first_number, options),
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    printed = done.stdout

    def number(pattern):
        return float(re.search(pattern, printed, re.MULTILINE).group(1))

    if done.returncode != 0 or number(r"^number of failed transactions: (\d+)") != 0:
        raise SystemExit(f"transactions failed:\n{printed}")
    transactions = int(number(r"^number of transactions actually processed: (\d+)"))
    seconds = re.findall(r"^progress: [0-9.]+ s, ([0-9.]+) tps, lat ([0-9.]+) ms", printed, re.MULTILINE)[warm_up:]
    if not seconds:
        return {"tps": number(r"^tps = ([0-9.]+)"), "latency_ms": number(r"^latency average = ([0-9.]+) ms"),
                "transactions": transactions}
    rates, latencies = ([float(one) for one in column] for column in zip(*seconds))
    return {"tps": statistics.fmean(rates), "latency_ms": statistics.fmean(latencies, rates),
            "transactions": transactions}


def start_pgbench(database, script, clients, users, log, first_number=0, **options):
    """The same with a line for each transaction in files that begin with `log`, not waited for: latencies() does."""
    return subprocess.Popen(pgbench_command(database, script, clients, users, first_number,
                                            {"log": True, "log_prefix": log, **options}),
                            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def latencies(process, log, warm_up=0):
    """Milliseconds of each transaction, from when it was due if there was a rate, sorted; once the process has ended.
    Those that ended in the first `warm_up` seconds are left out."""
    _, errors = process.communicate()
    if process.returncode != 0:
        raise SystemExit(f"pgbench failed:\n{errors}")
    ended = []
    for name in glob.glob(f"{glob.escape(log)}.*"):
        with open(name) as file:
            for line in file:
                _, _, taken, _, second, microsecond, *_ = map(int, line.split())
                ended.append((second + microsecond / 1e6, taken / 1000))
        os.remove(name)
    begin = min(ended)[0] + warm_up
    return sorted(taken for end, taken in ended if end >= begin)


def generator(settings, file, rows, users, span="30d", *options):
    """The command that writes transactions to a CSV file, or to standard output if that is -; they begin with 2025."""
    return [settings.loadgen, "--write-csv", file, "--rows", str(rows), "--users", str(users), "--seed", "1",
            "--span", span, "--start", "2025-01-01 00:00:00", "--no-progress", *options]


def write_transactions(settings, file, rows, users, span="30d", *options):
    run(generator(settings, file, rows, users, span, *options))
    os.chmod(file, 0o644)


def raw_rows(settings, log, rows, users):
    """A file of transactions in COPY's text format. Kept for all figures that begin with the same."""
    raw = os.path.join(settings.files, f"raw_{rows}_{users}")
    if os.path.exists(raw):
        return raw
    log(f"making {rows:,} transactions of {users:,} users")
    csv = f"{raw}.csv"
    write_transactions(settings, csv, rows, users)
    create_database("raw")
    psql("raw", f"""
        BEGIN;
        CREATE TEMP TABLE raw (LIKE transactions);
        COPY raw FROM '{csv}' WITH (FORMAT csv, HEADER);
        COPY raw TO '{raw}';
        COMMIT;""")
    drop_database("raw")
    os.remove(csv)
    return raw


def create_database(name, template=None, catalogue="standard"):
    """A new one: with the extension and the pipeline of a catalogue, or without one if that is None; or a copy. A copy
    of a big one as files, which spares the WAL."""
    psql("postgres", f"CREATE DATABASE {name}" + (f" TEMPLATE {template} STRATEGY file_copy" if template else ""))
    if not template:
        psql(name, "CREATE EXTENSION feature_ext")
        if catalogue:
            psql(name, f"SELECT feature.create_transaction_pipeline(catalogue => '{catalogue}')")


def side_by_side(function, arguments):
    """What the function gives for each of the arguments, from a thread a processor: for preparing what is not measured."""
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        return list(pool.map(function, arguments))


def drop_database(name):
    psql("postgres", f"DROP DATABASE {name}")


def use_floor(database, features="transaction_features"):
    """From now on unqualified names are those of the floor's tables."""
    psql_file(database, "floor.sql", features=features)
    psql(database, f"ALTER DATABASE {database} SET search_path = floor, public")


def checkpoint():
    psql("postgres", "CHECKPOINT")


def counters(database, features="transaction_features"):
    """Counts that only grow: bytes of WAL and of the database, rows of the feature table, updates of state rows."""
    names = "wal_bytes", "full_page_images", "database_bytes", "rows", "updates", "hot_updates"
    values = psql(database, f"""
        SELECT pg_current_wal_insert_lsn() - '0/0',
               (SELECT wal_fpi FROM pg_stat_wal),
               pg_database_size(current_database()),
               (SELECT count(*) FROM {features}),
               coalesce(sum(n_tup_upd), 0), coalesce(sum(n_tup_hot_upd), 0)
        FROM pg_stat_all_tables WHERE relid IN (SELECT states FROM feature_state.list)""")
    return dict(zip(names, map(int, values.split("|"))))


def growth(before, after):
    return {name: after[name] - before[name] for name in before}

// One table holds every option with its argument, its help and its effect, so that the help cannot lag behind.
#include "options.hpp"

#include <algorithm>
#include <functional>
#include <limits>
#include <optional>

#include "value_parsing.hpp"

namespace loadgen {

namespace {

using std::string_view;

constexpr std::uint64_t most_rows = 1'000'000'000'000;
constexpr std::uint64_t most_entities = 1'000'000'000;
constexpr std::uint64_t most_rows_per_insert = 5'000;  // of 13 parameters each; the protocol allows 65,535 parameters
constexpr std::uint64_t most_rows_per_copy = 1'000'000;

// What was given, as far as it cannot be told from the values in Options.
struct Given {
  std::optional<std::uint64_t> seed;
  std::optional<std::string> id_prefix;
  std::optional<std::uint64_t> batch;
  std::optional<EventTime> start;
  std::optional<std::chrono::microseconds> span;
};

struct Rule {
  string_view name;      // empty: the heading of a section
  string_view argument;  // empty: the option takes none
  string_view help;
  std::function<void(string_view)> set = nullptr;
};

InsertMode parse_mode(string_view text) {
  for (const InsertMode mode : {InsertMode::single, InsertMode::batch, InsertMode::copy}) {
    if (text == name_of(mode)) return mode;
  }
  throw BadValue("expected single, batch or copy");
}

Patterns parse_patterns(string_view list) {
  Patterns patterns{false, false, false, false};
  while (!list.empty()) {
    const string_view word = next_word(list);
    if (word == "burst") patterns.burst = true;
    else if (word == "travel") patterns.travel = true;
    else if (word == "amount") patterns.amount = true;
    else if (word == "address") patterns.address = true;
    else throw BadValue("expected a list of burst, travel, amount and address");
  }
  return patterns;
}

// CSV and COPY write the prefix as it is.
std::string parse_prefix(string_view text) {
  constexpr string_view allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.:-";
  if (text.size() > 100 || text.find_first_not_of(allowed) != string_view::npos) {
    throw BadValue("expected at most 100 letters, digits, or any of _ . : -");
  }
  return std::string(text);
}

std::string parse_text(string_view text) {
  if (text.empty()) throw BadValue("expected a text that is not empty");
  return std::string(text);
}

std::vector<Rule> rules(Options& o, Given& given) {
  GeneratorOptions& g = o.generator;
  PopulationOptions& p = g.population;
  return {
      {"", "", "Target"},
      {"conninfo", "TEXT", "connection string or URI; what it leaves out comes from the usual variables\n"
       "(PGHOST, PGPORT, PGDATABASE, PGUSER, PGOPTIONS, ...)",
       [&](string_view v) { o.conninfo = v; }},
      {"table", "NAME", "table to insert into, as SQL text (transactions)",
       [&](string_view v) { o.table = parse_text(v); }},
      {"feature-table", "NAME", "table to read from, as SQL text (transaction_features)",
       [&](string_view v) { o.feature_table = parse_text(v); }},

      {"", "", "Load"},
      {"clients", "N", "connections, each with a thread of its own (1)",
       [&](string_view v) { o.clients = parse_whole(v, 1, 1'000); }},
      {"rows", "N", "end after N rows", [&](string_view v) { o.rows = parse_whole(v, 1, most_rows); }},
      {"duration", "TIME", "end after TIME, such as 30s, 15min, 2h (10s, unless --rows is given); with --rows,\n"
       "whichever comes first",
       [&](string_view v) { o.duration = parse_duration(v); }},
      {"rate", "N", "open loop: N rows a second from all clients together, sent when they are due, and\n"
       "latency counted from then. Without it closed loop: as fast as it goes",
       [&](string_view v) { o.rate = parse_decimal(v, 0.001, 1e8); }},
      {"mode", "MODE", "single: prepared INSERT of one row; batch: prepared INSERT of several rows;\n"
       "copy: COPY of several rows. Each statement is a transaction (single)",
       [&](string_view v) { o.mode = parse_mode(v); }},
      {"batch", "N", "rows in a statement of batch (100, at most 5000) or copy (1000)",
       [&](string_view v) { given.batch = parse_whole(v, 1, most_rows_per_copy); }},
      {"in-turn", "", "send the rows of a user one after the other, whatever the number of clients, so that they\n"
       "arrive in the order of their event times",
       [&](string_view) { o.in_turn = true; }},
      {"reads", "SHARE", "share of operations, 0 to 1, that read the feature rows of a user (0)",
       [&](string_view v) { o.read_share = parse_decimal(v, 0, 1); }},
      {"read-window", "TIME", "how far back a read goes from now or, with --span, from where the load is (1h)",
       [&](string_view v) { o.read_window = parse_duration(v); }},
      {"retries", "N", "how often an operation is tried again after SQLSTATE 40001 or 40P01, and after a lost\n"
       "connection (10)",
       [&](string_view v) { o.retries = parse_whole(v, 0, 1'000); }},
      {"reconnect-for", "TIME", "how long to try to get a lost connection back before giving up (30s)",
       [&](string_view v) { o.reconnect_for = parse_duration(v); }},

      {"", "", "Rows"},
      {"seed", "N", "what the rows are drawn from (random; the summary tells it)",
       [&](string_view v) { given.seed = parse_whole(v, 0, std::numeric_limits<std::uint64_t>::max()); }},
      {"id-prefix", "TEXT", "transaction ids are TEXT and the row's number (t, the seed, -)",
       [&](string_view v) { given.id_prefix = parse_prefix(v); }},
      {"users", "N", "number of users (10000)", [&](string_view v) { p.users = parse_whole(v, 1, most_entities); }},
      {"merchants", "N", "number of merchants (1000)",
       [&](string_view v) { p.merchants = parse_whole(v, 1, most_entities); }},
      {"devices", "N", "number of devices; a user has up to three (20000)",
       [&](string_view v) { p.devices = parse_whole(v, 1, most_entities); }},
      {"user-skew", "S", "Zipf exponent of users, 0 for uniform; user_1 is the busiest (0.8)",
       [&](string_view v) { p.user_skew = parse_decimal(v, 0, 10); }},
      {"merchant-skew", "S", "the same of merchants (1)",
       [&](string_view v) { p.merchant_skew = parse_decimal(v, 0, 10); }},
      {"device-skew", "S", "the same of devices: skewed ones are shared by many users (0)",
       [&](string_view v) { p.device_skew = parse_decimal(v, 0, 10); }},
      {"amount-median", "X", "amounts are log-normal; their median before the factors of user and category (40)",
       [&](string_view v) { g.amount_median = parse_decimal(v, 0.01, 1e6); }},
      {"amount-sigma", "X", "standard deviation of their logarithm (0.6)",
       [&](string_view v) { g.amount_sigma = parse_decimal(v, 0, 5); }},
      {"fraud", "SHARE", "share of rows, 0 to 1, that are part of a fraud pattern (0.02)",
       [&](string_view v) { g.fraud_share = parse_decimal(v, 0, 1); }},
      {"patterns", "LIST", "the patterns, equally often: burst (6 to 12 quick small payments), travel (the second\n"
       "payment on the other side of the world), amount (20 to 50 times the usual), address\n"
       "(6 payments from 6 addresses) (burst,travel,amount,address)",
       [&](string_view v) { g.patterns = parse_patterns(v); }},

      {"", "", "Event times"},
      {"span", "TIME", "spread the times of --rows rows over TIME, in row order and all different. Without it\n"
       "rows are stamped with this machine's clock as they are sent",
       [&](string_view v) { given.span = parse_duration(v); }},
      {"start", "TIME", "where the span begins, in UTC, such as \"2025-01-31 23:59:59\" (so that it ends now)",
       [&](string_view v) { given.start = parse_time(v); }},
      {"late", "SHARE", "share of rows, 0 to 1, with an event time before their place in the stream (0)",
       [&](string_view v) { g.late_share = parse_decimal(v, 0, 1); }},
      {"late-by", "TIME", "how much before, at most; uniform (10min)",
       [&](string_view v) { g.late_by = parse_duration(v); }},

      {"", "", "Output"},
      {"write-csv", "FILE", "write --rows rows to FILE (- for standard output) instead of a database, for\n"
       "COPY ... WITH (FORMAT csv, HEADER). Needs --span",
       [&](string_view v) { o.csv_file = parse_text(v); }},
      {"json", "FILE", "write the summary to FILE (- for standard output) as JSON too",
       [&](string_view v) { o.json_file = parse_text(v); }},
      {"progress", "", "a line of progress each second, though standard error is no terminal",
       [&](string_view) { o.progress = ProgressLines::always; }},
      {"no-progress", "", "no such line, though it is one", [&](string_view) { o.progress = ProgressLines::never; }},
      {"help", "", "this text", [&](string_view) { o.help = true; }},
  };
}

constexpr string_view introduction =
    "feature-loadgen inserts made-up card transactions into PostgreSQL and measures how long that takes.\n"
    "\n"
    "Usage: feature-loadgen [OPTION]...\n"
    "\n"
    "In brackets is what holds if an option is not given. SHARE is a number from 0 to 1; TIME is a number with ms,\n"
    "s, min, h or d. \"--name value\" and \"--name=value\" are the same.\n";

constexpr string_view conclusion =
    "\n"
    "What can be repeated: row n has the same content in every run with the same --seed and the same options under\n"
    "Rows and Event times (and --rows, if --span is given), whatever the clients, mode, batch, rate and reads. Its\n"
    "time is the same too if --start is given; otherwise it follows the clock. Statements are the same for the same\n"
    "--batch and --reads; they begin in row order, but the order in which they commit is up to the server unless\n"
    "there is one client. Two runs with the same seed have the same transaction ids, unless --id-prefix tells them\n"
    "apart. Homes, addresses, devices and cards of users and the categories of merchants do not depend on the seed,\n"
    "so that a live load can follow a bulk load.\n"
    "\n"
    "What is measured: one latency for each statement that succeeded, retries and reconnects included; from when it\n"
    "was due (open loop) or sent (closed loop) until its commit was confirmed. Percentiles are nearest-rank over all\n"
    "of them. For rows and for reads, scheduled = succeeded + failed + skipped. Skipped is what was due or taken by a\n"
    "client but not sent, because the run ended. A statement whose connection is lost is sent again; if that violates\n"
    "a unique key, the first try had been committed, and it counts as succeeded. So the table needs its primary key.\n"
    "Isolation and the like are set by libpq: PGOPTIONS=\"-c default_transaction_isolation=serializable\".\n"
    "\n"
    "Interrupt (Ctrl-C) ends the run with its summary; a second one kills the program.\n"
    "\n"
    "Exit status: 0 done; 1 cannot run, or something failed; 2 bad option; 3 the identity above is violated.\n";

void check_and_complete(Options& o, const Given& given, const Defaults& defaults) {
  const bool to_csv = !o.csv_file.empty();
  if (to_csv && (o.rows == 0 || !given.span)) throw BadOption("--write-csv needs --rows and --span");
  if (to_csv && !o.json_file.empty()) throw BadOption("--json sums up a run, and --write-csv makes none");
  if (given.span && o.rows == 0) throw BadOption("--span needs --rows");
  if (given.start && !given.span) throw BadOption("--start needs --span");
  if (given.span && o.in_turn) throw BadOption("--in-turn is for rows that are stamped as they are sent: no --span");
  if (given.span && static_cast<std::uint64_t>(given.span->count()) < o.rows) {
    throw BadOption("--span is too short: it has fewer microseconds than there are rows");
  }
  if (o.read_share == 1 && o.rows > 0) throw BadOption("--reads 1 inserts no rows, so --rows cannot end the run");
  // The interleaving of inserts and reads has a resolution of a millionth.
  if (o.read_share > 0.999999 && o.read_share < 1) throw BadOption("--reads is to be 1, or 0.999999 at most");

  switch (o.mode) {
    case InsertMode::single:
      if (given.batch && *given.batch != 1) throw BadOption("--batch needs --mode batch or --mode copy");
      o.rows_per_statement = 1;
      break;
    case InsertMode::batch:
      o.rows_per_statement = given.batch.value_or(100);
      if (o.rows_per_statement > most_rows_per_insert) throw BadOption("--batch is 5000 at most in --mode batch");
      break;
    case InsertMode::copy: o.rows_per_statement = given.batch.value_or(1'000); break;
  }
  if (o.rows == 0 && o.duration.count() == 0) o.duration = std::chrono::seconds(10);

  o.generator.seed = given.seed.value_or(defaults.seed);
  o.id_prefix = given.id_prefix.value_or("t" + std::to_string(o.generator.seed) + "-");
  if (given.span) {
    o.generator.span = Span{given.start.value_or(defaults.now - *given.span), *given.span, o.rows};
  }
}

}  // namespace

Options parse_options(const std::vector<string_view>& arguments, const Defaults& defaults) {
  Options options;
  Given given;
  const std::vector<Rule> all = rules(options, given);
  for (auto argument = arguments.begin(); argument != arguments.end(); ++argument) {
    if (argument->substr(0, 2) != "--") throw BadOption("unexpected argument \"" + std::string(*argument) + "\"");
    const std::size_t equals = argument->find('=');
    const string_view name = argument->substr(2, equals == string_view::npos ? equals : equals - 2);
    const std::string shown = "--" + std::string(name);
    const auto rule =
        std::find_if(all.begin(), all.end(), [&](const Rule& r) { return !name.empty() && r.name == name; });
    if (rule == all.end()) throw BadOption("unknown option " + shown);

    string_view value;
    if (equals != string_view::npos) {
      if (rule->argument.empty()) throw BadOption(shown + " takes no value");
      value = argument->substr(equals + 1);
    } else if (!rule->argument.empty()) {
      if (++argument == arguments.end()) throw BadOption(shown + " needs a value");
      value = *argument;
    }
    try {
      rule->set(value);
    } catch (const BadValue& bad) {
      throw BadOption("bad value \"" + std::string(value) + "\" for " + shown + ": " + bad.what());
    }
  }
  if (!options.help) check_and_complete(options, given, defaults);
  return options;
}

std::string help_text() {
  constexpr std::size_t help_column = 24;
  Options options;
  Given given;
  std::string text(introduction);
  for (const Rule& rule : rules(options, given)) {
    if (rule.name.empty()) {
      text.append("\n").append(rule.help).append(":\n");
      continue;
    }
    std::string left = "  --" + std::string(rule.name);
    if (!rule.argument.empty()) left.append(" ").append(rule.argument);
    left.resize(std::max(left.size() + 1, help_column), ' ');
    text += left;
    for (const char letter : rule.help) {
      text += letter;
      if (letter == '\n') text.append(help_column, ' ');
    }
    text += '\n';
  }
  return text.append(conclusion);
}

string_view name_of(InsertMode mode) {
  switch (mode) {
    case InsertMode::single: return "single";
    case InsertMode::batch: return "batch";
    case InsertMode::copy: return "copy";
  }
  return "";
}

}  // namespace loadgen

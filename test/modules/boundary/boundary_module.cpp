// Functions that fail in every way the boundary must handle. `Witness` objects stand for whatever a C++ frame owns:
// after each failure none may be left.

#include <functional>

#include "pg/boundary.hpp"

#include "../module.hpp"
#include "kernel/error.hpp"
#include "pg/memory.hpp"

extern "C" {
#include <access/xact.h>
#include <executor/spi.h>
#include <utils/builtins.h>
#include <utils/resowner.h>
}

namespace {

using feature::call;
using feature::guard;
using feature::PgError;
using feature::SqlError;

struct Witness {
  static int live;
  Witness() { ++live; }
  Witness(const Witness&) = delete;
  Witness& operator=(const Witness&) = delete;
  ~Witness() { --live; }
};
int Witness::live = 0;

// Raises an ERROR of the backend; only inside call.
void raise(const char* message) {
  ereport(ERROR, (errcode(ERRCODE_CARDINALITY_VIOLATION), errmsg("%s", message),
                  errdetail("The detail of %s.", message), errhint("The hint of %s.", message)));
}

// Runs body below `depth` C++ frames that own something.
void below(int depth, const std::function<void()>& body) {
  const Witness witness;
  const auto heap = std::make_unique<Witness>();
  const std::string text(100, 'x');
  if (depth > 0) return below(depth - 1, body);
  body();
}

Datum make_text(const std::string& text) {
  return call([&] { return PointerGetDatum(cstring_to_text_with_len(text.data(), static_cast<int>(text.size()))); });
}

// Runs a command; only inside call.
void execute(const char* command) {
  SPI_connect();
  SPI_execute(command, false, 0);
  SPI_finish();
}

// A subtransaction as PL/pgSQL's EXCEPTION block makes one. The caller rolls it back.
class Subtransaction {
 public:
  Subtransaction() : context_(CurrentMemoryContext), owner_(CurrentResourceOwner) {
    call([&] {
      BeginInternalSubTransaction(nullptr);
      MemoryContextSwitchTo(context_);
    });
  }
  void rollback() {
    call([&] {
      RollbackAndReleaseCurrentSubTransaction();
      MemoryContextSwitchTo(context_);
      CurrentResourceOwner = owner_;
    });
  }

 private:
  MemoryContext context_;
  ResourceOwner owner_;
};

}  // namespace

// Objects that no destructor has run for.
MODULE_FUNCTION(boundary_live) {
  static_cast<void>(fcinfo);
  PG_RETURN_INT32(Witness::live);
}

// throw(what text): a C++ exception leaves guard.
MODULE_FUNCTION(boundary_throw) {
  return guard([&]() -> Datum {
    const std::string what = call([&] { return text_to_cstring(PG_GETARG_TEXT_PP(0)); });
    below(3, [&] {
      if (what == "runtime_error") throw std::runtime_error("thrown as runtime_error");
      if (what == "corrupt_state") throw feature::CorruptState("thrown as CorruptState");
      if (what == "out_of_range") throw feature::OutOfRange("thrown as OutOfRange");
      if (what == "invalid_text") throw feature::InvalidText("thrown as InvalidText");
      if (what == "bad_alloc") throw std::bad_alloc();
      if (what == "int") throw 42;
      if (what == "sql_error") throw SqlError(ERRCODE_FEATURE_NOT_SUPPORTED, "thrown as SqlError");
      if (what == "sql_error with everything") {
        throw SqlError(ERRCODE_FEATURE_NOT_SUPPORTED, "thrown as SqlError")
            .detail("The detail.")
            .hint("The hint.")
            .at("SELECT first, second FROM t", 14);
      }
    });
    return 0;
  });
}

// allocate(bytes bigint): kernel code asks a memory context for memory.
MODULE_FUNCTION(boundary_allocate) {
  return guard([&] {
    const Witness witness;
    feature::ContextResource memory(CurrentMemoryContext);
    std::pmr::vector<char> bytes(static_cast<std::size_t>(PG_GETARG_INT64(0)), &memory);
    return Int64GetDatum(static_cast<std::int64_t>(bytes.size()));
  });
}

// raise(depth int): an ERROR of the backend below C++ frames.
MODULE_FUNCTION(boundary_raise) {
  return guard([&]() -> Datum {
    below(PG_GETARG_INT32(0), [] { call([] { raise("an error of the backend"); }); });
    return 0;
  });
}

// rethrow(): an ERROR passes a catch-all that cleans up with the backend's help and throws it on.
MODULE_FUNCTION(boundary_rethrow) {
  static_cast<void>(fcinfo);
  return guard([&]() -> Datum {
    const Witness outer;
    try {
      below(2, [] { call([] { raise("the error thrown on"); }); });
    } catch (...) {
      const Witness inner;
      call([] { pfree(palloc(100)); });
      throw;
    }
    return 0;
  });
}

// raise_while_handling(): a second ERROR, in the handler of the first, takes its place.
MODULE_FUNCTION(boundary_raise_while_handling) {
  static_cast<void>(fcinfo);
  return guard([&]() -> Datum {
    const Witness outer;
    try {
      below(2, [] { call([] { raise("the first error"); }); });
    } catch (...) {
      below(2, [] { call([] { raise("the second error"); }); });
    }
    return 0;
  });
}

// catch_in_subtransaction(command text): what an ERROR of the command was, after it has been caught and rolled back;
// the transaction goes on.
MODULE_FUNCTION(boundary_catch_in_subtransaction) {
  return guard([&] {
    const Witness outer;
    const char* command = call([&] { return text_to_cstring(PG_GETARG_TEXT_PP(0)); });
    const auto* exception_stack = PG_exception_stack;
    const auto* context_stack = error_context_stack;
    std::string result = "no error";
    Subtransaction subtransaction;
    try {
      below(2, [&] { call([&] { execute(command); }); });
    } catch (const PgError& error) {
      result = std::string(error.what()) + " (" + unpack_sql_state(error.data().sqlerrcode) + ")";
    }
    subtransaction.rollback();
    if (exception_stack != PG_exception_stack || context_stack != error_context_stack) {
      result += ", stacks not restored";
    }
    call([&] { execute("INSERT INTO boundary.log VALUES ('after the caught error')"); });
    return make_text(result);
  });
}

// catch_many(count int): bytes of memory that are left over from so many caught ERRORs. Their message is long, because
// recent minor releases of PostgreSQL copy file and function name with an error and never free those: some 160 bytes
// an error.
MODULE_FUNCTION(boundary_catch_many) {
  return guard([&] {
    const int count = PG_GETARG_INT32(0);
    const std::string message(10'000, 'x');
    const Size before = MemoryContextMemAllocated(TopMemoryContext, true);
    for (int i = 0; i < count; ++i) {
      try {
        below(1, [&] { call([&] { raise(message.c_str()); }); });
      } catch (const PgError&) {
      }
    }
    return Int64GetDatum(static_cast<std::int64_t>(MemoryContextMemAllocated(TopMemoryContext, true) - before));
  });
}

// nest(depth int): calls itself through SQL, so that guards lie within calls within guards, and fails at the bottom.
MODULE_FUNCTION(boundary_nest) {
  return guard([&]() -> Datum {
    const int depth = PG_GETARG_INT32(0);
    below(1, [&] {
      if (depth == 0) throw SqlError(ERRCODE_DATA_EXCEPTION, "thrown at the bottom").detail("The detail.");
      const std::string command = "SELECT boundary.nest(" + std::to_string(depth - 1) + ")";
      call([&] { execute(command.c_str()); });
    });
    return 0;
  });
}

// wait(): until the query is cancelled.
MODULE_FUNCTION(boundary_wait) {
  static_cast<void>(fcinfo);
  return guard([&]() -> Datum {
    below(3, [] {
      call([] {
        for (;;) {
          pg_usleep(1000);
          CHECK_FOR_INTERRUPTS();
        }
      });
    });
    return 0;
  });
}

// How errors change sides. See boundary.hpp.

#include "pg/boundary.hpp"

#include "kernel/error.hpp"

namespace feature {

PgError::~PgError() {
  if (data_ != nullptr) FreeErrorData(data_);
}

namespace {

// Builds ErrorData as ereport would, in the current memory context. Runs backend code that may itself fail for lack of
// memory, so it is only used inside call.
ErrorData* make_error_data(int sqlstate, const char* message, const char* detail, const char* hint) {
  auto* error = static_cast<ErrorData*>(palloc0(sizeof(ErrorData)));
  error->elevel = ERROR;
  error->output_to_server = true;
  error->output_to_client = true;
  error->sqlerrcode = sqlstate;
  error->message = pstrdup(message);
  if (detail != nullptr && *detail != '\0') error->detail = pstrdup(detail);
  if (hint != nullptr && *hint != '\0') error->hint = pstrdup(hint);
  error->assoc_context = CurrentMemoryContext;
  return error;
}

}  // namespace

ErrorData* to_error_data(const SqlError& error) {
  ErrorData* data =
      make_error_data(error.sqlstate_, error.message_.c_str(), error.detail_.c_str(), error.hint_.c_str());
  if (error.offset_ >= 0) {
    data->internalquery = pstrdup(error.query_.c_str());
    // Positions are counted in characters from one, offsets in bytes from zero.
    data->internalpos = pg_mbstrlen_with_len(error.query_.c_str(), error.offset_) + 1;
  }
  return data;
}

namespace boundary {

MemoryContext KeepErrors::context_ = nullptr;

void throw_pending_error(MemoryContext context) {
  MemoryContextSwitchTo(KeepErrors::context_or(context));
  ErrorData* error = CopyErrorData();
  FlushErrorState();
  MemoryContextSwitchTo(context);
  throw PgError(error);
}

ErrorData* current_exception_to_error() noexcept {
  // The outer try catches what building the report itself throws: out of memory while reporting.
  try {
    try {
      throw;
    } catch (PgError& error) {
      return error.release();
    } catch (const SqlError& error) {
      return call([&] { return to_error_data(error); });
    } catch (const CorruptState& error) {
      return call([&] {
        return make_error_data(ERRCODE_DATA_CORRUPTED, error.what(), nullptr,
                               "Recompute the feature view with feature.refresh().");
      });
    } catch (const EventsLeft& error) {
      return call([&] {
        return make_error_data(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, error.what(),
                               "The row is later than the view's frames and its lateness allow.",
                               "Recompute the feature view with feature.refresh() once the row is in its source.");
      });
    } catch (const OutOfRange& error) {
      return call([&] { return make_error_data(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE, error.what(), nullptr, nullptr); });
    } catch (const InvalidText& error) {
      return call([&] { return make_error_data(ERRCODE_INVALID_TEXT_REPRESENTATION, error.what(), nullptr, nullptr); });
    } catch (const std::bad_alloc&) {
      return call([&] { return make_error_data(ERRCODE_OUT_OF_MEMORY, "out of memory", nullptr, nullptr); });
    } catch (const std::exception& error) {
      return call([&] { return make_error_data(ERRCODE_INTERNAL_ERROR, error.what(), nullptr, nullptr); });
    } catch (...) {
      return call([&] { return make_error_data(ERRCODE_INTERNAL_ERROR, "unknown C++ exception", nullptr, nullptr); });
    }
  } catch (PgError& error) {
    return error.release();
  } catch (...) {
    return nullptr;
  }
}

void report(ErrorData* error) {
  if (error == nullptr) ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
  ReThrowError(error);
}

}  // namespace boundary
}  // namespace feature

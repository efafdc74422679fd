// What the aggregates of this folder share: where states live, parameters that are constant over a frame, and images of
// states.
//
// A state is of the pseudo-type internal: a pointer into the aggregate's memory context, which frees it. Nothing runs
// its destructor, so all memory of a state comes from that context. Transition functions change their state in place;
// final functions never change it, so that a window function can go on with it. Combine functions take the left state
// for what came first, copy what they keep of the right one, and make the left one if it is NULL.
//
// The functions that call the backend own no C++ object with a destructor and report errors by ereport. Those that run
// C++ code which may throw do so within guard, and no backend code with it.
#pragma once

#include "pg/boundary.hpp"

#include <cstring>
#include <new>
#include <type_traits>

extern "C" {
#include <lib/stringinfo.h>
}

namespace feature {

// The memory context of the aggregate that calls; an ERROR if no aggregate does.
[[nodiscard]] inline MemoryContext aggregate_context(FunctionCallInfo fcinfo) {
  MemoryContext context;
  if (!AggCheckCallContext(fcinfo, &context)) {
    ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                    errmsg("aggregate support function called in non-aggregate context")));
  }
  return context;
}

// The argument as a state, null if it is NULL.
template <class State>
[[nodiscard]] State* state_argument(FunctionCallInfo fcinfo, int number) {
  return PG_ARGISNULL(number) ? nullptr : reinterpret_cast<State*>(PG_GETARG_POINTER(number));
}

template <class State, class... Arguments>
[[nodiscard]] State* make_state(MemoryContext context, Arguments&&... arguments) {
  return new (MemoryContextAlloc(context, sizeof(State))) State(std::forward<Arguments>(arguments)...);
}

// An image that no serialise function has written, or that was written for another type.
[[noreturn]] inline void report_damaged_state() {
  ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED), errmsg("stored aggregate state is damaged"),
                  errhint("Recompute the feature view with feature.refresh().")));
  pg_unreachable();
}

// Writes and reads images: bytea values that only serialise and deserialise functions see.
class ImageWriter {
 public:
  ImageWriter() {
    initStringInfo(&buffer_);
    appendStringInfoSpaces(&buffer_, VARHDRSZ);
  }

  void bytes(const void* data, std::size_t size) {
    appendBinaryStringInfo(&buffer_, static_cast<const char*>(data), static_cast<int>(size));
  }
  template <class T>
  void put(const T& value) {
    static_assert(std::is_trivially_copyable_v<T>);
    bytes(&value, sizeof value);
  }

  [[nodiscard]] Datum finish() {
    SET_VARSIZE(buffer_.data, buffer_.len);
    return PointerGetDatum(buffer_.data);
  }

 private:
  StringInfoData buffer_;
};

class ImageReader {
 public:
  explicit ImageReader(Datum image) {
    const varlena* bytes = PG_DETOAST_DATUM_PACKED(image);
    next_ = VARDATA_ANY(bytes);
    end_ = next_ + VARSIZE_ANY_EXHDR(bytes);
  }

  [[nodiscard]] const char* bytes(std::size_t size) {
    if (static_cast<std::size_t>(end_ - next_) < size) report_damaged_state();
    return std::exchange(next_, next_ + size);
  }
  template <class T>
  [[nodiscard]] T get() {
    static_assert(std::is_trivially_copyable_v<T>);
    alignas(T) char value[sizeof(T)];
    std::memcpy(value, bytes(sizeof(T)), sizeof(T));
    return *std::launder(reinterpret_cast<T*>(value));
  }
  // Nothing may follow.
  void finish() const {
    if (next_ != end_) report_damaged_state();
  }

 private:
  const char* next_;
  const char* end_;
};

// An argument that is the same for all rows that are in the frame at one time, NULL or not.
template <class T>
class Parameter {
 public:
  // A row comes in or goes out.
  void enter(T value, bool null, const char* name) {
    if (rows_ == 0) {
      value_ = null ? T{} : value;
      null_ = null;
    } else if (null != null_ || (!null && value != value_)) {
      report_different(name);
    }
    ++rows_;
  }
  void leave() { --rows_; }

  // The rows of another state join.
  void merge(const Parameter& other, const char* name) {
    if (other.rows_ == 0) return;
    enter(other.value_, other.null_, name);
    rows_ += other.rows_ - 1;
  }

  [[nodiscard]] bool null() const { return null_; }
  [[nodiscard]] T value() const { return value_; }

  void write(ImageWriter& image) const {
    image.put(rows_);
    image.put(static_cast<char>(null_));
    image.put(value_);
  }
  // `valid` says whether a value that is not NULL is one that can have come in.
  template <class Valid>
  void read(ImageReader& image, Valid valid) {
    rows_ = image.get<int64>();
    null_ = image.get<char>() != 0;
    value_ = image.get<T>();
    const bool plausible = null_ ? value_ == T{} : rows_ > 0 && valid(value_);
    if (rows_ < 0 || !plausible) report_damaged_state();
  }

 private:
  [[noreturn]] static void report_different(const char* name) {
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("%s must be the same for all rows", name)));
    pg_unreachable();
  }

  int64 rows_ = 0;
  T value_{};
  bool null_ = true;
};

// How many values an aggregate returns at most: the third argument of its transition function, above zero.
class Limit : public Parameter<int32> {
 public:
  void enter(FunctionCallInfo fcinfo) {
    const bool null = PG_ARGISNULL(2);
    const int32 values = null ? 0 : PG_GETARG_INT32(2);
    if (!null && !valid(values)) {
      ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("%s must be greater than zero", name)));
    }
    Parameter::enter(values, null, name);
  }
  void merge(const Limit& other) { Parameter::merge(other, name); }
  void read(ImageReader& image) { Parameter::read(image, valid); }

 private:
  static constexpr const char* name = "number of values";
  [[nodiscard]] static bool valid(int32 values) { return values > 0; }
};

}  // namespace feature

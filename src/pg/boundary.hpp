// The boundary between C++ and PostgreSQL.
//
// PostgreSQL reports errors by longjmp, which skips destructors; C++ reports them by exceptions, which must not cross C
// frames. So each SQL-callable body is `return guard([&] { ... });`, and each piece of it that calls the backend is
// `call([&] { ... })`. Between the two ordinary C++ holds: destructors run, whoever fails.
//
//   call   runs backend code; an ERROR in it arrives as a PgError exception that carries the ErrorData.
//          The body must not own C++ objects that have destructors, and must not throw.
//   guard  runs C++ code; whatever it throws leaves as a PostgreSQL error, after all C++ objects are gone.
//
// A call costs one sigsetjmp, about 10 ns: batch what belongs together.
#pragma once

#include "pg/postgres.hpp"

namespace feature {

// A PostgreSQL error on its way through C++ frames. Owns the ErrorData until guard takes it.
class PgError : public std::exception {
 public:
  explicit PgError(ErrorData* data) noexcept : data_(data) {}
  PgError(PgError&& other) noexcept : data_(std::exchange(other.data_, nullptr)) {}
  PgError(const PgError&) = delete;
  PgError& operator=(const PgError&) = delete;
  ~PgError() override;

  [[nodiscard]] const ErrorData& data() const noexcept { return *data_; }
  [[nodiscard]] ErrorData* release() noexcept { return std::exchange(data_, nullptr); }
  [[nodiscard]] const char* what() const noexcept override { return data_->message ? data_->message : "error"; }

 private:
  ErrorData* data_;
};

// An error of our own, to be reported to the user in PostgreSQL's style: message short, lower case, no full stop;
// detail and hint are sentences. `position` is a byte offset into `query`, or negative.
class SqlError : public std::exception {
 public:
  SqlError(int sqlstate, std::string message) : sqlstate_(sqlstate), message_(std::move(message)) {}

  SqlError&& detail(std::string text) && { detail_ = std::move(text); return std::move(*this); }
  SqlError&& hint(std::string text) && { hint_ = std::move(text); return std::move(*this); }
  SqlError&& at(std::string_view query, int offset) && {
    query_ = query;
    offset_ = offset;
    return std::move(*this);
  }

  [[nodiscard]] const char* what() const noexcept override { return message_.c_str(); }

 private:
  friend ErrorData* to_error_data(const SqlError& error);
  int sqlstate_;
  std::string message_, detail_, hint_, query_;
  int offset_ = -1;
};

namespace boundary {

// Restores the backend's error stacks on every way out of a call.
class ErrorStacks {
 public:
  ErrorStacks() : exception_(PG_exception_stack), context_(error_context_stack) {}
  ErrorStacks(const ErrorStacks&) = delete;
  ErrorStacks& operator=(const ErrorStacks&) = delete;
  ~ErrorStacks() {
    PG_exception_stack = exception_;
    error_context_stack = context_;
  }
  void restore_context() const { error_context_stack = context_; PG_exception_stack = exception_; }

 private:
  sigjmp_buf* exception_;
  ErrorContextCallback* context_;
};

// While it lives, errors are kept in the context that was current when it was made: it outlives all C++ objects inside,
// and so every memory context that they own.
class KeepErrors {
 public:
  KeepErrors() : outer_(std::exchange(context_, CurrentMemoryContext)) {}
  KeepErrors(const KeepErrors&) = delete;
  KeepErrors& operator=(const KeepErrors&) = delete;
  ~KeepErrors() { context_ = outer_; }

  // The innermost one's context, or `other` if there is none.
  [[nodiscard]] static MemoryContext context_or(MemoryContext other) { return context_ == nullptr ? other : context_; }

 private:
  static MemoryContext context_;
  MemoryContext outer_;
};

// Takes the pending error off the backend's error stack, makes `context` current again, and throws.
[[noreturn]] void throw_pending_error(MemoryContext context);

// Turns the exception being handled into ErrorData. Called inside a catch block; never throws.
[[nodiscard]] ErrorData* current_exception_to_error() noexcept;

[[noreturn]] void report(ErrorData* error);

}  // namespace boundary

template <class Body>
[[gnu::noinline]] auto call(Body&& body) -> decltype(body()) {
  const MemoryContext context = CurrentMemoryContext;
  const boundary::ErrorStacks stacks;
  sigjmp_buf here;
  if (sigsetjmp(here, 0) == 0) {
    PG_exception_stack = &here;
    return body();
  }
  stacks.restore_context();
  boundary::throw_pending_error(context);
}

// For C++ code that takes long. A cancelled statement is an exception here, as other errors of the backend are.
inline void check_interrupts() {
  if (INTERRUPTS_PENDING_CONDITION()) call([] { CHECK_FOR_INTERRUPTS(); });
}

template <class Body>
Datum guard(Body&& body) {
  ErrorData* error;
  try {
    const boundary::KeepErrors keep;
    return body();
  } catch (...) {
    error = boundary::current_exception_to_error();
  }
  boundary::report(error);
}

}  // namespace feature

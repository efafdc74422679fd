// What a definition may not hold once its types are known, and how it is told: position, reason, hint.
#pragma once

#include "pg/boundary.hpp"

extern "C" {
#include <nodes/parsenodes.h>
#include <nodes/primnodes.h>
}

namespace feature {

class Refusals {
 public:
  // `text` is what positions refer to, or null when a stored definition is compiled again.
  explicit Refusals(const char* text) : text_(text) {}

  // Refuses volatile functions, functions of the clock or the session, and references to whole rows and system columns.
  void unfit_expression(Node* tree) const;

  [[noreturn]] void unsupported_function(const WindowFunc* function) const;
  [[noreturn]] void window_without_time(const WindowFunc* function) const;
  [[noreturn]] void several_times(const WindowFunc* function) const;
  [[noreturn]] void time_not_a_column(Node* expression) const;
  [[noreturn]] void time_type(Node* expression, Oid type) const;
  [[noreturn]] void descending_time(Node* expression) const;
  [[noreturn]] void different_times(Node* expression) const;
  [[noreturn]] void mutable_entity(Node* expression) const;
  [[noreturn]] void entity_type(Node* expression, Oid type) const;
  [[noreturn]] void record_type(Node* expression) const;
  [[noreturn]] void row_number(const char* function, Node* expression, const char* problem) const;
  [[noreturn]] void frame(const WindowFunc* function, const char* what, const char* reason, const char* hint) const;
  [[noreturn]] void frame_offset(const WindowFunc* function, int sqlstate, const char* problem) const;
  [[noreturn]] void shared_list(const WindowFunc* function, const std::string& entity, const char* reason,
                                const char* hint) const;

 private:
  [[nodiscard]] SqlError at(SqlError&& error, int location) const;

  const char* text_;
};

// The name of a function as the user would write it, for messages.
[[nodiscard]] std::string function_name(Oid function);

}  // namespace feature

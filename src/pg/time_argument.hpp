// Event times that functions are given, and where views keep them.
#pragma once

#include "pg/program.hpp"

namespace feature {

// The second argument of a function, called `name`, as a value of a view's event time type: a text is read as one,
// anything else is cast if that loses nothing. Throws SqlError if it cannot be, or, with this hint, if it is infinite.
[[nodiscard]] Datum time_argument(FunctionCallInfo fcinfo, const char* name, const ViewIdentity& view, Oid type,
                                  const char* hint_if_infinite);

// The columns of the feature table that hold the event time: attributes, the first of them being enough to find rows
// by.
[[nodiscard]] std::vector<AttrNumber> time_attributes(const Program& program);

}  // namespace feature

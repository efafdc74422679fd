// The final functions, as in numeric.c and float.c.

#include "pg/finish.hpp"

#include <cmath>

#include "kernel/holistic.hpp"
#include "pg/catalogue_aggregate.hpp"

extern "C" {
#include <utils/fmgrprotos.h>
#include <utils/numeric.h>
}

namespace feature {
namespace {

Datum int128_to_numeric(__int128 number) {
  if (number >= PG_INT64_MIN && number <= PG_INT64_MAX) {
    return NumericGetDatum(int64_to_numeric(static_cast<std::int64_t>(number)));
  }
  char digits[48];
  char* first = digits + sizeof digits;
  *--first = '\0';
  const bool negative = number < 0;
  auto rest = negative ? -static_cast<unsigned __int128>(number) : static_cast<unsigned __int128>(number);
  for (; rest != 0; rest /= 10) *--first = static_cast<char>('0' + static_cast<int>(rest % 10));
  if (negative) *--first = '-';
  return DirectFunctionCall3(numeric_in, CStringGetDatum(first), ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1));
}

}  // namespace

Datum finish(const WindowFunction& function, const Accumulator& accumulator, bool* null) {
  const std::int64_t count = accumulator.count;
  const auto n = static_cast<double>(count);
  *null = count == 0;
  switch (function.finish) {
    case Finish::count: *null = false; return Int64GetDatum(count);
    case Finish::catalogue:
      return static_cast<const CatalogueAggregate*>(function.aggregate)->finish(accumulator, null);
    case Finish::value: *null = count != 1; return accumulator.word;
    case Finish::var_samp:
    case Finish::stddev_samp: *null = count <= 1; break;
    default: break;
  }
  if (*null) return 0;
  switch (function.finish) {
    case Finish::integer_sum: return Int64GetDatum(static_cast<std::int64_t>(accumulator.total));
    case Finish::numeric_sum: return int128_to_numeric(accumulator.total);
    case Finish::numeric_average:
      return DirectFunctionCall2(numeric_div, int128_to_numeric(accumulator.total),
                                 NumericGetDatum(int64_to_numeric(count)));
    case Finish::float4_sum: return Float4GetDatum(static_cast<float>(accumulator.sum));
    case Finish::float8_sum: return Float8GetDatum(accumulator.sum);
    case Finish::average:
      return Float8GetDatum((accumulator.sum + 0.0) / n);  // float8_accum starts from 0, not from -0
    case Finish::var_pop: return Float8GetDatum(accumulator.deviations / n);
    case Finish::var_samp: return Float8GetDatum(accumulator.deviations / (n - 1));
    case Finish::stddev_pop: return Float8GetDatum(std::sqrt(accumulator.deviations / n));
    case Finish::stddev_samp: return Float8GetDatum(std::sqrt(accumulator.deviations / (n - 1)));
    case Finish::quantile:
      return Float8GetDatum(
          static_cast<const Quantile*>(function.aggregate)->quantile(accumulator, function.fraction));
    case Finish::count:
    case Finish::value:
    case Finish::catalogue: break;
  }
  pg_unreachable();
}

}  // namespace feature

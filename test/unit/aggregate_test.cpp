// The native aggregates give what PostgreSQL's own arithmetic gives, computed anew by plain loops
// (plain_aggregate.hpp): bit for bit, over NULLs, NaN, infinities and negative zero; and saving and restoring an
// accumulator anywhere changes nothing.

#include "kernel/aggregate.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <random>

#include "plain_aggregate.hpp"
#include "segment_samples.hpp"

namespace feature {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double nan_value = std::numeric_limits<double>::quiet_NaN();
constexpr Fold all_folds[] = {Fold::count,          Fold::sum,        Fold::moments, Fold::min, Fold::max,
                              Fold::bit_and,        Fold::bit_or,     Fold::bit_xor,
                              Fold::distinct_times, Fold::first_value, Fold::last_value};

// Events of one column, beside a column before it that no aggregate of the test may touch. Three events share a time.
struct Column {
  Storage storage;
  Samples samples;
  std::vector<Event> events;
  std::vector<PlainValue> plain;

  explicit Column(Storage storage) : storage(storage) {}

  void add(Value value) {
    const auto time = static_cast<std::int64_t>(events.size() / 3);
    events.push_back(samples.event(time, {Samples::number(1e300), value}));
    PlainValue copy{value.null, value.word, {}, time};
    if (!value.null && storage == Storage::bytes) {
      const Blob& blob = Blob::of(value.word);
      copy.bytes.assign(reinterpret_cast<const char*>(blob.data), blob.size);
    }
    plain.push_back(copy);
  }
  template <class T>
  Column& with(std::initializer_list<T> numbers) {
    for (const T number : numbers) add(Samples::number(number));
    return *this;
  }

  [[nodiscard]] std::unique_ptr<Aggregate> make(Fold fold) const { return make_aggregate(fold, storage, 1); }

  [[nodiscard]] Accumulator fold(Fold kind) const {
    Accumulator accumulator;
    make(kind)->fold(accumulator, events.data(), events.data() + events.size());
    return accumulator;
  }
  [[nodiscard]] PlainResult oracle(Fold kind) const { return plain_aggregate(kind, storage, plain); }
};

// A value whose sums stay within its type, but for the infinities.
Value moderate(Storage storage, Samples& samples, std::mt19937_64& random, bool specials) {
  if (random() % 5 == 0) return Samples::null();
  const double specials_of[] = {nan_value, infinity, -infinity, -0.0, 0.0, 5e-324};
  const bool special = specials && random() % 8 == 0;
  const double real = special ? specials_of[random() % 6] : static_cast<double>(random() % 2000000) / 7e3 - 100;
  if (storage == Storage::float64) return Samples::number(real);
  if (storage == Storage::float32) return Samples::number(static_cast<float>(real));
  return samples.random(storage, random);
}

template <class Check>
void for_each_aggregate(Check check) {
  for (const Storage storage : all_storages) {
    for (const Fold fold : all_folds) {
      if (!has_aggregate(fold, storage)) continue;
      SCOPED_TRACE(std::string("storage ") + static_cast<char>(storage) + ", fold " +
                   std::to_string(static_cast<int>(fold)));
      check(storage, fold);
    }
  }
}

TEST(Aggregate, exists_for_what_it_can_be_computed_of) {
  for (const Storage storage : all_storages) {
    for (const Fold fold : all_folds) {
      if (has_aggregate(fold, storage)) {
        EXPECT_NE(make_aggregate(fold, storage, 0), nullptr);
      } else {
        EXPECT_THROW(static_cast<void>(make_aggregate(fold, storage, 0)), std::logic_error);
      }
    }
  }
}

TEST(Aggregate, equals_the_plain_computation) {
  for_each_aggregate([](Storage storage, Fold fold) {
    for (unsigned seed = 0; seed < 60; ++seed) {
      std::mt19937_64 random(seed);
      Column column(storage);
      const std::uint64_t size = random() % 200;
      for (std::uint64_t i = 0; i < size; ++i) {
        column.add(moderate(storage, column.samples, random, seed % 3 == 0));
        ASSERT_TRUE(same_result(fold, storage, column.fold(fold), column.oracle(fold)))
            << "seed " << seed << ", event " << i;
      }
    }
  });
}

TEST(Aggregate, of_nothing_or_of_nulls_only_is_empty) {
  for_each_aggregate([](Storage storage, Fold fold) {
    Column column(storage);
    EXPECT_EQ(column.fold(fold).count, 0);
    for (int i = 0; i < 3; ++i) column.add(Samples::null());
    const Accumulator accumulator = column.fold(fold);
    EXPECT_EQ(accumulator.count, fold == Fold::first_value || fold == Fold::last_value ? -1 : fold == Fold::distinct_times ? 1 : 0);
    EXPECT_TRUE(same_result(fold, storage, accumulator, column.oracle(fold)));
  });
}

TEST(Aggregate, saved_and_restored_anywhere_it_continues_as_if_never_interrupted) {
  for_each_aggregate([](Storage storage, Fold fold) {
    for (unsigned seed = 0; seed < 20; ++seed) {
      std::mt19937_64 random(seed);
      Column column(storage);
      const std::uint64_t size = 1 + random() % 60;
      for (std::uint64_t i = 0; i < size; ++i) {
        column.add(moderate(storage, column.samples, random, seed % 3 == 0));
      }
      const auto aggregate = column.make(fold);
      const Layout layout{aggregate->saved(), {}};
      const Event* const first = column.events.data();
      const Event* const last = first + column.events.size();
      const Accumulator expected = column.fold(fold);
      for (const Event* cut = first; cut <= last; ++cut) {
        Accumulator accumulator;
        aggregate->fold(accumulator, first, cut);
        // Through an image, as prefixes are kept.
        Prefix prefix;
        prefix.position = cut - first;
        std::vector<Value> columns(layout.prefix.size());
        prefix.before = {EventTime(), columns.data()};
        aggregate->save(accumulator, columns.data(), column.samples.memory());
        const Image image = write(layout, prefix, {});
        const SegmentReader reader(layout, image.data(), image.size(), column.samples.memory());
        Accumulator restored = aggregate->restore(reader.prefix().before.values, cut - first);
        aggregate->fold(restored, cut, last);
        ASSERT_TRUE(same_result(fold, storage, restored, column.oracle(fold))) << "seed " << seed;
        ASSERT_EQ(restored.count, expected.count);
      }
    }
  });
}

TEST(Aggregate, a_saved_blob_is_a_copy_of_its_own) {
  Column column(Storage::bytes);
  column.add(column.samples.bytes(std::string(300, 'x')));
  Value saved;
  column.make(Fold::first_value)->save(column.fold(Fold::first_value), &saved, column.samples.memory());
  EXPECT_NE(saved.word, column.events[0].values[1].word);
  EXPECT_TRUE(same_value(Storage::bytes, saved, column.plain[0]));
}

TEST(Aggregate, restored_for_no_events_it_is_fresh_whatever_the_columns_hold) {
  for_each_aggregate([](Storage storage, Fold fold) {
    Column column(storage);
    for (int i = 0; i < 3; ++i) {
      column.add(storage == Storage::bytes ? column.samples.bytes("abc") : Samples::number(std::int8_t{7}));
    }
    const auto aggregate = column.make(fold);
    std::vector<Value> columns(aggregate->saved().size());
    aggregate->save(column.fold(fold), columns.data(), column.samples.memory());
    Accumulator restored = aggregate->restore(columns.data(), 0);
    EXPECT_EQ(restored.count, 0);
    aggregate->fold(restored, column.events.data(), column.events.data() + column.events.size());
    EXPECT_TRUE(same_result(fold, storage, restored, column.oracle(fold)));
  });
}

TEST(Aggregate, integer_sums_are_exact_far_beyond_64_bits) {
  for (const std::int64_t extreme :
       {std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::max()}) {
    Column column(Storage::int64);
    __int128 expected = 0;
    for (int i = 0; i < 1000; ++i) {
      column.with({extreme});
      expected += extreme;
    }
    EXPECT_TRUE(column.fold(Fold::sum).total == expected);
  }
}

TEST(Aggregate, small_integers_are_summed_with_their_sign) {
  Column column(Storage::int8);
  column.with<std::int8_t>({-128, -128, 127});
  EXPECT_TRUE(column.fold(Fold::sum).total == -129);
}

TEST(Aggregate, a_float_sum_is_made_in_the_precision_of_its_column) {
  // 2^24 + 1 is no float4.
  Column singles(Storage::float32);
  singles.with<float>({16777216, 1, 1});
  EXPECT_EQ(singles.fold(Fold::sum).sum, 16777216);
  EXPECT_EQ(singles.fold(Fold::moments).sum, 16777218);
  Column doubles(Storage::float64);
  doubles.with<double>({16777216, 1, 1});
  EXPECT_EQ(doubles.fold(Fold::sum).sum, 16777218);
}

TEST(Aggregate, a_sum_of_negative_zeros_is_one) {
  Column column(Storage::float64);
  column.with({-0.0, -0.0});
  EXPECT_TRUE(std::signbit(column.fold(Fold::sum).sum));
  EXPECT_TRUE(std::signbit(column.fold(Fold::moments).sum));
}

TEST(Aggregate, among_zeros_the_later_one_is_least_and_greatest) {
  for (const Fold fold : {Fold::min, Fold::max}) {
    Column column(Storage::float64);
    EXPECT_FALSE(std::signbit(from_word<double>(column.with({-0.0, 0.0}).fold(fold).word)));
    EXPECT_TRUE(std::signbit(from_word<double>(column.with({-0.0}).fold(fold).word)));
  }
}

TEST(Aggregate, nan_is_greater_than_every_number) {
  for (const bool nan_first : {false, true}) {
    Column column(Storage::float64);
    if (nan_first) column.with({nan_value});
    column.with({infinity, 3.0});
    if (!nan_first) column.with({nan_value});
    EXPECT_TRUE(std::isnan(from_word<double>(column.fold(Fold::max).word)));
    EXPECT_EQ(from_word<double>(column.fold(Fold::min).word), 3.0);
  }
}

TEST(Aggregate, an_infinite_value_is_no_overflow) {
  Column column(Storage::float64);
  column.with({1.0, infinity, 2.0});
  EXPECT_EQ(column.fold(Fold::sum).sum, infinity);
  EXPECT_EQ(column.fold(Fold::moments).sum, infinity);
  EXPECT_TRUE(std::isnan(column.fold(Fold::moments).deviations));
  column.with({-infinity});
  EXPECT_TRUE(std::isnan(column.fold(Fold::sum).sum));
}

TEST(Aggregate, finite_values_whose_result_is_infinite_are_out_of_range) {
  Column sum(Storage::float64);
  sum.with({1e308, 1e308});
  EXPECT_THROW(static_cast<void>(sum.fold(Fold::sum)), OutOfRange);
  EXPECT_THROW(static_cast<void>(sum.fold(Fold::moments)), OutOfRange);
  Column squares(Storage::float64);
  squares.with({1e200, -1e200});
  EXPECT_NO_THROW(static_cast<void>(squares.fold(Fold::sum)));
  EXPECT_THROW(static_cast<void>(squares.fold(Fold::moments)), OutOfRange);
  Column singles(Storage::float32);
  singles.with<float>({3e38F, 3e38F});
  EXPECT_THROW(static_cast<void>(singles.fold(Fold::sum)), OutOfRange);
  EXPECT_NO_THROW(static_cast<void>(singles.fold(Fold::moments)));
}

TEST(Aggregate, is_out_of_range_when_the_plain_computation_is) {
  for (const Storage storage : {Storage::float32, Storage::float64}) {
    for (const Fold fold : {Fold::sum, Fold::moments}) {
      for (unsigned seed = 0; seed < 300; ++seed) {
        std::mt19937_64 random(seed);
        Column column(storage);
        for (int i = 0; i < 4; ++i) column.add(column.samples.random(storage, random));
        const PlainResult oracle = column.oracle(fold);
        try {
          const Accumulator accumulator = column.fold(fold);
          ASSERT_FALSE(oracle.overflow) << "seed " << seed;
          ASSERT_TRUE(same_result(fold, storage, accumulator, oracle)) << "seed " << seed;
        } catch (const OutOfRange&) {
          ASSERT_TRUE(oracle.overflow) << "seed " << seed;
        }
      }
    }
  }
}

TEST(Aggregate, deviations_are_accurate_where_squares_would_cancel) {
  Column column(Storage::float64);
  std::mt19937_64 random(3);
  std::vector<long double> values;
  for (int i = 0; i < 2000; ++i) {
    const double value = 1e9 + static_cast<double>(random() % 1000) / 1000;
    values.push_back(value);
    column.with({value});
  }
  long double sum = 0;
  for (const long double value : values) sum += value;
  const long double mean = sum / static_cast<long double>(values.size());
  long double deviations = 0;
  for (const long double value : values) deviations += (value - mean) * (value - mean);
  const Accumulator accumulator = column.fold(Fold::moments);
  EXPECT_NEAR(accumulator.sum, static_cast<double>(sum), 1e-15 * 2000 * static_cast<double>(sum));
  EXPECT_NEAR(accumulator.deviations, static_cast<double>(deviations), 1e-6 * static_cast<double>(deviations));
}

TEST(Aggregate, last_value_is_of_the_last_event_even_if_that_is_null) {
  Column column(Storage::int32);
  column.with<std::int32_t>({5});
  column.add(Samples::null());
  EXPECT_EQ(column.fold(Fold::last_value).count, -1);
}

TEST(Aggregate, first_value_is_of_the_first_event_even_if_that_is_null) {
  Column column(Storage::int32);
  column.add(Samples::null());
  column.with<std::int32_t>({5});
  EXPECT_EQ(column.fold(Fold::first_value).count, -1);
}

}  // namespace
}  // namespace feature

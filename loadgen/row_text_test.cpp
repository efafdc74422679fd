// Proves the text of rows: columns in their order, exact numbers, times in UTC, NULL.
#include "row_text.hpp"

#include <gtest/gtest.h>

#include <string>

#include "connection.hpp"
#include "value_parsing.hpp"

namespace loadgen {
namespace {

Row example() {
  Row row{};
  row.number = 17;
  row.time = parse_time("2024-02-29 23:59:58") + std::chrono::microseconds(7);
  row.user = 3;
  row.merchant = 40;
  row.device = 9;
  row.amount_cents = 1205;
  row.currency = "EUR";
  row.merchant_category = "grocery";
  row.payment_method = "credit_card";
  row.card_type = "visa";
  row.address = 0x0a00ff01;
  row.place = {-5, -127'800'001};
  return row;
}

TEST(row_text, csv_line_has_all_columns_in_order) {
  std::string line;
  append_csv(line, example(), "t1-");
  EXPECT_EQ(line, "t1-17,2024-02-29 23:59:58.000007+00,user_3,merchant_40,12.05,EUR,grocery,credit_card,10.0.255.1,"
                  "device_9,-0.000005,-127.800001,visa\n");
}

TEST(row_text, missing_card_is_an_empty_field_and_a_null_parameter) {
  Row row = example();
  row.card_type = {};
  std::string line;
  append_csv(line, row, "");
  EXPECT_EQ(line.substr(line.size() - 2), ",\n");
  Parameters parameters;
  parameters.append(row, "");
  parameters.append(example(), "p");
  ASSERT_EQ(parameters.values().size(), 26U);
  EXPECT_EQ(parameters.values()[12], nullptr);
  EXPECT_STREQ(parameters.values()[13], "p17");
  EXPECT_STREQ(parameters.values()[25], "visa");
}

TEST(row_text, times_are_read_and_written_alike) {
  for (const char* text : {"1970-01-01 00:00:00", "1999-12-31 23:59:59", "2000-02-29 12:00:00", "2000-03-01 00:00:00",
                           "2023-02-28 01:02:03", "2025-01-01 00:00:00", "2100-03-01 00:00:00"}) {
    std::string written;
    append_time(written, parse_time(text));
    EXPECT_EQ(written, std::string(text) + ".000000+00");
  }
  EXPECT_EQ(parse_time("2025-01-01").time_since_epoch(), std::chrono::seconds(1'735'689'600));
}

TEST(row_text, sql_names_every_column) {
  const std::string columns =
      "transaction_id, \"timestamp\", user_id, merchant_id, amount, currency, merchant_category, payment_method, "
      "ip_address, device_id, latitude, longitude, card_type";
  EXPECT_EQ(insert_sql("s.t", 1), "INSERT INTO s.t (" + columns +
                                      ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)");
  const std::string three = insert_sql("t", 3);
  EXPECT_EQ(three.substr(three.size() - 5), " $39)");
}

}  // namespace
}  // namespace loadgen

// The SQL type feature.state: a varlena whose payload is a segment image (kernel/segment.hpp).
//
// The text form is for people and for dumps, the binary form is the image itself. Nothing comes in that a writer could
// not have written. What goes out as text is decoded and so checked; as bytes it goes out as it lies, so that a damaged
// state can still be copied out and looked at.

#include "pg/boundary.hpp"

#include "kernel/segment.hpp"
#include "kernel/segment_text.hpp"

extern "C" {
#include <libpq/pqformat.h>

PGDLLEXPORT Datum feature_state_in(PG_FUNCTION_ARGS);
PGDLLEXPORT Datum feature_state_out(PG_FUNCTION_ARGS);
PGDLLEXPORT Datum feature_state_recv(PG_FUNCTION_ARGS);
PGDLLEXPORT Datum feature_state_send(PG_FUNCTION_ARGS);
PG_FUNCTION_INFO_V1(feature_state_in);
PG_FUNCTION_INFO_V1(feature_state_out);
PG_FUNCTION_INFO_V1(feature_state_recv);
PG_FUNCTION_INFO_V1(feature_state_send);
}

namespace feature {
namespace {

std::vector<std::byte> parse(std::string_view text) {
  try {
    return from_text(text);
  } catch (const InvalidSegmentText& error) {
    throw SqlError(ERRCODE_INVALID_TEXT_REPRESENTATION, "invalid input syntax for type feature.state")
        .detail("Expected " + error.expected + " at byte " + std::to_string(error.offset) + ".");
  }
}

Datum make_datum(const std::byte* image, std::size_t size) {
  return call([&] {
    auto* datum = static_cast<varlena*>(palloc(VARHDRSZ + size));
    SET_VARSIZE(datum, VARHDRSZ + size);
    std::memcpy(VARDATA(datum), image, size);
    return PointerGetDatum(datum);
  });
}

}  // namespace
}  // namespace feature

extern "C" {

Datum feature_state_in(PG_FUNCTION_ARGS) {
  return feature::guard([&] {
    const std::vector<std::byte> image = feature::parse(PG_GETARG_CSTRING(0));
    return feature::make_datum(image.data(), image.size());
  });
}

Datum feature_state_out(PG_FUNCTION_ARGS) {
  return feature::guard([&] {
    const varlena* state = feature::call([&] { return PG_GETARG_VARLENA_PP(0); });
    const std::string text =
        feature::to_text(reinterpret_cast<const std::byte*>(VARDATA_ANY(state)), VARSIZE_ANY_EXHDR(state));
    return feature::call([&] { return CStringGetDatum(pnstrdup(text.data(), text.size())); });
  });
}

Datum feature_state_recv(PG_FUNCTION_ARGS) {
  return feature::guard([&] {
    auto* message = reinterpret_cast<StringInfo>(PG_GETARG_POINTER(0));
    const auto size = static_cast<std::size_t>(message->len - message->cursor);
    const auto* image = reinterpret_cast<const std::byte*>(message->data + message->cursor);
    try {
      feature::check_image(image, size);
    } catch (const feature::CorruptState& error) {
      // Damaged on the client's side: recomputing what is stored here, the usual hint, would not help.
      throw feature::SqlError(ERRCODE_DATA_CORRUPTED, error.what());
    }
    message->cursor = message->len;
    return feature::make_datum(image, size);
  });
}

Datum feature_state_send(PG_FUNCTION_ARGS) {
  return feature::guard([&] {
    return feature::call([&] {
      // The same bytes under an ordinary, unpacked varlena header.
      return PointerGetDatum(PG_GETARG_BYTEA_P_COPY(0));
    });
  });
}

}  // extern "C"

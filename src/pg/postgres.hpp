// The one way to include PostgreSQL's headers: after the C++ ones, as C, with the macros that collide taken away.
#pragma once

// Boost and the standard library first: PostgreSQL's headers define macros that break them.
#include <boost/circular_buffer.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <memory_resource>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// Symbols are hidden by default, and 15 leaves this empty.
#define PGDLLEXPORT __attribute__((visibility("default")))

extern "C" {
#include <postgres.h>
#include <fmgr.h>
#include <mb/pg_wchar.h>
#include <miscadmin.h>
#include <utils/memutils.h>
#if PG_VERSION_NUM >= 160000
#include <varatt.h>
#endif
}

static_assert(sizeof(Datum) == 8, "feature_ext needs 64-bit datums: a kernel word is a datum");

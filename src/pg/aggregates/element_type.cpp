// See element_type.hpp.

#include "pg/aggregates/element_type.hpp"

extern "C" {
#include <utils/array.h>
#include <utils/builtins.h>
#include <utils/syscache.h>
}

namespace feature {
namespace {

TypeCacheEntry* look_up(Oid type) {
  TypeCacheEntry* entry = lookup_type_cache(
      type, TYPECACHE_EQ_OPR_FINFO | TYPECACHE_HASH_PROC_FINFO | TYPECACHE_CMP_PROC_FINFO);
  if (!OidIsValid(entry->eq_opr_finfo.fn_oid)) {
    ereport(ERROR, (errcode(ERRCODE_UNDEFINED_FUNCTION),
                    errmsg("could not identify an equality operator for type %s", format_type_be(type))));
  }
  return entry;
}

// The bytes of a value that is not by value, without the length that a varlena begins with.
std::string_view payload(Datum value, int length) {
  const char* start = DatumGetPointer(value);
  if (length == -1) return {VARDATA_ANY(start), VARSIZE_ANY_EXHDR(start)};
  if (length == -2) return {start, strlen(start) + 1};
  return {start, static_cast<std::size_t>(length)};
}

}  // namespace

ElementType ElementType::of_argument(FunctionCallInfo fcinfo, int number) {
  auto* entry = static_cast<TypeCacheEntry*>(fcinfo->flinfo->fn_extra);
  if (entry == nullptr) {
    const Oid type = get_fn_expr_argtype(fcinfo->flinfo, number);
    if (!OidIsValid(type)) {
      ereport(ERROR, (errcode(ERRCODE_INDETERMINATE_DATATYPE), errmsg("could not determine input data type")));
    }
    entry = look_up(type);
    fcinfo->flinfo->fn_extra = entry;
  }
  return {entry, PG_GET_COLLATION()};
}

void ElementType::write(ImageWriter& image) const {
  image.put(entry_->type_id);
  image.put(collation_);
}

ElementType ElementType::read(ImageReader& image) {
  const auto type = image.get<Oid>();
  const auto collation = image.get<Oid>();
  // A restored dump may hold states of types and collations that have other numbers now.
  if (!SearchSysCacheExists1(TYPEOID, ObjectIdGetDatum(type)) ||
      (OidIsValid(collation) && !SearchSysCacheExists1(COLLOID, ObjectIdGetDatum(collation)))) {
    report_damaged_state();
  }
  return {look_up(type), collation};
}

void ElementType::require_hash() const {
  if (OidIsValid(entry_->hash_proc_finfo.fn_oid)) return;
  ereport(ERROR, (errcode(ERRCODE_UNDEFINED_FUNCTION),
                  errmsg("could not identify a hash function for type %s", format_type_be(entry_->type_id))));
}

void ElementType::require_order() const {
  if (OidIsValid(entry_->cmp_proc_finfo.fn_oid)) return;
  ereport(ERROR, (errcode(ERRCODE_UNDEFINED_FUNCTION),
                  errmsg("could not identify a comparison function for type %s", format_type_be(entry_->type_id))));
}

bool ElementType::image_before(Datum a, Datum b) const {
  if (entry_->typbyval) return a < b;
  const std::string_view left = payload(a, entry_->typlen);
  const std::string_view right = payload(b, entry_->typlen);
  return left.size() != right.size() ? left.size() < right.size() : left < right;
}

Datum ElementType::copy(Datum value, MemoryContext context) const {
  MemoryContext previous = MemoryContextSwitchTo(context);
  const Datum made = datumCopy(value, entry_->typbyval, entry_->typlen);
  MemoryContextSwitchTo(previous);
  return made;
}

void ElementType::write(ImageWriter& image, Datum value) const {
  if (entry_->typbyval) {
    image.put(value);
    return;
  }
  const std::string_view bytes = payload(value, entry_->typlen);
  if (entry_->typlen < 0) image.put(bytes.size());
  image.bytes(bytes.data(), bytes.size());
}

Datum ElementType::read_value(ImageReader& image) const {
  if (entry_->typbyval) return image.get<Datum>();
  const bool varlena_value = entry_->typlen == -1;
  const auto size = entry_->typlen < 0 ? image.get<std::size_t>() : static_cast<std::size_t>(entry_->typlen);
  const char* bytes = image.bytes(size);
  if (entry_->typlen == -2 && (size == 0 || memchr(bytes, 0, size) != bytes + size - 1)) report_damaged_state();
  const std::size_t header = varlena_value ? VARHDRSZ : 0;
  auto* made = static_cast<char*>(palloc(header + size));
  if (varlena_value) SET_VARSIZE(made, header + size);
  memcpy(made + header, bytes, size);
  return PointerGetDatum(made);
}

Datum ElementType::make_array(const Datum* values, int count) const {
  // construct_array writes over its input where it has to detoast.
  const std::size_t size = static_cast<std::size_t>(count) * sizeof(Datum);
  auto* elements = static_cast<Datum*>(memcpy(palloc(size), values, size));
  return PointerGetDatum(
      construct_array(elements, count, entry_->type_id, entry_->typlen, entry_->typbyval, entry_->typalign));
}

}  // namespace feature

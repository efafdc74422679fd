// See entity_names.hpp.

#include "pg/entity_names.hpp"

extern "C" {
#include <lib/stringinfo.h>
#include <utils/acl.h>
#include <utils/lsyscache.h>
#include <utils/rls.h>
#include <utils/ruleutils.h>
}

namespace feature {
namespace {

// As much of a value is shown as PostgreSQL shows of one in the failing row of a constraint.
constexpr int longest_value = 64;

void append_value(StringInfo text, Oid type, const NullableDatum& value) {
  if (value.isnull) {
    appendStringInfoString(text, "null");
    return;
  }
  Oid output;
  bool varies;
  getTypeOutputInfo(type, &output, &varies);
  const char* shown = OidOutputFunctionCall(output, value.value);
  const int length = static_cast<int>(strlen(shown));
  if (length <= longest_value) {
    appendStringInfoString(text, shown);
    return;
  }
  appendBinaryStringInfo(text, shown, pg_mbcliplen(shown, length, longest_value));
  appendStringInfoString(text, "...");
}

}  // namespace

bool ListNames::may_read_keys() const {
  const Oid source = program_.identity().source;
  if (!OidIsValid(told_) || check_enable_rls(source, told_, true) == RLS_ENABLED) return false;
  const bool whole = pg_class_aclcheck(source, told_, ACL_SELECT) == ACLCHECK_OK;
  for (const Key& key : program_.plan().lists[list_].keys) {
    if (!IsA(key.expression, Var)) return false;
    const AttrNumber column = reinterpret_cast<const Var*>(key.expression)->varattno;
    if (!whole && pg_attribute_aclcheck(source, column, told_, ACL_SELECT) != ACLCHECK_OK) return false;
  }
  return true;
}

const char* ListNames::name(const NullableDatum* keys) const {
  const PartitionList& list = program_.plan().lists[list_];
  const char* view = program_.identity().name.c_str();
  // Numbered as in feature.stats.
  if (!list.from_source)
    return psprintf("an entity of list %d of feature view \"%s\"", static_cast<int>(list_ + 1), view);
  if (list.keys.empty()) return psprintf("the only entity of feature view \"%s\"", view);
  const Oid source = program_.identity().source;
  ::List* context = deparse_context_for(get_rel_name(source), source);
  const bool with_values = may_read_keys();
  StringInfoData text;
  initStringInfo(&text);
  appendStringInfoString(&text, with_values ? "entity (" : "an entity (");
  for (std::size_t i = 0; i < list.keys.size(); ++i) {
    if (i > 0) appendStringInfoString(&text, ", ");
    appendStringInfoString(&text,
                           deparse_expression(reinterpret_cast<Node*>(list.keys[i].expression), context, false, false));
  }
  appendStringInfoChar(&text, ')');
  if (with_values) {
    appendStringInfoString(&text, "=(");
    for (std::size_t i = 0; i < list.keys.size(); ++i) {
      if (i > 0) appendStringInfoString(&text, ", ");
      append_value(&text, list.keys[i].type, keys[i]);
    }
    appendStringInfoChar(&text, ')');
  }
  appendStringInfo(&text, " of feature view \"%s\"", view);
  return text.data;
}

}  // namespace feature

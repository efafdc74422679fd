// See shared_lists.hpp.

#include "pg/shared_lists.hpp"

#include <algorithm>

#include "pg/as_user.hpp"
#include "pg/boundary.hpp"
#include "pg/compile.hpp"
#include "pg/definition.hpp"
#include "pg/describe.hpp"
#include "pg/refusals.hpp"

extern "C" {
#include <catalog/pg_type.h>
#include <utils/array.h>
#include <utils/builtins.h>
}

namespace feature {
namespace {

void check_function(const Refusals& refuse, const PartitionList& list, const WindowFunction& function,
                    const std::string& entity) {
  const auto check_frame = [&] {
    if (list.frames[function.frame].bounded_by_times()) return;
    refuse.shared_list(function.call, entity,
                       "Its frame is found by counting rows, and events of several sessions are in no order.",
                       "Bound the frame by times, with RANGE, or do not share the list.");
  };
  constexpr const char* order = "It depends on the order of events, and those of several sessions are in none.";
  constexpr const char* others = "Use aggregates that do not depend on it, or do not share the list.";
  switch (function.kind) {
    case WindowFunction::Kind::row_number:
    case WindowFunction::Kind::rank: return;
    case WindowFunction::Kind::lag:
    case WindowFunction::Kind::has_lag:
    case WindowFunction::Kind::nth_value:
    case WindowFunction::Kind::last_value: refuse.shared_list(function.call, entity, order, others);
    case WindowFunction::Kind::aggregate:
      if (function.aggregate->depends_on_order()) refuse.shared_list(function.call, entity, order, others);
      check_frame();
      return;
    case WindowFunction::Kind::count_rows: check_frame(); return;
  }
}

void share(Plan& plan, std::size_t list, const std::string& entity, const char* text) {
  const Refusals refuse(text);
  PartitionList& shared = plan.lists[list];
  for (const Level& level : plan.levels) {
    for (const LevelList& used : level.lists) {
      if (used.list != list) continue;
      for (const WindowFunction& function : used.functions) {
        if (!shared.from_source) {
          refuse.shared_list(function.call, entity,
                             "Its entities are known only row by row, and are seen at one time for all rows.",
                             "Partition by columns of the source, or do not share the list.");
        }
        check_function(refuse, shared, function, entity);
      }
    }
  }
  shared.shared = true;
}

// Blanks do not matter, where two lists do not differ in nothing else.
std::string without_blanks(std::string text) {
  text.erase(std::remove(text.begin(), text.end(), ' '), text.end());
  return text;
}

std::optional<std::size_t> list_of(const std::vector<std::string>& entities, const std::string& name) {
  auto found = std::find(entities.begin(), entities.end(), name);
  if (found == entities.end()) {
    found = std::find_if(entities.begin(), entities.end(), [&](const std::string& entity) {
      return without_blanks(entity) == without_blanks(name);
    });
  }
  if (found == entities.end()) return std::nullopt;
  return static_cast<std::size_t>(found - entities.begin());
}

}  // namespace

std::vector<std::string> texts_in(Datum array) {
  struct { Datum* elements; bool* nulls; int count; } in{};
  call([&] {
    deconstruct_array(DatumGetArrayTypeP(array), TEXTOID, -1, false, TYPALIGN_INT, &in.elements, &in.nulls, &in.count);
  });
  std::vector<std::string> texts;
  for (int i = 0; i < in.count; ++i) {
    if (in.nulls[i]) throw SqlError(ERRCODE_NULL_VALUE_NOT_ALLOWED, "name of a PARTITION BY list must not be null");
    texts.emplace_back(call([&] { return text_to_cstring(DatumGetTextPP(in.elements[i])); }));
  }
  return texts;
}

void share_lists(Plan& plan, Query* definition, const char* text, const std::vector<std::string>& names) {
  if (names.empty()) return;
  const std::vector<std::string> entities = entities_of(definition, plan);
  for (const std::string& name : names) {
    const std::optional<std::size_t> list = list_of(entities, name);
    if (list) {
      share(plan, *list, entities[*list], text);
      continue;
    }
    std::string known;
    for (const std::string& entity : entities) known += (known.empty() ? "\"" : ", \"") + entity + "\"";
    throw SqlError(ERRCODE_INVALID_PARAMETER_VALUE, "definition has no PARTITION BY list \"" + name + "\"")
        .hint(known.empty() ? "It has no windows." : "It has " + known + ".");
  }
}

void keep_lists_shared(Plan& plan, Query* definition, const char* text, const ViewIdentity& view) {
  const bool any = std::any_of(view.lists.begin(), view.lists.end(), [](const auto& list) { return list.shared; });
  if (!any) return;
  Query* old = stored_definition(view.definition);
  std::vector<std::string> shared;
  {
    const AsUser owner(view.owner, true);
    const PinnedSettings settings(view.settings);
    const std::unique_ptr<Plan> old_plan = compile(old, nullptr);
    const std::vector<std::string> entities = entities_of(old, *old_plan);
    for (std::size_t i = 0; i < entities.size() && i < view.lists.size(); ++i) {
      if (view.lists[i].shared) shared.push_back(entities[i]);
    }
  }
  const std::vector<std::string> entities = entities_of(definition, plan);
  for (const std::string& name : shared) {
    const auto found = std::find(entities.begin(), entities.end(), name);
    if (found != entities.end()) share(plan, static_cast<std::size_t>(found - entities.begin()), name, text);
  }
}

}  // namespace feature

// See program_cache.hpp.

#include "pg/program_cache.hpp"

#include <algorithm>
#include <unordered_map>

#include "pg/as_user.hpp"
#include "pg/catalogue.hpp"
#include "pg/compile.hpp"
#include "pg/definition.hpp"

extern "C" {
#include <storage/lmgr.h>
#include <utils/inval.h>
#include <utils/syscache.h>
}

namespace feature {
namespace {

struct Cached {
  std::shared_ptr<Program> program;
  bool stale = false;
};

std::unordered_map<std::int32_t, Cached>& cache() {
  static std::unordered_map<std::int32_t, Cached> programs;
  return programs;
}

bool depends_on(const Program& program, Oid relation) {
  const ViewIdentity& view = program.identity();
  if (relation == view.relation || relation == view.source || relation == view.definition) return true;
  return std::any_of(view.lists.begin(), view.lists.end(), [&](const ViewIdentity::Tables& tables) {
    return relation == tables.states || relation == tables.chunks;
  });
}

std::uint64_t changes = 0;

// Callbacks come from inside the backend: they only mark, and never throw.
void relation_changed(Datum, Oid relation) {
  ++changes;
  for (auto& [id, cached] : cache()) {
    if (relation == InvalidOid || depends_on(*cached.program, relation)) cached.stale = true;
  }
}

void function_changed(Datum, int, uint32) {
  for (auto& [id, cached] : cache()) cached.stale = true;
}

std::shared_ptr<Program> compile_view(std::int32_t id) {
  ViewIdentity view = view_by_id(id);
  if (view.id == 0) return nullptr;
  check_catalogue(view);
  return compile_view(std::move(view));
}

}  // namespace

std::shared_ptr<Program> compile_view(ViewIdentity view) {
  const AsUser owner(view.owner, true);
  // Inlining looks up the names in SQL functions.
  const PinnedSettings settings(view.settings);
  auto context = std::make_unique<OwnedContext>(CacheMemoryContext, "feature_ext program");
  std::unique_ptr<Plan> plan;
  {
    const InContext here(context->get());
    plan = compile(stored_definition(view.definition), nullptr);
  }
  if (plan->lists.size() != view.lists.size() || plan->source != view.source) {
    throw SqlError(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                   "feature view \"" + view.name + "\" has no state for its definition")
        .hint("Drop the feature view and create it again.");
  }
  return std::make_shared<Program>(std::move(context), std::move(plan), std::move(view));
}

std::uint64_t relation_changes() { return changes; }

void watch_invalidations() {
  CacheRegisterRelcacheCallback(relation_changed, 0);
  CacheRegisterSyscacheCallback(PROCOID, function_changed, 0);
}

std::shared_ptr<Program> program_of(std::int32_t view) {
  auto& programs = cache();
  const auto found = programs.find(view);
  if (found != programs.end() && !found->second.stale) {
    if (found->second.program.use_count() > 1) return compile_view(view);
    found->second.program->forget_row();
    return found->second.program;
  }
  for (auto other = programs.begin(); other != programs.end();) {
    other = other->second.stale ? programs.erase(other) : std::next(other);
  }
  std::shared_ptr<Program> made = compile_view(view);
  if (made == nullptr) return nullptr;
  programs[view] = {made, false};
  return made;
}

std::shared_ptr<Program> locked_program_of(std::int32_t id, Locked locked) {
  for (;;) {
    std::shared_ptr<Program> program = program_of(id);
    if (program == nullptr) return nullptr;
    const std::uint64_t before = changes;
    call([&] {
      const ViewIdentity& view = program->identity();
      LockRelationOid(view.relation, RowExclusiveLock);
      if (locked == Locked::feature_table) return;
      for (const ViewIdentity::Tables& tables : view.lists) LockRelationOid(tables.states, RowExclusiveLock);
    });
    // Whoever had locked them, and was waited for, may have altered them.
    if (changes == before) return program;
  }
}

}  // namespace feature

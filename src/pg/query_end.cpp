// See query_end.hpp.

#include "pg/query_end.hpp"

#include "pg/row_collector.hpp"

extern "C" {
#include <access/table.h>
#include <catalog/pg_trigger.h>
#include <executor/executor.h>
#include <utils/builtins.h>
#include <utils/rel.h>
}

namespace feature {
namespace {

// A closing trigger fires for DELETE at least.
bool closes_collections(const Trigger& trigger, Oid function) {
  return trigger.tgfoid == function && trigger.tgnargs == 1 && trigger.tgoldtable == nullptr &&
         trigger.tgnewtable == nullptr && trigger.tgqual == nullptr && trigger.tgenabled != TRIGGER_DISABLED &&
         TRIGGER_TYPE_MATCHES(trigger.tgtype, TRIGGER_TYPE_STATEMENT, TRIGGER_TYPE_AFTER, TRIGGER_TYPE_DELETE);
}

}  // namespace

bool collect_until_query_ends(const TriggerData& data, std::int32_t view, Oid source) {
  struct { int count; std::int32_t* views; } closing = call([&] {
    decltype(closing) found{};
    // No stronger one, so that who creates or refreshes a view, and has locked the source, need not wait for us.
    Relation relation = table_open(source, AccessShareLock);
    const TriggerDesc* all = relation->trigdesc;
    const int most = all == nullptr ? 0 : all->numtriggers;
    auto* triggers = static_cast<Trigger*>(palloc0(sizeof(Trigger) * (most + 1)));
    found.views = static_cast<std::int32_t*>(palloc0(sizeof(std::int32_t) * (most + 1)));
    bool ours = false;
    for (int i = 0; i < most; ++i) {
      if (!closes_collections(all->triggers[i], data.tg_trigger->tgfoid)) continue;
      triggers[found.count] = all->triggers[i];
      // In whatever role the session is: that the row trigger has fired is enough.
      triggers[found.count].tgenabled = TRIGGER_FIRES_ALWAYS;
      found.views[found.count] = pg_strtoint32(all->triggers[i].tgargs[0]);
      ours = ours || found.views[found.count] == view;
      ++found.count;
    }
    if (!ours) found.count = 0;
    if (found.count > 0) {
      TriggerDesc fired{};
      fired.triggers = triggers;
      fired.numtriggers = found.count;
      fired.trig_delete_after_statement = true;
      auto* target = makeNode(ResultRelInfo);
      target->ri_RelationDesc = relation;
      target->ri_TrigDesc = &fired;
      ExecASDeleteTriggers(nullptr, target, nullptr);
    }
    table_close(relation, NoLock);
    return found;
  });
  for (int i = 0; i < closing.count; ++i) {
    // Of a view whose row trigger does not fire, or has been fired before, there is nothing to be collected.
    if (collection_of(closing.views[i]) == nullptr) open_collection(closing.views[i], source);
  }
  return closing.count > 0;
}

}  // namespace feature

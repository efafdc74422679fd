// See computation.hpp.

#include "pg/computation.hpp"

#include "pg/compat.hpp"

extern "C" {
#include <nodes/nodeFuncs.h>
#include <optimizer/optimizer.h>
#include <optimizer/tlist.h>
}

namespace feature {
namespace {

// Window numbers, see Levels::window_of_level, in the order in which they are met; they are renumbered by that.
struct Windows {
  ::List* met = NIL;

  static Node* renumber(Node* node, void* context) {
    if (node == nullptr) return nullptr;
    node = expression_tree_mutator(node, compat::mutator(renumber), context);
    if (!IsA(node, WindowFunc)) return node;
    auto* function = reinterpret_cast<WindowFunc*>(node);
    auto* windows = static_cast<Windows*>(context);
    const int window = static_cast<int>(function->winref);
    windows->met = list_append_unique_int(windows->met, window);
    function->winref = 0;
    while (list_nth_int(windows->met, static_cast<int>(function->winref)) != window) ++function->winref;
    return node;
  }
};

class Computation {
 public:
  explicit Computation(const Levels& levels) : levels_(levels) {}

  [[nodiscard]] ::List* of(Expr* expression) {
    add(levels_.count() - 1, expression);
    // Windows may be partitioned by the results of others, which are met then.
    for (int i = 0; i < list_length(windows_.met); ++i) add_window(static_cast<Index>(list_nth_int(windows_.met, i)));
    return parts_;
  }

 private:
  void add(std::size_t level, Expr* expression) {
    Expr* expanded = levels_.expanded(level, expression);
    call([&] { parts_ = lappend(parts_, Windows::renumber(reinterpret_cast<Node*>(expanded), &windows_)); });
  }

  void add_clauses(std::size_t level, ::List* clauses) {
    call([&] { parts_ = lappend(parts_, makeInteger(list_length(clauses))); });
    ListCell* cell;
    foreach (cell, clauses) {
      auto* clause = lfirst_node(SortGroupClause, cell);
      add(level, reinterpret_cast<Expr*>(get_sortgroupclause_expr(clause, levels_.targets(level))));
      call([&] {
        auto* how = static_cast<SortGroupClause*>(copyObjectImpl(clause));
        how->tleSortGroupRef = 0;
        parts_ = lappend(parts_, how);
      });
    }
  }

  void add_window(Index winref) {
    const std::size_t level = winref >> 16;
    ListCell* cell;
    foreach (cell, levels_.query(level)->windowClause) {
      const auto* window = lfirst_node(WindowClause, cell);
      if (Levels::window_of_level(level, window->winref) != winref) continue;
      add_clauses(level, window->partitionClause);
      add_clauses(level, window->orderClause);
      // How a frame was written down does not matter.
      const int frame = window->frameOptions & ~(FRAMEOPTION_NONDEFAULT | FRAMEOPTION_BETWEEN);
      call([&] {
        parts_ = lappend(parts_, makeInteger(frame));
        parts_ = lappend(parts_, window->startOffset);
        parts_ = lappend(parts_, window->endOffset);
      });
    }
  }

  const Levels& levels_;
  Windows windows_;
  ::List* parts_ = NIL;
};

}  // namespace

::List* computation_of(const Levels& levels, Expr* expression) { return Computation(levels).of(expression); }

}  // namespace feature

// Any aggregate of PostgreSQL's catalogue as a kernel aggregate: its own transition function is run over the frame's
// arguments, its own final function gives the result. This is how numeric arithmetic stays PostgreSQL's to the last
// digit, and how aggregates of other extensions work.
//
// A transition state is kept in the accumulator's word. It is saved as its own datum, or, where it is internal, through
// the aggregate's serialise and deserialise functions; saved states are combined by its combine function, in order.
#pragma once

#include "kernel/frame.hpp"
#include "pg/boundary.hpp"

extern "C" {
#include <nodes/execnodes.h>
#include <nodes/primnodes.h>
}

namespace feature {

enum class Move;  // see stored_oids.hpp

// Where an argument of a transition function comes from: a column of the event, or a constant.
struct AggregateInput {
  int column = -1;
  Datum constant = 0;
  bool constant_null = true;
};

class CatalogueAggregate final : public Aggregate {
 public:
  // `filter` is a bool column that says which events count, or -1. Allocates in the current memory context, which must
  // outlive the object. Throws SqlError if the aggregate cannot be used as a window function.
  CatalogueAggregate(WindowFunc* function, std::vector<AggregateInput> inputs, int filter);

  // Whether what has been folded can be saved. If not, an unbounded frame reads the entity's whole history.
  [[nodiscard]] bool saveable() const { return !internal_ || (serialise_.fn_oid != 0); }

  // Whether what is saved may hold local OIDs that are not kept: the state's own datum does, or, as nobody knows what a
  // serialise function writes, the inputs' types or collation have such.
  [[nodiscard]] bool saves_local_oids(Move move) const;

  // The type of the state that is saved; of internal states it says nothing of what a serialise function writes.
  [[nodiscard]] Oid saved_type() const { return transition_type_; }

  [[nodiscard]] Oid function() const { return function_->winfnoid; }

  // Transition states are made in this context until it is set again; see AggCheckCallContext.
  void use_context(MemoryContext context) const { state_->curaggcontext = context; }

  // The aggregate's result, in the current memory context or pointing into the accumulator.
  [[nodiscard]] Datum finish(const Accumulator& accumulator, bool* null) const;

  void fold(Accumulator& accumulator, const Event* first, const Event* last) const override;
  [[nodiscard]] std::vector<Storage> saved() const override;
  void save(const Accumulator& accumulator, Value* columns, std::pmr::memory_resource& memory) const override;
  [[nodiscard]] Accumulator restore(const Value* columns, std::int64_t count) const override;
  [[nodiscard]] bool combines() const override { return combine_.fn_oid != 0 && saveable(); }
  [[nodiscard]] bool depends_on_order() const override { return depends_on_order_; }
  [[nodiscard]] bool is_saved(const Value* columns) const override { return !columns[1].null; }
  void combine(Accumulator& accumulator, const Event* first, const Event* last, std::size_t column) const override;

  [[nodiscard]] bool same_as(const CatalogueAggregate& other) const;

 private:
  // What Accumulator::count means here.
  enum : std::int64_t { fresh = 0, has_value = 1, is_null = 2 };

  void step(Accumulator& accumulator, const Event& event) const;
  void combine_one(Accumulator& accumulator, const Value* columns) const;
  void start(Accumulator& accumulator) const;
  void take(Accumulator& accumulator, Datum given) const;
  void apply(Accumulator& accumulator, FunctionCallInfo arguments) const;
  [[nodiscard]] Datum deserialise(const Value& value) const;

  WindowFunc* function_;
  std::vector<AggregateInput> inputs_;
  int filter_;
  WindowAggState* state_;
  mutable FmgrInfo transition_{}, final_{}, serialise_{}, deserialise_{}, combine_{};
  int final_arguments_ = 1;
  Oid transition_type_;
  std::int16_t length_ = 0;
  bool by_value_ = false;
  bool internal_ = false;
  bool depends_on_order_ = true;
  Datum initial_ = 0;
  bool initial_null_ = true;
  std::int16_t result_length_ = 0;
  bool result_by_value_ = false;
};

// An ERROR unless the role may call the function. Runs backend code: only inside call.
void check_execute(Oid function, Oid role);

// Whether states of the aggregate are saved in a list's states: of all sealed events, or of the events below a node.
[[nodiscard]] bool is_saved(const ListPlan& plan, const Aggregate* aggregate);

}  // namespace feature

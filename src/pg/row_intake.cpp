// See row_intake.hpp.

#include "pg/row_intake.hpp"

#include "pg/frame_bounds.hpp"

extern "C" {
#include <executor/executor.h>
}

namespace feature {
namespace {

[[nodiscard]] bool has_time(const Program& program) { return program.plan().time.attribute != InvalidAttrNumber; }

}  // namespace

MinimalTuple next_row(Program& program, RowSource& source) {
  CHECK_FOR_INTERRUPTS();
  ResetExprContext(program.expressions);
  if (!source.next(program.source_row)) return nullptr;
  bool copied;
  return ExecFetchSlotMinimalTuple(program.source_row, &copied);
}

bool prepare(Program& program) {
  program.expressions->ecxt_scantuple = program.source_row;
  if (program.filter != nullptr && !ExecQual(program.filter, program.expressions)) return false;
  ExecProject(program.prepare);
  return true;
}

bool has_event_time(const Program& program) {
  const TupleTableSlot& prepared = *program.prepared;
  return !has_time(program) ||
         (!prepared.tts_isnull[0] && !is_infinite_time(program.plan().time.type, prepared.tts_values[0]));
}

EventTime event_time(const Program& program) {
  if (!has_time(program)) return {};
  const TimeColumn& time = program.plan().time;
  const TupleTableSlot& prepared = *program.prepared;
  const char* column = NameStr(TupleDescAttr(program.source_row->tts_tupleDescriptor, time.attribute - 1)->attname);
  if (prepared.tts_isnull[0]) {
    ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
                    errmsg("event time \"%s\" of feature view \"%s\" must not be null", column,
                           program.identity().name.c_str()),
                    errhint("Declare the column NOT NULL, or leave such rows out with WHERE in the definition.")));
  }
  if (is_infinite_time(time.type, prepared.tts_values[0])) {
    ereport(ERROR,
            (errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
             errmsg("event time \"%s\" of feature view \"%s\" must be finite", column, program.identity().name.c_str()),
             errhint("Leave such rows out with WHERE in the definition.")));
  }
  return to_event_time(time.type, prepared.tts_values[0]);
}

}  // namespace feature

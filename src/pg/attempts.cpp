// See attempts.hpp.

#include "pg/attempts.hpp"

namespace feature {

void Attempts::end() {
  place_.at_no_row();
  if (!can_fail()) return;
  subtransaction_->release();
  subtransaction_.reset();
}

void Attempts::divert(MinimalTuple row, ErrorData* error) {
  const char* feature = place_.feature();
  place_.at_no_row();
  subtransaction_->roll_back();
  diversion_->add(row, *error, feature);
  FreeErrorData(error);
  subtransaction_->begin();
}

void Attempts::pass_over(ErrorData* error) {
  place_.at_no_row();
  subtransaction_->roll_back();
  FreeErrorData(error);
  subtransaction_->begin();
}

}  // namespace feature

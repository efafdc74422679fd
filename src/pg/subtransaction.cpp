// See subtransaction.hpp.

#include "pg/subtransaction.hpp"

extern "C" {
#include <access/xact.h>
}

namespace feature {

Subtransaction::~Subtransaction() {
  if (!open_) return;
  try {
    roll_back();
  } catch (...) {
    // The error that is on its way is the one to be reported.
  }
}

void Subtransaction::begin() {
  outer_ = CurrentResourceOwner;
  call([] {
    MemoryContext context = CurrentMemoryContext;
    BeginInternalSubTransaction(nullptr);
    MemoryContextSwitchTo(context);
  });
  open_ = true;
}

void Subtransaction::release() {
  if (!open_) return;
  open_ = false;
  call([&] {
    MemoryContext context = CurrentMemoryContext;
    ReleaseCurrentSubTransaction();
    MemoryContextSwitchTo(context);
    CurrentResourceOwner = outer_;
  });
}

void Subtransaction::roll_back() {
  if (!open_) return;
  open_ = false;
  call([&] {
    MemoryContext context = CurrentMemoryContext;
    RollbackAndReleaseCurrentSubTransaction();
    MemoryContextSwitchTo(context);
    CurrentResourceOwner = outer_;
  });
}

void Subtransaction::keep_what_was_written() {
  if (!TransactionIdIsValid(GetCurrentTransactionIdIfAny())) return;
  release();
  begin();
}

}  // namespace feature

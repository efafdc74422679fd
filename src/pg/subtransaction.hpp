// Work that can be undone alone when it fails: a subtransaction of the backend, as PL/pgSQL's exception blocks have.
//
// Many pieces of work share one, as long as none has failed and none has written anything: beginning one anew for each
// row would make functions of the user's plan their queries anew for each row.
#pragma once

#include "pg/boundary.hpp"

extern "C" {
#include <utils/resowner.h>
}

namespace feature {

class Subtransaction {
 public:
  Subtransaction() { begin(); }
  Subtransaction(const Subtransaction&) = delete;
  Subtransaction& operator=(const Subtransaction&) = delete;
  // Rolls back what is open: whoever handles the exception is in the transaction that was current before.
  ~Subtransaction();

  void begin();
  void release();
  void roll_back();

  // To be called where a piece of work is done: what it has written stays, whatever becomes of the next.
  void keep_what_was_written();

  // Runs `body` in the transaction around it: what it locks, opens or writes stays.
  template <class Body>
  void outside(Body&& body) {
    release();
    body();
    begin();
  }

 private:
  bool open_ = false;
  ResourceOwner outer_ = nullptr;
};

// Makes a resource owner current for a scope: what is opened belongs to it, and is not closed by a subtransaction's
// end.
class InOwner {
 public:
  explicit InOwner(ResourceOwner owner) : previous_(CurrentResourceOwner) { CurrentResourceOwner = owner; }
  InOwner(const InOwner&) = delete;
  InOwner& operator=(const InOwner&) = delete;
  ~InOwner() { CurrentResourceOwner = previous_; }

 private:
  ResourceOwner previous_;
};

}  // namespace feature

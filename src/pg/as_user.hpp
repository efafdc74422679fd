// Running as somebody else for a scope.
#pragma once

#include "pg/postgres.hpp"

namespace feature {

// Becomes `user` until the scope ends; `restricted` as PostgreSQL does for maintenance of other people's tables: no
// change of role or session state inside. After an error the transaction's end restores the identity as well.
class AsUser {
 public:
  AsUser(Oid user, bool restricted) {
    GetUserIdAndSecContext(&user_, &context_);
    SetUserIdAndSecContext(
        user, context_ | SECURITY_LOCAL_USERID_CHANGE | (restricted ? SECURITY_RESTRICTED_OPERATION : 0));
  }
  AsUser(const AsUser&) = delete;
  AsUser& operator=(const AsUser&) = delete;
  ~AsUser() { SetUserIdAndSecContext(user_, context_); }

 private:
  Oid user_;
  int context_;
};

}  // namespace feature

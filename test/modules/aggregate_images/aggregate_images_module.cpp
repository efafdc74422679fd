// A transition function that takes in the image of a state, as the leader of a parallel plan and the engine of feature
// views do: so SQL can hand any bytes to deserialise functions, which it cannot call itself.

#include "../module.hpp"

// take_in(state internal, deserialise regprocedure, combine regprocedure, image bytea) -> internal
MODULE_FUNCTION(take_in) {
  FmgrInfo deserialise, combine;
  fmgr_info(PG_GETARG_OID(1), &deserialise);
  fmgr_info(PG_GETARG_OID(2), &combine);
  LOCAL_FCINFO(arguments, 2);
  InitFunctionCallInfoData(*arguments, &deserialise, 2, InvalidOid, fcinfo->context, nullptr);
  arguments->args[0] = {PG_GETARG_DATUM(3), false};
  arguments->args[1] = {0, false};
  const Datum taken = FunctionCallInvoke(arguments);

  InitFunctionCallInfoData(*arguments, &combine, 2, InvalidOid, fcinfo->context, nullptr);
  arguments->args[0] = fcinfo->args[0];
  arguments->args[1] = {taken, false};
  const Datum state = FunctionCallInvoke(arguments);
  fcinfo->isnull = arguments->isnull;
  return state;
}

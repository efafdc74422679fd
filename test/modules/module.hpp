// What all modules need: the mark by which a server takes a library, and a way to define functions that it finds.
// To be included once a module.
#pragma once

extern "C" {
#include <postgres.h>
#include <fmgr.h>

// Servers before 16 do not mark these themselves.
#define EXPORTED __attribute__((visibility("default")))
extern EXPORTED const Pg_magic_struct* PG_MAGIC_FUNCTION_NAME(void);
PG_MODULE_MAGIC;
}

// MODULE_FUNCTION(name) { .. } defines what SQL calls by this name. The arguments are fcinfo's.
#define MODULE_FUNCTION(name)                                       \
  extern "C" {                                                      \
  EXPORTED Datum name(PG_FUNCTION_ARGS);                            \
  EXPORTED const Pg_finfo_record* CppConcat(pg_finfo_, name)(void); \
  PG_FUNCTION_INFO_V1(name);                                        \
  }                                                                 \
  Datum name(PG_FUNCTION_ARGS)

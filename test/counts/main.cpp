// Runs all workloads; see run.py, which runs it under callgrind.

#include "workload.hpp"

int main() {
  feature::count_standard();
  feature::count_pairs();
  feature::count_long_frames();
  feature::count_shared();
  feature::count_segments();
  feature::count_folds();
}

// A file that is written from begin to end and whose every write is checked: a full disk must not look like success.
#pragma once

#include <cstdio>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

namespace loadgen {

// The file could not be written; what() names it and says why.
struct CannotWrite : std::runtime_error {
  using std::runtime_error::runtime_error;
};

class OutputFile {
 public:
  // Creates or empties the file; "-" is standard output. Throws CannotWrite.
  explicit OutputFile(const std::string& name);

  void write(std::string_view text);

  // To be called at the end: only then is it known that everything has been written.
  void finish();

 private:
  struct Closer {
    void operator()(std::FILE* file) const;
  };

  [[noreturn]] void fail() const;

  std::string name_;
  std::unique_ptr<std::FILE, Closer> file_;
};

}  // namespace loadgen

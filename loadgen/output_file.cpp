// Standard output is flushed and left open; everything else is closed, and an error of either is an error of the file.
#include "output_file.hpp"

#include <cerrno>
#include <cstring>

namespace loadgen {

OutputFile::OutputFile(const std::string& name)
    : name_(name), file_(name == "-" ? stdout : std::fopen(name.c_str(), "w")) {
  if (!file_) fail();
}

void OutputFile::Closer::operator()(std::FILE* file) const {
  if (file != stdout) std::fclose(file);
}

void OutputFile::fail() const { throw CannotWrite("cannot write \"" + name_ + "\": " + std::strerror(errno)); }

void OutputFile::write(std::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), file_.get()) != text.size()) fail();
}

void OutputFile::finish() {
  std::FILE* const file = file_.release();
  if ((file == stdout ? std::fflush(file) : std::fclose(file)) != 0) fail();
}

}  // namespace loadgen

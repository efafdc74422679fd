// States of one list that a statement has set aside, to be written once, at its end: in a temporary file, found by the
// hash of their keys.
//
// An update of a state row leaves a version behind that nobody can remove before the statement ends, an index entry
// that leads to it, and WAL of both. What a statement sets aside and takes back costs a copy of its bytes instead.
//
// In memory a state takes about thirty bytes then. What was taken back is garbage in the file, which is made anew when
// most of it is.
#pragma once

#include "pg/boundary.hpp"
#include "pg/by_hash.hpp"
#include "pg/key_functions.hpp"
#include "pg/state_store.hpp"

extern "C" {
#include <storage/buffile.h>
}

namespace feature {

class SpilledStates {
 public:
  // The file will belong to the resource owner and the memory context that are current.
  explicit SpilledStates(const std::vector<KeyFunctions>& keys)
      : SpilledStates(keys, CurrentResourceOwner, CurrentMemoryContext) {}

  // Sets aside what is to be written of a row, which is locked, or is to be made still.
  void put(const StateRow& row, const std::byte* image, std::size_t size);

  // Takes an entity's row back, with its image from `memory`; nothing if it is not here. Then `behind_pending` is
  // behind the slots of other entities' rows of this hash that are still to be made. Evaluates equality functions in
  // the current memory context.
  [[nodiscard]] std::optional<StateRow> take(std::uint64_t hash, const NullableDatum* keys,
                                             std::pmr::memory_resource& memory, std::int16_t& behind_pending);

  // Hands all rows to `write` in the order of their hashes, with keys in the current memory context, and forgets them.
  // An image is valid until the next one.
  template <class Write>
  void take_all(Write&& write) {
    for (const Index::Entry& entry : sorted(hash_order)) {
      StateRow row = read(entry);
      write(row);
    }
    forget();
  }

  [[nodiscard]] bool empty() const { return file_ == nullptr; }
  // What they take of memory.
  [[nodiscard]] std::size_t bytes() const { return index_.bytes(); }

 private:
  // Where in the file a state is. What was taken back leaves its place to what comes next of its hash.
  struct Place {
    std::int64_t offset_and_one = 0;
    [[nodiscard]] bool is_free() const { return offset_and_one < 0; }
    [[nodiscard]] std::int64_t offset() const { return offset_and_one - 1; }
    bool operator==(const Place& other) const { return offset_and_one == other.offset_and_one; }
  };
  using Index = ByHash<Place>;

  // What stands in the file before the keys and the image.
  struct Header {
    ItemPointerData tid;
    std::int16_t slot;
    std::uint32_t key_bytes;
    std::uint32_t image_bytes;
    [[nodiscard]] std::size_t size() const { return sizeof(Header) + key_bytes + image_bytes; }
  };

  SpilledStates(const std::vector<KeyFunctions>& keys, ResourceOwner owner, MemoryContext context)
      : keys_(keys), owner_(owner), context_(context) {}

  using Order = bool (*)(const Index::Entry& a, const Index::Entry& b);
  [[nodiscard]] static bool hash_order(const Index::Entry& a, const Index::Entry& b);
  [[nodiscard]] static bool file_order(const Index::Entry& a, const Index::Entry& b);

  // Those that were not taken back.
  [[nodiscard]] std::vector<Index::Entry> sorted(Order order);
  [[nodiscard]] BufFile* create() const;
  [[nodiscard]] Header read_header(const Place& place);
  void read_bytes(std::size_t size);
  [[nodiscard]] const NullableDatum* keys_in_bytes();
  [[nodiscard]] bool has_keys(const NullableDatum* keys);
  [[nodiscard]] StateRow read(const Index::Entry& entry);
  void append(std::uint64_t hash, const Header& header);
  void remove_garbage();
  void forget();

  const std::vector<KeyFunctions>& keys_;
  ResourceOwner owner_;
  MemoryContext context_;
  BufFile* file_ = nullptr;
  Index index_;
  std::int64_t end_ = 0;          // of the file
  std::int64_t live_bytes_ = 0;   // of it, what was not taken back
  std::vector<std::byte> bytes_;  // keys and image that were read last
};

}  // namespace feature

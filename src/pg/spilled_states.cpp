// See spilled_states.hpp.

#include "pg/spilled_states.hpp"

#include <algorithm>

#include "pg/compat.hpp"
#include "pg/memory.hpp"
#include "pg/subtransaction.hpp"

extern "C" {
#include <commands/tablespace.h>
#include <utils/datum.h>
}

namespace feature {
namespace {

void seek(BufFile* file, std::int64_t offset) {
  if (BufFileSeek(file, 0, offset, SEEK_SET) != 0) {
    ereport(ERROR, (errcode_for_file_access(), errmsg("could not seek in temporary file of states: %m")));
  }
}

}  // namespace

BufFile* SpilledStates::create() const {
  const InContext here(context_);
  const InOwner owner(owner_);
  return call([] {
    PrepareTempTablespaces();
    return BufFileCreateTemp(false);
  });
}

void SpilledStates::put(const StateRow& row, const std::byte* image, std::size_t size) {
  check_interrupts();
  while (size > 0 && image[size - 1] == std::byte{0}) --size;
  const std::size_t key_bytes = call([&] {
    Size sum = 0;
    for (std::size_t i = 0; i < keys_.size(); ++i) {
      sum += datumEstimateSpace(row.keys[i].value, row.keys[i].isnull, keys_[i].by_value, keys_[i].length);
    }
    return sum;
  });
  bytes_.resize(key_bytes + size);
  call([&] {
    auto* at = reinterpret_cast<char*>(bytes_.data());
    for (std::size_t i = 0; i < keys_.size(); ++i) {
      datumSerialize(row.keys[i].value, row.keys[i].isnull, keys_[i].by_value, keys_[i].length, &at);
    }
  });
  std::copy_n(image, size, bytes_.data() + key_bytes);
  if (file_ == nullptr) file_ = create();
  append(row.hash, {row.tid, row.slot, static_cast<std::uint32_t>(key_bytes), static_cast<std::uint32_t>(size)});
  constexpr std::int64_t not_worth_it = std::int64_t{1} << 20;
  if (end_ > live_bytes_ * 2 + not_worth_it) remove_garbage();
}

// Keys and image are in bytes_.
void SpilledStates::append(std::uint64_t hash, const Header& header) {
  call([&] {
    seek(file_, end_);
    compat::BufFileWrite(file_, &header, sizeof(header));
    compat::BufFileWrite(file_, bytes_.data(), bytes_.size());
  });
  const Place place{end_ + 1};
  if (Place* free = index_.find(hash, [](const Place& other) { return other.is_free(); })) {
    *free = place;
  } else {
    index_.add(hash, place);
  }
  end_ += static_cast<std::int64_t>(header.size());
  live_bytes_ += static_cast<std::int64_t>(header.size());
}

std::optional<StateRow> SpilledStates::take(std::uint64_t hash, const NullableDatum* keys,
                                            std::pmr::memory_resource& memory, std::int16_t& behind_pending) {
  Header header{};
  StateRow row{};
  Place* place = index_.find(hash, [&](const Place& candidate) {
    if (candidate.is_free()) return false;
    header = read_header(candidate);
    row = {hash, keys, header.tid, header.slot, nullptr, header.image_bytes};
    read_bytes(header.key_bytes);
    if (has_keys(keys)) return true;
    behind_pending = std::max(behind_pending, row.behind_if_pending());
    return false;
  });
  if (place == nullptr) return std::nullopt;
  auto* image = static_cast<std::byte*>(memory.allocate(row.size, 1));
  call([&] { compat::BufFileReadExact(file_, image, row.size); });
  row.image = image;
  live_bytes_ -= static_cast<std::int64_t>(header.size());
  place->offset_and_one = -1;
  return row;
}

StateRow SpilledStates::read(const Index::Entry& entry) {
  const Header header = read_header(entry.value);
  read_bytes(header.key_bytes + header.image_bytes);
  const NullableDatum* keys = keys_in_bytes();
  return {entry.hash, keys, header.tid, header.slot, bytes_.data() + header.key_bytes, header.image_bytes};
}

SpilledStates::Header SpilledStates::read_header(const Place& place) {
  Header header;
  call([&] {
    seek(file_, place.offset());
    compat::BufFileReadExact(file_, &header, sizeof(header));
  });
  return header;
}

// What comes next in the file, into bytes_.
void SpilledStates::read_bytes(std::size_t size) {
  bytes_.resize(size);
  call([&] { compat::BufFileReadExact(file_, bytes_.data(), size); });
}

// As a signed number, as it is in indexes.
bool SpilledStates::hash_order(const Index::Entry& a, const Index::Entry& b) {
  return static_cast<std::int64_t>(a.hash) < static_cast<std::int64_t>(b.hash);
}

bool SpilledStates::file_order(const Index::Entry& a, const Index::Entry& b) {
  return a.value.offset() < b.value.offset();
}

std::vector<SpilledStates::Index::Entry> SpilledStates::sorted(Order order) {
  std::vector<Index::Entry> live;
  for (const Index::Entry& entry : index_.entries()) {
    if (!(entry.value == Place{}) && !entry.value.is_free()) live.push_back(entry);
  }
  std::sort(live.begin(), live.end(), order);
  return live;
}

// In the current memory context.
const NullableDatum* SpilledStates::keys_in_bytes() {
  return call([&] {
    auto* keys = static_cast<NullableDatum*>(palloc(sizeof(NullableDatum) * Max(keys_.size(), 1)));
    auto* at = reinterpret_cast<char*>(bytes_.data());
    for (std::size_t i = 0; i < keys_.size(); ++i) keys[i].value = datumRestore(&at, &keys[i].isnull);
    return keys;
  });
}

// Whether those in bytes_ are these.
bool SpilledStates::has_keys(const NullableDatum* keys) {
  const NullableDatum* stored = keys_in_bytes();
  return call([&] {
    const bool same = same_keys(keys_, stored, keys);
    for (std::size_t i = 0; i < keys_.size(); ++i) {
      if (!keys_[i].by_value && !stored[i].isnull) pfree(DatumGetPointer(stored[i].value));
    }
    pfree(const_cast<NullableDatum*>(stored));
    return same;
  });
}

void SpilledStates::remove_garbage() {
  SpilledStates made_anew(keys_, owner_, context_);
  made_anew.file_ = made_anew.create();
  for (const Index::Entry& entry : sorted(file_order)) {
    check_interrupts();
    const Header header = read_header(entry.value);
    read_bytes(header.key_bytes + header.image_bytes);
    made_anew.bytes_.swap(bytes_);
    made_anew.append(entry.hash, header);
  }
  std::swap(file_, made_anew.file_);
  std::swap(index_, made_anew.index_);
  end_ = made_anew.end_;
  live_bytes_ = made_anew.live_bytes_;
  made_anew.forget();
}

void SpilledStates::forget() {
  if (file_ != nullptr) call([&] { BufFileClose(file_); });
  file_ = nullptr;
  index_.clear();
  end_ = live_bytes_ = 0;
}

}  // namespace feature

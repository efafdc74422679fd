// Where the nodes of an entity's tree come from and go to.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernel/frame.hpp"

namespace feature {

// Where nodes come from. The image stays valid until the next call.
class NodeSource {
 public:
  struct Image {
    const std::byte* bytes;
    std::size_t size;
  };
  virtual ~NodeSource() = default;
  // Throws CorruptState if there is no such node.
  [[nodiscard]] virtual Image load(std::uint32_t number) = 0;
  // Called every few thousand events by what can take long. May throw whatever is to end it.
  virtual void pause() {}
};

// Where changed nodes go. Images are valid until the call returns.
class NodeSink {
 public:
  virtual ~NodeSink() = default;
  virtual void remove_node(std::uint32_t number) = 0;
  virtual void add_node(std::uint32_t number, const std::vector<std::byte>& image) = 0;
  virtual void replace_node(std::uint32_t number, const std::vector<std::byte>& image) = 0;
};

// The writers of one list's segments, kept from entity to entity.
struct SegmentWriters {
  explicit SegmentWriters(const ListPlan& plan) : events(plan.layout), summaries(plan.summaries) {}

  SegmentWriter events;
  SegmentWriter summaries;
};

}  // namespace feature

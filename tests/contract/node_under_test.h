#pragma once
#include <memory>

#include "contract/story.h"

namespace hlid::test {

/// A whole node in this process, at a free port, with a home of its own: everything is real but the network,
/// which has no taps, so that no machine is started with one.
class NodeUnderTest {
 public:
  NodeUnderTest();
  ~NodeUnderTest();
  ServerUnderTest server() const;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace hlid::test

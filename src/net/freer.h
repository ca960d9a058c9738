#pragma once
// Internal to net: the deleter of a C library's objects.

namespace hlid::net {

template <auto Free>
struct Freer {
  template <typename T>
  void operator()(T* object) const {
    Free(object);
  }
};

}  // namespace hlid::net

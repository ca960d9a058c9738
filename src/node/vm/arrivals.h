#pragma once
#include <condition_variable>
#include <mutex>
#include <stop_token>
#include <utility>

namespace hlid::node::vm {

/// Machines that come at the same time: what each does once it is as far as this waits for the others to be
/// so too, so that on a small host the last of them is not kept back by what the first do next. All may be
/// called from any thread.
class Arrivals {
 public:
  /// One machine on its way, until done() or the end of its scope.
  class One {
   public:
    explicit One(Arrivals& all) : all_(all) { all_.change(1); }
    ~One() { leave(); }
    One(const One&) = delete;
    One& operator=(const One&) = delete;
    /// It has come; returns when nobody is on the way any more, but after a few seconds in any case: a stream
    /// of machines must not hold one up for ever. Throws Error(interrupted).
    void arrive(std::stop_token stop) {
      leave();
      all_.wait(std::move(stop));
    }

   private:
    void leave() {
      if (std::exchange(on_its_way_, false)) all_.change(-1);
    }

    Arrivals& all_;
    bool on_its_way_ = true;
  };

 private:
  void change(int by);
  void wait(std::stop_token stop);

  std::mutex mutex_;  // guards on_the_way_
  std::condition_variable_any changed_;
  int on_the_way_ = 0;
};

/// Work that only so many do at a time. Of those who wait nobody is first in any order.
class Turns {
 public:
  explicit Turns(int places) : free_(places) {}

  /// A place, until the end of its scope. Throws Error(interrupted) when `stop` comes first.
  class Turn {
   public:
    Turn(Turns& all, std::stop_token stop);
    ~Turn();
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;

   private:
    Turns& all_;
  };

 private:
  std::mutex mutex_;  // guards free_
  std::condition_variable_any changed_;
  int free_;
};

}  // namespace hlid::node::vm

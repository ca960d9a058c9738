#include "node/vm/arrivals.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "base/error.h"

namespace hlid::node::vm {
namespace {

TEST(Arrivals, NobodyGoesOnBeforeTheLastHasCome) {
  Arrivals all;
  Arrivals::One last(all);
  std::atomic<int> gone_on{0};
  std::vector<std::jthread> threads;
  for (int i = 0; i < 3; ++i)
    threads.emplace_back([&](const std::stop_token& stop) {
      Arrivals::One one(all);
      one.arrive(stop);
      ++gone_on;
    });
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  EXPECT_EQ(gone_on, 0);
  last.arrive({});
  for (auto& thread : threads) thread.join();  // a destructor would ask them to stop
  EXPECT_EQ(gone_on, 3);
}

TEST(Arrivals, OneThatNeverComesIsNotWaitedForOnceItIsGone) {
  Arrivals all;
  auto failed = std::make_unique<Arrivals::One>(all);
  std::jthread other([&](const std::stop_token& stop) { Arrivals::One(all).arrive(stop); });
  failed.reset();
  other.join();
}

TEST(Arrivals, ARequestToStopEndsTheWait) {
  Arrivals all;
  const Arrivals::One on_the_way(all);
  std::stop_source stop;
  stop.request_stop();
  EXPECT_THROW(Arrivals::One(all).arrive(stop.get_token()), Error);
}

TEST(Turns, OnlySoManyAtATime) {
  Turns turns(2);
  std::atomic<int> now{0}, most{0};
  std::vector<std::jthread> threads;
  for (int i = 0; i < 8; ++i)
    threads.emplace_back([&](const std::stop_token& stop) {
      const Turns::Turn turn(turns, stop);
      const int here = ++now;
      for (int seen = most; here > seen && !most.compare_exchange_weak(seen, here);) {
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
      --now;
    });
  for (auto& thread : threads) thread.join();  // a destructor would ask them to stop
  EXPECT_EQ(most, 2);
}

TEST(Turns, ARequestToStopEndsTheWait) {
  Turns turns(1);
  const Turns::Turn first(turns, {});
  std::stop_source stop;
  stop.request_stop();
  EXPECT_THROW(Turns::Turn(turns, stop.get_token()), Error);
}

}  // namespace
}  // namespace hlid::node::vm

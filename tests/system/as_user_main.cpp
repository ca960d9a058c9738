// main of system tests that also run as an ordinary user (ordinary_user.h).
#include <gtest/gtest.h>

#include <cstdio>

#include "support/ordinary_user.h"

int main(int argc, char** argv) {
  if (!hlid::test::become_asked_user()) {
    std::perror("cannot become an ordinary user");
    return 77;
  }
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
